"""Reads and writes arrays in HDF5 files.

Every file is checked by what it says of itself before an array is read: hard links and plain
numbers only, all of them stored in this file, in full, and in chunks of a limited size. That does
not make libhdf5 safe: damaged files can crash it, and compressed ones can unpack to any size. Only
files known by their hash are opened here in this process; `zoo.hub.untrusted` runs the same
functions in a guarded one.
"""

import contextlib
import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import WeightsFormatError
from zoo.files import replacing

MAX_OBJECTS = 20_000
"""Groups and arrays together."""
MAX_DEPTH = 64
"""Of groups."""
MAX_PATH = 1024
"""Characters of an array's name, its groups included."""
MAX_CHUNK_BYTES = 64 * 2**20
"""Unpacked; h5py makes chunks of a megabyte at most by default."""
PIECE_BYTES = 4 * 2**20
"""Of what is read at once."""

NUMBERS = {
    name: np.dtype(name)
    for name in (
        *("float16", "float32", "float64"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
}
"""Type names of plain numbers, in the machine's byte order."""


@dataclass(frozen=True)
class StoredArray:
    """What a file says of an array.

    Args:
        name: str, the array's path in the file.
        shape: tuple of int, or `None` if it has none.
        type_name: str, NumPy's name of the type.
        stored_bytes: int, the size of the array in the file.
    """

    name: str
    shape: tuple[int, ...] | None
    type_name: str
    stored_bytes: int

    @property
    def dtype(self) -> np.dtype | None:
        """The NumPy dtype, or `None` for anything but plain numbers."""
        return NUMBERS.get(self.type_name)

    @property
    def unpacked_bytes(self) -> int:
        """The size of the array in memory, 0 for anything but plain numbers."""
        if self.shape is None or self.dtype is None:
            return 0
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """An open file.

    Args:
        path: the file.
        arrays: dict name -> `StoredArray`.
    """

    def __init__(self, path: Any, arrays: dict[str, StoredArray]) -> None:
        self.path = path
        self.arrays = arrays

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        """Yields the numbers of an array in order, as flat arrays of a few megabytes."""
        raise NotImplementedError

    def read(self, name: str) -> np.ndarray:
        """Returns an array. Check its shape before: memory is taken for it."""
        stored = self.arrays[name]
        if stored.shape is None or stored.dtype is None:
            raise WeightsFormatError(
                f"{self.path}: {name} must hold numbers. Received: {stored.type_name}"
            )
        array = np.empty(stored.shape, stored.dtype)
        flat, start = array.reshape(-1), 0
        for piece in self.pieces(name):
            flat[start : start + piece.size] = piece
            start += piece.size
        return array


class H5PyFile(ArrayFile):
    """A file opened by h5py in this process."""

    def __init__(self, path: Any, file: Any, arrays: dict[str, StoredArray]) -> None:
        super().__init__(path, arrays)
        self._file = file

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        stored = self.arrays[name]
        with _translated_errors(self.path):
            dataset = self._file[name]
            for block in _blocks(stored, dataset.chunks):
                yield np.asarray(dataset[block], stored.dtype).reshape(-1)


@contextlib.contextmanager
def open_arrays(path: str | os.PathLike) -> Iterator[ArrayFile]:
    """Opens a file that is known by its hash, and yields an `ArrayFile`.

    Raises:
        WeightsFormatError: If it isn't an HDF5 file, or holds anything but arrays.

    Example:

    ```python
    with open_arrays("weights/dcgan_mnist.weights.h5") as file:
        print(*file.arrays)
    ```
    """
    with open_h5py(path) as file:
        yield H5PyFile(path, file, {stored.name: stored for stored in scan(path, file)})


@contextlib.contextmanager
def open_h5py(path: str | os.PathLike) -> Iterator[Any]:
    """Opens a file, and yields an `h5py.File` of which nothing has been checked yet."""
    import h5py

    check_regular(path)
    with _translated_errors(path):
        file = h5py.File(path, "r")
    try:
        yield file
    finally:
        with contextlib.suppress(Exception):  # closing a damaged file can fail as well
            file.close()


def scan(path: Any, file: Any) -> Iterator[StoredArray]:
    """Yields what an `h5py.File` says of its arrays, in the order of their names.

    Raises:
        WeightsFormatError: If it holds links other than hard ones, objects other than arrays, or
            arrays that lie elsewhere or aren't there in full.
    """
    with _translated_errors(path):
        yield from _Scan(path).visit(file, "")


def check_regular(path: str | os.PathLike) -> None:
    """Raises `WeightsFormatError` unless `path` is a file; a pipe or a device might never end."""
    if not os.path.isfile(path):
        raise WeightsFormatError(f"{path} can't be read as an HDF5 file: there is no regular file")


def write_arrays(path: str | os.PathLike, arrays: dict[str, np.ndarray], **options: Any) -> None:
    """Writes arrays to an HDF5 file, whole or not at all.

    Args:
        path: the file.
        arrays: dict name -> ndarray; slashes in a name make groups.
        **options: arguments of `h5py.Group.create_dataset`, `compression` for example.

    Raises:
        OSError: If the disk is full, or the folder can't be written to.
    """
    import h5py

    # In memory first: on a full disk, libhdf5 leaves broken objects behind and prints errors.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **options)
    with replacing(path) as temporary:
        temporary.write_bytes(memory.getbuffer())


class _Scan:
    def __init__(self, path):
        self._path = path
        self._seen = set()  # addresses in the file

    def visit(self, group, prefix):
        """Yields the `StoredArray`s of a group and of those in it."""
        import h5py

        if prefix.count("/") > MAX_DEPTH:
            raise self._refused("groups are nested too deeply")
        for name in group:
            path = f"{prefix}{name}"
            if len(path) > MAX_PATH:
                raise self._refused(f"{path[:80]} ... is too long a name")
            if not is_name(name):
                raise self._refused(f"{name!r} in {prefix or 'the root'} is no name")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise self._refused(f"{path} is a link; weights files hold their arrays themselves")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in self._seen:
                raise self._refused(f"{path} is there twice")
            self._seen.add(address)
            if len(self._seen) > MAX_OBJECTS:
                raise self._refused(f"it holds more than {MAX_OBJECTS} groups and arrays")
            if isinstance(item, h5py.Group):
                yield from self.visit(item, f"{path}/")
            elif isinstance(item, h5py.Dataset):
                yield self._describe(item, path)
            else:
                raise self._refused(f"{path} is no array")

    def _describe(self, dataset, name):
        import h5py

        if dataset.is_virtual or dataset.external:
            raise self._refused(f"{name} lies outside of the file")
        properties = dataset.id.get_create_plist()
        for index in range(properties.get_nfilters()):
            number, *_, label = properties.get_filter(index)
            if not h5py.h5z.filter_avail(number):
                label = label.decode("ascii", "replace") or f"number {number}"
                raise self._refused(f"{name} needs the filter {label}, which h5py lacks here")
        stored = StoredArray(name, dataset.shape, dataset.dtype.name, dataset.id.get_storage_size())
        if stored.unpacked_bytes:
            self._check_storage(stored, dataset)
        return stored

    def _check_storage(self, stored, dataset):
        expected, found = stored.unpacked_bytes, stored.stored_bytes
        if dataset.chunks is None:
            if found != expected:
                raise self._refused(f"{stored.name} must have {expected} bytes. Received: {found}")
            return
        chunk_bytes = math.prod(dataset.chunks) * stored.dtype.itemsize
        sides = list(zip(stored.shape, dataset.chunks, strict=True))
        if any(chunk > side for side, chunk in sides):
            raise self._refused(f"{stored.name} is stored in chunks larger than itself")
        if chunk_bytes > MAX_CHUNK_BYTES:
            raise self._refused(
                f"{stored.name} must be stored in chunks of at most {MAX_CHUNK_BYTES} bytes. "
                f"Received: {chunk_bytes}"
            )
        expected = math.prod(-(-side // chunk) for side, chunk in sides)
        found = dataset.id.get_num_chunks()
        if found != expected:
            raise self._refused(f"{stored.name} must have {expected} chunks. Received: {found}")
        # A thousandth and a few bytes are what filters add to what they can't make smaller. Deflate
        # unpacks to a thousand times its size at most: no small file is a large bomb.
        if stored.stored_bytes > expected * (chunk_bytes * 1.002 + 64):
            raise self._refused(f"{stored.name} takes more bytes in the file than it has")

    def _refused(self, reason):
        return WeightsFormatError(f"{self._path}: {reason}")


def is_name(name: str) -> bool:
    """Returns whether a group or an array can have this name."""
    return name.isprintable() and "/" not in name and name not in ("", ".", "..")


def _blocks(stored, chunks):
    """Yields what selects one piece after another, in order."""
    shape, itemsize = stored.shape, stored.dtype.itemsize
    if not shape or not stored.unpacked_bytes:
        yield ...
        return
    axis = 0
    while axis + 1 < len(shape) and math.prod(shape[axis + 1 :]) * itemsize > PIECE_BYTES:
        axis += 1
    step = max(1, PIECE_BYTES // (math.prod(shape[axis + 1 :]) * itemsize))
    if chunks and step > chunks[axis]:
        step -= step % chunks[axis]  # whole chunks, each unpacked once
    for outer in np.ndindex(*shape[:axis]):
        for start in range(0, shape[axis], step):
            yield (*outer, slice(start, start + step))


@contextlib.contextmanager
def _translated_errors(path):
    """Raises whatever h5py raises about a file as `WeightsFormatError`."""
    try:
        yield
    except WeightsFormatError:
        raise
    except MemoryError as error:
        raise WeightsFormatError(f"{path} takes too much memory to be read") from error
    except Exception as error:
        raise WeightsFormatError(
            f"{path} can't be read as an HDF5 file; it may be cut short, or something else: "
            f"{' '.join(str(error).split())[:500]}"
        ) from error
