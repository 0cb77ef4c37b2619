"""When, where and with what a run was made; the environment of its processes."""

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from zoo.imports import PACKAGES

VARIABLES = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Processes that are alive together share the device's memory: nobody may take it all.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


def set_variables(backend):
    """Sets what a framework reads when it is imported; a user's own settings are kept."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    os.environ["KERAS_BACKEND"] = backend


def versions(backend):
    """The row's `versions`, without importing anything."""
    return {
        "keras": _version("keras"),
        "backend": _version(backend) or _version(PACKAGES[backend]),
        "numpy": _version("numpy"),
        "python": platform.python_version(),
    }


def cores():
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def now():
    """Date and time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def commit():
    """The checkout's commit, `-dirty` if something is changed; `None` outside of a checkout."""
    git = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    folder = Path(__file__).parent
    try:
        done = subprocess.run(git, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return None
    return done.stdout.strip() or None


def _version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
