"""A place for the examples of documents and docstrings to run in."""

import shutil

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.processes import ROOT


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A current folder with the files that examples name, and data sets of 64 images each."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (70, 80, 3), "uint8") for _ in range(8)]
    for folder in ("photos", "cats", "pets/cat", "pets/dog", "runs/dcgan_mnist/samples"):
        (tmp_path / folder).mkdir(parents=True)
        for index, pixels in enumerate(pictures, 1):
            Image.fromarray(pixels).save(tmp_path / folder / f"epoch_{index:04}.png")
    shutil.make_archive(str(tmp_path / "cats"), "zip", tmp_path / "cats")
    Image.fromarray(np.dstack([pictures[0], pictures[1][..., 0]])).save(tmp_path / "erased.png")
    for name in ("photo.png", "beach.jpg", "scan.bmp"):
        Image.fromarray(pictures[0]).save(tmp_path / name)
    for name in ("mask.png", "scratches.png"):
        Image.fromarray(np.uint8(255) * (pictures[0][..., 0] > 200)).save(tmp_path / name)
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    shutil.copy(ROOT / "weights/gan_mnist_small.weights.h5", tmp_path / "downloaded.weights.h5")

    def load(name, split="train"):
        images = rng.integers(0, 256, (64, *zoo.datasets.info(name).image_shape), "uint8")
        return images, np.arange(64) % 10

    monkeypatch.setattr(zoo.datasets, "load", load)
    # The tests are no job of several processes, and other tests follow in this one.
    monkeypatch.setattr(zoo.distribution, "data_parallel", lambda synchronize=True: None)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
