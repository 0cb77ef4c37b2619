"""Setup shared by all tests: a quiet backend, one thread per process, and cheap compilation."""

import importlib.metadata
import importlib.util
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of a run's time on JAX goes into compiling tiny networks, which no optimization pays for. The
# cache outlives the checkout, and has no size limit: with one, JAX looks at every file for each new
# entry.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if importlib.util.find_spec("jaxlib"):
    os.environ.setdefault(
        "JAX_COMPILATION_CACHE_DIR",
        str(
            Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            / "keras-gan-zoo-tests"
            / f"jax-{importlib.metadata.version('jaxlib')}"
        ),
    )
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# Parallel processes have one core each; more threads than cores wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import pytest

from zoo.imports import import_keras

import_keras()


def pytest_collection_modifyitems(items):
    """Puts the tests that take longest first: at the end, one process would wait for another."""
    items.sort(key=lambda item: "cross_backend" not in item.keywords)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """Keeps a developer's own folders out of the tests."""
    for name in ("ZOO_WEIGHTS_DIR", "ZOO_WEIGHTS_URL", "ZOO_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own_registry(monkeypatch):
    """Gives the test its own registry: what it registers is gone afterwards."""
    import zoo
    from zoo.hub import registry

    zoo.list_models()  # the shipped models register at the first question
    monkeypatch.setattr(registry, "_SPECS", dict(registry._SPECS))
