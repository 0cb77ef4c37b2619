"""Writes files so that a reader never sees half of one."""

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zoo import interrupts
from zoo.errors import CheckpointError, InvalidInputError

LOCK = ".lock"
"""Name of the file in a run's folder that `sole_writer` locks."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields the path of a temporary file beside `path`, and renames it to `path` at the end.

    If the block raises, the temporary file is removed and `path` stays as it was. At the end the
    file's bytes and its name are on the disk, not only in the system's memory, so that a power cut
    loses neither.

    Raises:
        InvalidInputError: If `path` is a folder or a device.

    Example:

    ```python
    with replacing("scores.json") as temporary:
        temporary.write_text("{}")
    ```
    """
    path = Path(os.path.realpath(path))  # a link stays one
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"Expected a file to write to. Received: {path}, no regular file")
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays: Keras and Pillow choose the format by it.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp", suffix=f".{path.name}")
    os.close(handle)
    remove = functools.partial(Path(temporary).unlink, missing_ok=True)
    with _removed_on_failure(remove):
        yield Path(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it readable by its owner only
        os.replace(temporary, path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def placing_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields the path of a temporary folder beside `path`, and renames it to `path` at the end.

    If the block raises, the temporary folder is removed.

    Args:
        path: of a folder that is empty or doesn't exist.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.mkdtemp(dir=path.parent, prefix=".tmp", suffix=f".{path.name}")
    remove = functools.partial(shutil.rmtree, temporary, ignore_errors=True)
    with _removed_on_failure(remove):
        yield Path(temporary)
        os.chmod(temporary, 0o777 & ~_umask())  # mkdtemp makes it its owner's only
        if path.is_dir():
            path.rmdir()
        os.rename(temporary, path)
        _sync_folder(path.parent)


def remove_leftovers(folder: str | os.PathLike, pattern: str) -> None:
    """Removes what `replacing` left in a folder when its process was killed.

    Args:
        folder: path of a folder, which need not exist.
        pattern: str, shell wildcards of the files' final names.
    """
    for leftover in Path(folder).glob(f".tmp*.{pattern}"):
        leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def sole_writer(folder: str | os.PathLike) -> Iterator[None]:
    """Refuses to run the block while another process is in it for the same folder.

    The system frees the lock when a process ends, however it ends.

    Raises:
        CheckpointError: If another process is.
    """
    import filelock  # as late as it is needed: `zoo list` answers at once

    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(Path(folder, LOCK))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise CheckpointError(
            f"Another process is training into {folder}. Wait for it, or choose another folder. "
            "Processes of one job train together by `zoo train --distribute`, or by "
            "`zoo.distribution.data_parallel()` at the start of the script."
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file
            Path(folder, LOCK).unlink()
        lock.release()


def check_output_folder(path: str | os.PathLike) -> None:
    """Raises `InvalidInputError` unless files can be made in `path`, or `path` can be made."""
    path = Path(path)
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    try:
        # Permissions don't tell enough: the disk can be read-only, and the user can be root.
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InvalidInputError(f"Can't write to the folder {path}: {error.strerror}") from error


@contextlib.contextmanager
def _removed_on_failure(remove):
    """Calls a function if the block raises, or if a signal ends the process meanwhile."""
    interrupts.cleanups.add(remove)
    try:
        yield
    except BaseException:
        remove()
        raise
    finally:
        interrupts.cleanups.discard(remove)


def _umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _sync_folder(folder):
    with contextlib.suppress(OSError):  # not every file system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
