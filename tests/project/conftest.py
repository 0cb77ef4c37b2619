"""A place for the examples of documents and docstrings to run in."""

import numpy as np
import pytest
from PIL import Image

import zoo


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A current folder with photographs and a mask, and data sets of 64 images each."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(8):
        pixels = rng.integers(0, 256, (70, 80, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{index}.png")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(np.uint8(255) * (pixels[..., 0] > 200)).save(tmp_path / "mask.png")

    def load(name, split="train"):
        images = rng.integers(0, 256, (64, *zoo.datasets.info(name).image_shape), "uint8")
        return images, np.arange(64) % 10

    monkeypatch.setattr(zoo.datasets, "load", load)
    monkeypatch.chdir(tmp_path)
