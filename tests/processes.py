"""Running other backends, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras

ROOT = Path(__file__).parents[1]
BACKENDS = [name for name in ("jax", "tensorflow", "torch") if importlib.util.find_spec(name)]
HERE = keras.backend.backend()
NEXT = BACKENDS[(BACKENDS.index(HERE) + 1) % len(BACKENDS)]


def environment(backend, **changes):
    """Returns the environment of a process that runs on `backend` and finds the checkout."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    inherited = {key: value for key, value in os.environ.items() if key not in TESTS_ONLY}
    return {
        **inherited,
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        **changes,
    }


TESTS_ONLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS"}
"""Set by `conftest.py` for the tests' own process: others run as they do for users."""


def run_python(*arguments, backend=HERE, timeout=600, cwd=None, **changes):
    """Runs Python in a process of its own, which must succeed, and returns its output.

    Args:
        *arguments: what follows `python` on the command line.
        backend: name of the backend.
        timeout: seconds.
        cwd: working directory.
        **changes: further environment variables.
    """
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(backend, **changes),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def on_each_backend(function):
    """Returns `{backend: function(backend)}`, computed for two backends at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(BACKENDS, pool.map(function, BACKENDS), strict=True))
