"""Writing files so that a reader never sees half of one."""

import contextlib
import os
import tempfile
from pathlib import Path

from zoo.errors import InvalidInputError


@contextlib.contextmanager
def replacing(path):
    """Gives the path of a temporary file beside `path`, and renames it to `path` at the end.

    If the block raises, the temporary file is removed and what was at `path` stays as it was.

    Raises:
        InvalidInputError: if `path` is a folder or a device.

    Example:

    ```python
    with replacing("grid.png") as temporary:
        image.save(temporary)
    ```
    """
    path = Path(os.path.realpath(path))  # a link stays one
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"Expected a file to write to. Received: {path}, no regular file")
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays: Keras and Pillow choose the format by it.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".{path.name}")
    os.close(handle)
    try:
        yield Path(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes it readable by its owner only
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
