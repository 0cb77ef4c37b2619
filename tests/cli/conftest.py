"""An empty folder, and a tiny model with weights and pictures in it."""

import pytest

from tests.cli.commands import register, save_fresh_weights, save_pictures
from zoo.hub.specs import ModelSpec


@pytest.fixture
def here(tmp_path, monkeypatch, own_registry):
    """An empty current folder, no data, no weights of the machine's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir(exist_ok=True)
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_WEIGHTS_URL", raising=False)
    return tmp_path


@pytest.fixture
def tiny(here):
    register("tiny")
    return "tiny"


@pytest.fixture
def weights(tiny):
    return save_fresh_weights(tiny)


@pytest.fixture
def photos(here):
    save_pictures(here / "photos", 64, (8, 8, 3))
    return "photos"


@pytest.fixture
def builds_no_model(monkeypatch):
    monkeypatch.setattr(ModelSpec, "build", lambda *_, **__: pytest.fail("a model was built"))
