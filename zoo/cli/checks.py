"""Checks of a command's outputs, before minutes of work would go to waste."""

from pathlib import Path

from zoo.errors import InvalidInputError
from zoo.files import check_output_folder


def check_output_file(path):
    """Raises `InvalidInputError` unless a regular file can be written, or replaced, at `path`."""
    path = Path(path)
    if path.is_dir():
        raise InvalidInputError(f"Expected a file to write to. Received: {path}, a folder")
    # Files are written beside and renamed; a device would be gone.
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"Expected a file to write to. Received: {path}, no regular file")
    check_output_folder(path.parent)


def check_run_folder(path, overwrite):
    """Raises `InvalidInputError` unless `path` can take a training run's files.

    Args:
        path: a folder that is empty or isn't there.
        overwrite: bool, whether it may hold something.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InvalidInputError(f"Expected a folder for the run's files. Received: {path}, a file")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InvalidInputError(
            f"The folder {path} isn't empty. Choose another with --out, or replace the run in it "
            "with --overwrite."
        )
    check_output_folder(path)
