"""Shared by all tests: a quiet backend, and tiny variants of the registered models."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from zoo.keras_import import import_keras

BACKEND = import_keras().backend.backend()


def pytest_collection_modifyitems(items):
    """What no backend has a part in is tested on one of them."""
    if BACKEND == "torch":
        return
    skip = pytest.mark.skip(reason="depends on no backend: runs under KERAS_BACKEND=torch")
    for item in items:
        if item.get_closest_marker("any_backend"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """A developer's own folders must not change what is tested."""
    for name in ("ZOO_WEIGHTS_DIR", "ZOO_WEIGHTS_URL", "ZOO_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
