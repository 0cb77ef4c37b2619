"""Object headers: the messages that describe a group or an array."""

import struct
from typing import NamedTuple

MAX_BLOCKS = 64
MAX_BLOCK_BYTES = 2**20
MAX_MESSAGES = 1024

DATASPACE, LINK_INFO, DATATYPE, EXTERNAL_FILES, LAYOUT = 0x01, 0x02, 0x03, 0x07, 0x08
LINK, FILTERS, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE = 0x06, 0x0B, 0x0C, 0x10, 0x11


class Message(NamedTuple):
    """One fact about an object."""

    kind: int
    shared: bool  # only a pointer to it
    body: bytes


def read_messages(source, address, name):
    """The messages of the object whose header begins at an address.

    Args:
        source: `Source`.
        address: int.
        name: str, what errors call the object.

    Returns:
        list of `Message`.
    """
    if source.structure(address, 4) == b"OHDR":
        raise newer(source, name)
    version, expected, size = source.unpack("<BxHxxxxIxxxx", address)
    if version != 1 or expected > MAX_MESSAGES:
        raise source.damaged(f"{name} has no sound header")
    messages = []
    blocks = [(address + 16, size)]
    for start, length in blocks:  # grows
        if len(blocks) > MAX_BLOCKS or length > MAX_BLOCK_BYTES:
            raise source.damaged(f"the header of {name} is too large")
        block, position = source.structure(start, length), 0
        while position + 8 <= length and len(messages) < expected:
            kind, size, flags = struct.unpack_from("<HHB", block, position)
            body = block[position + 8 : position + 8 + size]
            position += 8 + size
            if len(body) < size or (kind == CONTINUATION and size < 16):
                raise source.damaged(f"the header of {name} is cut short")
            if kind == CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", body))
            messages.append(Message(kind, bool(flags & 2), body))
    if len(messages) != expected:
        raise source.damaged(f"the header of {name} lacks messages")
    return messages


def newer(source, name):
    """The error about forms that h5py writes only if it is asked to."""
    return source.refused(
        f"{name} is stored in a newer form of HDF5 than weights files need. Write the file again "
        "with Keras' `save_weights`, or with h5py and no `libver` or `track_order`."
    )
