"""An empty folder, and a tiny model with weights and pictures in it."""

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import CONFIG
from zoo.hub import catalog, registry
from zoo.hub.specs import ModelSpec
from zoo.hub.weights import save_weights


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, no data, no weights of the machine's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_WEIGHTS_URL", raising=False)
    return tmp_path


@pytest.fixture
def tiny(here):
    recipe = {"epochs": 1, "batch_size": 16}
    registry.add(
        ModelSpec("tiny", **catalog.VANILLA_GAN, config=CONFIG, recipe=registry.Recipe(**recipe))
    )
    yield "tiny"
    registry.unregister("tiny")


@pytest.fixture
def weights(tiny, here):
    save_weights(zoo.load("tiny", weights=None, seed=1), here / "tiny.weights.h5")
    return "tiny.weights.h5"


@pytest.fixture
def photos(here):
    folder = here / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3)).astype("uint8")
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index:02}.png")
    return "photos"
