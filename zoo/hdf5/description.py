"""What an array's header says: shape, type of its numbers, filters and where the bytes are."""

import math
import struct
from dataclasses import dataclass

import numpy as np

from zoo.hdf5.objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL_FILES,
    FILTERS,
    LAYOUT,
)

MAX_RANK = 32
DEFLATE, SHUFFLE = 1, 2

_FILTER_NAMES = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit"}
_FILTER_NAMES |= {6: "scaleoffset", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32015: "zstd"}
_ALLOWED_FILTERS = {(), (DEFLATE,), (SHUFFLE,), (SHUFFLE, DEFLATE)}

_CLASSES = ("integer", "float", "time", "string", "bit field", "opaque", "compound", "reference")
_CLASSES += ("enumeration", "variable-length", "array")


@dataclass(frozen=True)
class Layout:
    """Where an array's bytes are.

    Args:
        kind: `"compact"` in the header, `"contiguous"` in one piece, or `"chunked"`.
        address: int, of the piece or of the index of chunks.
        size: int, bytes of the piece.
        chunks: tuple, shape of each chunk, or `None`.
        data: bytes, in the header.
    """

    kind: str
    address: int = 0
    size: int = 0
    chunks: tuple | None = None
    data: bytes = b""


@dataclass(frozen=True)
class Description:
    """What is known of an array before any of its numbers is read.

    Args:
        shape: tuple, or `None` if it has none.
        dtype: NumPy dtype, or `None` for types that no weights have.
        type_name: str, of any type.
        filters: tuple of filter numbers, in the order of writing.
        layout: `Layout`.
    """

    shape: tuple | None
    dtype: np.dtype | None
    type_name: str
    filters: tuple
    layout: Layout

    @property
    def unpacked_bytes(self):
        """Of the whole array."""
        if self.shape is None or self.dtype is None:
            return 0
        return math.prod(self.shape) * self.dtype.itemsize


def describe(source, messages, name):
    """The `Description` of an array.

    Args:
        source: `Source`.
        messages: list of `Message`, of the array.
        name: str, what errors call it.

    Raises:
        WeightsFormatError: if it isn't sound, lies elsewhere, or needs a filter that isn't allowed.
    """
    found = {}
    for message in messages:
        if message.kind in (DATASPACE, DATATYPE, LAYOUT, FILTERS):
            if message.shared:
                raise source.refused(f"{name} has a type or shape that is kept elsewhere")
            if message.kind in found:
                raise source.damaged(f"{name} is described twice")
            found[message.kind] = message.body
        elif message.kind == EXTERNAL_FILES:
            raise source.refused(f"{name} lies outside of the file")
    try:
        shape = _shape(found[DATASPACE])
        dtype, type_name = _dtype(found[DATATYPE])
        layout = _layout(source, found[LAYOUT], name)
        filters = _filters(source, found[FILTERS], name) if FILTERS in found else ()
    except (struct.error, IndexError, KeyError):
        raise source.damaged(f"the description of {name} is cut short") from None
    except _UnsoundError as error:
        raise source.damaged(f"{name} has {error}") from None
    if layout.kind == "chunked":
        if shape is None or len(layout.chunks) != len(shape) or 0 in layout.chunks:
            raise source.damaged(f"{name} has chunks of another rank than itself")
        # What it is read into has the array's size: what inflates beyond that is a bomb.
        if any(chunk > side for chunk, side in zip(layout.chunks, shape, strict=True)):
            raise source.refused(f"{name} is stored in chunks larger than itself")
    elif filters:
        raise source.damaged(f"{name} has filters but no chunks")
    return Description(shape, dtype, type_name, filters, layout)


class _UnsoundError(Exception):
    """A part of the description breaks the format's rules."""


def _shape(body):
    version, rank = struct.unpack_from("<BB", body)
    if version not in (1, 2) or rank > MAX_RANK:
        raise _UnsoundError("no sound shape")
    if version == 2 and body[3] == 2:
        return None
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


def _dtype(body):
    for dtype, encoded in _ENCODED.items():
        if body.startswith(encoded):
            return dtype, dtype.name
    kind = body[0] & 15
    size = struct.unpack_from("<I", body, 4)[0]
    name = _CLASSES[kind] if kind < len(_CLASSES) else f"type {kind}"
    return None, f"{name} of {size} bytes"


def _encode(dtype):
    """A datatype message of the numbers that weights files hold, little-endian."""
    size, kind = dtype.itemsize, dtype.kind
    if kind in "iu":
        return struct.pack("<BBBBIHH", 0x10, 8 * (kind == "i"), 0, 0, size, 0, 8 * size)
    info = np.finfo(dtype)
    exponent, mantissa = info.iexp, info.nmant
    head = struct.pack("<BBBBI", 0x11, 0x20, 8 * size - 1, 0, size)
    bias = 2 ** (exponent - 1) - 1
    return head + struct.pack("<HHBBBBI", 0, 8 * size, mantissa, exponent, 0, mantissa, bias)


_NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_ENCODED = {dtype: _encode(dtype) for dtype in (np.dtype(f"<{code}") for code in _NUMBERS)}


def _layout(source, body, name):
    version, kind = body[0], body[1]
    if version == 4 and kind == 3:
        raise source.refused(f"{name} lies outside of the file, it is a virtual array")
    if version != 3 or kind > 2:
        raise source.refused(f"{name} is laid out in another version of HDF5 than h5py writes")
    if kind == 0:
        size = struct.unpack_from("<H", body, 2)[0]
        return Layout("compact", size=size, data=body[4 : 4 + size])
    if kind == 1:
        address, size = struct.unpack_from("<QQ", body, 2)
        return Layout("contiguous", address, size)
    rank = body[2]
    if not 1 <= rank <= MAX_RANK + 1:
        raise _UnsoundError("no sound chunks")
    address, *chunks = struct.unpack_from(f"<Q{rank}I", body, 3)
    return Layout("chunked", address, chunks=tuple(chunks[:-1]))


def _filters(source, body, name):
    if body[0] != 1:
        raise source.refused(f"{name} has filters in another version of HDF5 than h5py writes")
    position, found = 8, []
    for _ in range(body[1]):
        number, name_bytes, _, values = struct.unpack_from("<HHHH", body, position)
        position += 8 + name_bytes + 4 * (values + values % 2)
        found.append(number)
    if tuple(found) not in _ALLOWED_FILTERS:
        names = ", ".join(_FILTER_NAMES.get(number, f"number {number}") for number in found[:8])
        raise source.refused(
            f"{name} must be stored plain, or through shuffle and deflate (gzip). Received: {names}"
        )
    return tuple(found)
