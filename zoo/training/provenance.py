"""Where a record comes from: the commit of this checkout, versions, the device.

Importing this module imports neither Keras nor a backend.
"""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from zoo.imports import PACKAGES

_HERE = "zoo/training/provenance.py"


def commit() -> str:
    """Returns the commit of the checkout that the package runs from, "" outside of one.

    A package installed inside another project's repository, in its ignored `.venv` for example, is
    not part of that repository: its commit says nothing about the code, and is not returned.

    Returns:
        40 hex digits, followed by "-dirty" if tracked files were changed.
    """
    if _git("ls-files", "--full-name", Path(__file__).name) != _HERE:
        return ""
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def versions(backend: str) -> dict[str, str | None]:
    """Returns the versions of `keras`, of the `backend`, of `numpy` and of `python`.

    Reads the metadata of installed packages and imports none of them. The version of a package
    without metadata is `None`.
    """
    return {
        "keras": _version("keras"),
        "backend": _version(backend) or _version(PACKAGES[backend]),
        "numpy": _version("numpy"),
        "python": platform.python_version(),
    }


def device() -> str:
    """Returns the machine's architecture and the device that Keras' backend computes on."""
    from zoo.backend import device_name

    return f"{platform.machine()}, {device_name()}"


def _version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments):
    """The output of a git command in this folder, "" if it fails."""
    # A git hook sets GIT_DIR and the like, which would name another repository than this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).resolve().parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
