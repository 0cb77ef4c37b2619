"""Reading weights files without libhdf5, under limits, whoever wrote them.

libhdf5 trusts what a file says: its deflate filter inflates a chunk to any size, and some damaged
files crash the process. Here each address, length and count is checked, in Python, before it is
followed, nothing larger than announced is inflated, and links, foreign files and all types but
plain numbers are refused. Only the form is read that Keras and h5py write by default: version 0 of
the superblock, version 1 of headers and trees. See the HDF5 File Format Specification, version 1.1,
https://support.hdfgroup.org/documentation/hdf5/latest/_s_p_e_c.html
"""

import contextlib
import os

from zoo.errors import WeightsFormatError
from zoo.hdf5.attributes import read_text
from zoo.hdf5.description import describe
from zoo.hdf5.groups import is_group, read_members
from zoo.hdf5.objects import DATASPACE, newer, read_messages
from zoo.hdf5.source import Source
from zoo.hdf5.storage import Dataset

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 20_000  # groups and arrays together
MAX_DEPTH = 64  # of groups
MAX_PATH = 1024  # characters


class HDF5File:
    """An open file: its arrays, and the text attributes of its root.

    Args:
        source: `Source`.

    Attributes:
        datasets: dict path -> `Dataset`, nothing of which has been read yet.
    """

    def __init__(self, source):
        self._source = source
        root = _root_address(source)
        self._messages = read_messages(source, root, "the root")
        if not is_group(self._messages):
            raise source.damaged("its root is no group")
        self.datasets = {}
        self._visit(self._messages, "", {root})

    def attribute(self, name, max_bytes):
        """The text of a root attribute of at most so many bytes, or `None` if there is none."""
        return read_text(self._source, self._messages, name, max_bytes)

    def _visit(self, messages, prefix, seen):
        if prefix.count("/") > MAX_DEPTH:
            raise self._source.refused("groups are nested too deeply")
        names = set()
        for name, address in read_members(self._source, messages, prefix):
            path = f"{prefix}{name}"
            if name in names or address in seen:
                raise self._source.refused(f"{path} is there twice")
            if len(path) > MAX_PATH:
                raise self._source.refused(f"{path[:80]} ... is too long a name")
            names.add(name)
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise self._source.refused(f"it holds more than {MAX_OBJECTS} groups and arrays")
            found = read_messages(self._source, address, path)
            if is_group(found):
                self._visit(found, f"{path}/", seen)
            elif any(message.kind == DATASPACE for message in found):
                self.datasets[path] = Dataset(
                    self._source, path, describe(self._source, found, path)
                )
            else:
                raise self._source.refused(f"{path} is no array")


@contextlib.contextmanager
def open_hdf5(path):
    """Opens a file for reading.

    Args:
        path: the file.

    Yields:
        `HDF5File`.

    Raises:
        WeightsFormatError: if it is no HDF5 file in the form that Keras writes.

    Example:

    ```python
    with open_hdf5("dcgan_mnist.weights.h5") as file:
        print(*file.datasets)
    ```
    """
    # Not a pipe or a device, which might never end.
    if not os.path.isfile(path):
        raise WeightsFormatError(f"{path} can't be read as an HDF5 file: there is no regular file")
    try:
        with open(path, "rb") as file:
            yield HDF5File(Source(path, file))
    except OSError as error:
        raise WeightsFormatError(f"{path} can't be read: {error.strerror or error}") from error


def _root_address(source):
    if source.structure(0, min(8, source.size)) != SIGNATURE:
        raise source.damaged("it doesn't begin like one")
    (version,) = source.unpack("<B", 8)
    if version in (2, 3):
        raise newer(source, "the file")
    sizes = source.unpack("<BB", 13)
    base, _, end, _, _, root = source.unpack("<QQQQQQ", 24)
    if version != 0 or sizes != (8, 8) or base != 0:
        raise source.damaged("its first bytes aren't sound")
    if end > source.size:
        raise source.damaged(f"it should have {end} bytes. Received: {source.size}")
    return root
