"""Shared by all tests: a quiet backend, and what is compiled is compiled once."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of what the tests wait for on JAX is XLA compiling the same tiny networks, in test after test
# and process after process. No limit to the size: JAX would look at every file for each new one.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# Processes side by side have a core each; more threads than cores wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from zoo.imports import import_keras

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
