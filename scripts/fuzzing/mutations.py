"""Damage to the bytes of a file: any format, and with an eye for where HDF5 keeps its structure."""

import struct

HDF5_SIGNATURES = (b"\x89HDF", b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"OCHK")
STRUCTURE_BYTES = 512
"""After a signature, or a file's start: what counts as structure."""

TELLING = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TELLING += (2**31 + 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
"""Numbers at which lengths, counts and addresses go wrong."""


def mutate(data, rng):
    """Bytes with one to four kinds of damage.

    Args:
        data: bytes.
        rng: `random.Random`.

    Returns:
        bytes, of another length maybe.
    """
    damaged = bytearray(data)
    spots = _structure(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if damaged:
            rng.choice(KINDS)(damaged, rng, _position(damaged, spots, rng))
    return bytes(damaged)


def _structure(data):
    """Where a signature begins; the start of the file is one such place."""
    spots = [0]
    for signature in HDF5_SIGNATURES:
        start = data.find(signature)
        while start >= 0:
            spots.append(start)
            start = data.find(signature, start + 1)
    return spots


def _position(data, spots, rng):
    # Most of a weights file is compressed numbers: half of the damage goes to its structure.
    if rng.random() < 0.5:
        return rng.randrange(len(data))
    return min(rng.choice(spots) + rng.randrange(STRUCTURE_BYTES), len(data) - 1)


def flip_bits(data, rng, position):
    data[position] ^= 1 << rng.randrange(8)


def change_byte(data, rng, position):
    data[position] = rng.randrange(256)


def change_number(data, rng, position):
    """A length, a count or an address, little-endian, where such a field might be aligned."""
    size = rng.choice((1, 2, 4, 8))
    position -= position % size
    if position + size <= len(data):
        old = int.from_bytes(data[position : position + size], "little")
        new = rng.choice((*TELLING, old + 1, old - 1, 2 * old, rng.randrange(len(data))))
        data[position : position + size] = (new % 256**size).to_bytes(size, "little")


def truncate(data, rng, position):
    del data[position:]


def insert(data, rng, position):
    data[position:position] = rng.randbytes(rng.choice((1, 2, 8, 64, 1000)))


def remove(data, rng, position):
    del data[position : position + rng.choice((1, 2, 8, 64, 1000))]


def zero_block(data, rng, position):
    size = min(rng.choice((2, 4, 8, 40, 512, 4096)), len(data) - position)
    data[position : position + size] = bytes(size)


def splice(data, rng, position):
    """One part of a file over another: sound structures in the wrong place."""
    size = rng.choice((8, 16, 40, 256, 2048))
    source = rng.randrange(len(data))
    part = data[source : source + size][: len(data) - position]
    data[position : position + len(part)] = part


def swap_addresses(data, rng, position):
    """Eight bytes for those of another place: one structure where another was meant."""
    other = rng.randrange(len(data))
    position, other = position - position % 8, other - other % 8
    if max(position, other) + 8 <= len(data):
        first, second = (
            struct.unpack_from("8s", data, position),
            struct.unpack_from("8s", data, other),
        )
        struct.pack_into("8s", data, position, *second)
        struct.pack_into("8s", data, other, *first)


KINDS = (
    flip_bits,
    change_byte,
    change_number,
    change_number,
    truncate,
    insert,
    remove,
    zero_block,
    splice,
    swap_addresses,
)
