"""Shared by all tests: a quiet backend, and tiny variants of the registered models."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from zoo.keras_import import import_keras

import_keras()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """A developer's own folders must not change what is tested."""
    for name in ("ZOO_WEIGHTS_DIR", "ZOO_WEIGHTS_URL", "ZOO_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
