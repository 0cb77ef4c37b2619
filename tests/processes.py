"""Running other backends, each in a process of its own."""

import importlib.util
import os
from pathlib import Path

import keras

ROOT = Path(__file__).parents[1]
BACKENDS = [name for name in ("jax", "tensorflow", "torch") if importlib.util.find_spec(name)]
HERE = keras.backend.backend()
NEXT = BACKENDS[(BACKENDS.index(HERE) + 1) % len(BACKENDS)]


def environment(backend, **changes):
    """For a process that runs on `backend` and finds the checkout's modules."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        **changes,
    }
