"""An array's numbers: read piece by piece, inflated no further than to the size of the piece."""

import math
import struct
import zlib

import numpy as np

from zoo.hdf5.description import DEFLATE, SHUFFLE
from zoo.hdf5.groups import read_tree

PIECE_BYTES = 2**20
MAX_CHUNK_BYTES = 64 * 2**20
"""Unpacked; h5py makes chunks of a megabyte at most, unless it is asked for larger ones."""
MAX_CHUNKS = 65_536  # of an array


class Dataset:
    """An array in a file.

    Args:
        source: `Source`.
        name: str, its path in the file.
        description: `Description`.
    """

    def __init__(self, source, name, description):
        self.name = name
        self.shape, self.dtype = description.shape, description.dtype
        self.type_name = description.type_name
        self.unpacked_bytes = description.unpacked_bytes
        self._source, self._filters = source, description.filters
        self._layout = description.layout

    def read(self):
        """The whole array; check shape and dtype before."""
        array = np.empty(self.shape, self.dtype)
        for place, values in self.pieces():
            target = array.reshape(-1) if isinstance(place, slice) else array
            target[place] = values
        return array

    def pieces(self):
        """Yields (place, values) of all the array, each of a few megabytes.

        The place is a tuple of slices, one for each axis, or one slice of the flat array.
        """
        if self.shape is None or self.dtype is None:
            raise self._source.refused(f"{self.name} holds no numbers: {self.type_name}")
        if self.unpacked_bytes == 0:
            return
        if self._layout.kind == "chunked":
            yield from self._chunks()
            return
        if self._layout.size != self.unpacked_bytes:
            raise self._source.damaged(
                f"{self.name} must have {self.unpacked_bytes} bytes. Received: {self._layout.size}"
            )
        step = PIECE_BYTES // self.dtype.itemsize
        for start in range(0, math.prod(self.shape), step):
            stop = min(start + step, math.prod(self.shape))
            yield slice(start, stop), self._plain(start, stop)

    def stored_bytes(self):
        """Of the file, for this array's numbers."""
        if self._layout.kind == "chunked" and self.unpacked_bytes:
            return sum(size for size, *_ in self._index())
        return self._layout.size if self.unpacked_bytes else 0

    def _plain(self, start, stop):
        first, last = start * self.dtype.itemsize, stop * self.dtype.itemsize
        if self._layout.kind == "compact":
            data = self._layout.data[first:last]
        else:
            data = self._source.read(self._layout.address + first, last - first)
        if len(data) != last - first:
            raise self._source.damaged(f"{self.name} is cut short")
        return np.frombuffer(data, self.dtype)

    def _chunks(self):
        chunks = self._layout.chunks
        for size, mask, offsets, address in self._index():
            data = self._source.read(address, size)
            values = np.frombuffer(self._unpack(data, mask), self.dtype).reshape(chunks)
            place = tuple(
                slice(offset, min(offset + chunk, side))
                for offset, chunk, side in zip(offsets, chunks, self.shape, strict=True)
            )
            # What sticks out of the array at its far end is padding.
            yield place, values[tuple(slice(0, part.stop - part.start) for part in place)]

    def _index(self):
        """Sorted (stored bytes, mask of skipped filters, offsets, address); all of the array."""
        chunks, shape = self._layout.chunks, self.shape
        chunk_bytes = math.prod(chunks) * self.dtype.itemsize
        if chunk_bytes > MAX_CHUNK_BYTES:
            raise self._source.refused(
                f"{self.name} must be stored in chunks of at most {MAX_CHUNK_BYTES} bytes. "
                f"Received: {chunk_bytes}"
            )
        expected = math.prod(-(-side // chunk) for side, chunk in zip(shape, chunks, strict=True))
        if expected > MAX_CHUNKS:
            raise self._source.refused(
                f"{self.name} must be stored in at most {MAX_CHUNKS} chunks. Received: {expected}"
            )
        key = struct.Struct(f"<II{len(shape)}QQ")
        found = {}
        for raw, address in read_tree(self._source, self._layout.address, 1, key.size, self.name):
            size, mask, *offsets, _ = key.unpack(raw)
            sound = all(
                offset < side and offset % chunk == 0
                for offset, side, chunk in zip(offsets, shape, chunks, strict=True)
            )
            # A thousandth more is what deflate adds to what it can't make smaller.
            if not sound or tuple(offsets) in found or size > chunk_bytes * 1.002 + 64:
                raise self._source.damaged(f"a chunk of {self.name} is out of place")
            found[tuple(offsets)] = (size, mask, tuple(offsets), address)
        if len(found) != expected:
            raise self._source.damaged(
                f"{self.name} must have {expected} chunks. Received: {len(found)}"
            )
        return sorted(found.values(), key=lambda chunk: chunk[2])

    def _unpack(self, data, mask):
        """A chunk's bytes through its filters, backwards, but for those that writing skipped."""
        size = math.prod(self._layout.chunks) * self.dtype.itemsize
        for position, number in reversed(list(enumerate(self._filters))):
            if mask >> position & 1:
                continue
            if number == DEFLATE:
                data = self._inflate(data, size)
            elif number == SHUFFLE and len(data) == size:
                planes = np.frombuffer(data, "uint8").reshape(self.dtype.itemsize, -1)
                data = planes.T.tobytes()
        if len(data) != size:
            raise self._source.damaged(
                f"a chunk of {self.name} must have {size} bytes. Received: {len(data)}"
            )
        return data

    def _inflate(self, data, size):
        stream = zlib.decompressobj()
        try:
            # One byte over: what would go on is a bomb, and stops here.
            inflated = stream.decompress(data, size + 1)
        except zlib.error as error:
            raise self._source.damaged(f"a chunk of {self.name}: {error}") from None
        if len(inflated) > size:
            raise self._source.refused(
                f"a chunk of {self.name} inflates to more than its {size} bytes"
            )
        if not stream.eof:
            raise self._source.damaged(f"a chunk of {self.name} is cut short")
        return inflated
