"""The bytes of an HDF5 file, of which only so many describe it, and the errors about them."""

import os
import struct

from zoo.errors import WeightsFormatError

MAX_STRUCTURE_BYTES = 32 * 2**20
"""Of headers, trees and names; a file as Keras writes it has a few hundred bytes for each array."""
MAX_STRUCTURE_READS = 500_000

UNDEFINED = 2**64 - 1
"""The address of what isn't there."""


class Source:
    """An open file.

    Args:
        path: what errors call it.
        file: binary file object.
    """

    def __init__(self, path, file):
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._structure_bytes = self._structure_reads = 0

    def read(self, address, size):
        """`size` bytes of data.

        Raises:
            WeightsFormatError: if the file doesn't have them.
        """
        if address + size > self.size:
            raise self.damaged(f"{size} bytes at {address} lie beyond its end at {self.size}")
        self._file.seek(address)
        data = self._file.read(size)
        if len(data) != size:
            raise self.damaged("it was cut short while it was read")
        return data

    def structure(self, address, size):
        """`size` bytes that describe data; all of them together have a limit.

        Structures that point to each other in a circle, or a thousand times to the same one, end
        here at the latest.
        """
        self._structure_reads += 1
        self._structure_bytes += size
        if (
            self._structure_bytes > MAX_STRUCTURE_BYTES
            or self._structure_reads > MAX_STRUCTURE_READS
        ):
            raise self.refused("its structure is too large, or goes round in a circle")
        return self.read(address, size)

    def unpack(self, layout, address):
        """Numbers in `struct` notation."""
        return struct.unpack(layout, self.structure(address, struct.calcsize(layout)))

    def damaged(self, reason):
        """The error that the file breaks the format's rules."""
        return WeightsFormatError(
            f"{self.path} can't be read as an HDF5 file; it may be cut short, or something else: "
            f"{reason}"
        )

    def refused(self, reason):
        """The error that the file holds what a weights file has no business to hold."""
        return WeightsFormatError(f"{self.path}: {reason}")
