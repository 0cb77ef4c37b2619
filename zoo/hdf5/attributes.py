"""Text attributes, of a limited length."""

import struct

from zoo.errors import WeightsFormatError
from zoo.hdf5.objects import ATTRIBUTE

STRING, VARIABLE_LENGTH = 3, 9
MAX_HEAP_OBJECTS = 65_535


def read_text(source, messages, name, max_bytes):
    """The text of an object's attribute, or `None` if it has none of this name.

    Args:
        source: `Source`.
        messages: list of `Message`, of the object.
        name: str.
        max_bytes: int.

    Raises:
        WeightsFormatError: if it is longer, or no single text.
    """
    for message in messages:
        if message.kind != ATTRIBUTE:
            continue
        try:
            found, datatype, dataspace, data = _parts(message.body)
            if found != name.encode():
                continue
            if message.shared or (message.body[0] == 2 and message.body[1]):
                raise source.refused(f"the attribute {name!r} is kept elsewhere")
            raw = _text_bytes(source, datatype, dataspace, data, name, max_bytes)
            return raw.decode("utf-8")
        except WeightsFormatError:
            raise
        except (struct.error, IndexError, ValueError):
            raise source.damaged(f"its attribute {name!r} isn't sound") from None
    return None


def _parts(body):
    """(name, datatype, dataspace, data) of an attribute message."""
    version, *sizes = struct.unpack_from("<BxHHH", body)
    if version not in (1, 2, 3):
        raise ValueError
    position, parts = 9 if version == 3 else 8, []
    for size in sizes:
        parts.append(body[position : position + size])
        position += -(-size // 8) * 8 if version == 1 else size
    name, datatype, dataspace = parts
    return name.rstrip(b"\0"), datatype, dataspace, body[position:]


def _text_bytes(source, datatype, dataspace, data, name, max_bytes):
    # One text: of rank 0.
    single = dataspace[1] == 0 and not (dataspace[0] == 2 and dataspace[3] == 2)
    kind, size = datatype[0] & 15, struct.unpack_from("<I", datatype, 4)[0]
    is_text = kind == STRING or (kind == VARIABLE_LENGTH and datatype[1] & 15 == 1)
    if not single or not is_text:
        raise source.refused(f"the attribute {name!r} must be a text")
    if kind == VARIABLE_LENGTH:
        size, address, index = struct.unpack_from("<IQI", data)
    if size > max_bytes:
        raise source.refused(
            f"the attribute {name!r} must have at most {max_bytes} bytes. Received: {size}"
        )
    if kind == STRING:
        if len(data) < size:
            raise ValueError
        return data[:size].rstrip(b"\0")
    return _heap_object(source, address, index, size) if size else b""


def _heap_object(source, address, index, size):
    """`size` bytes of an object in a global heap collection."""
    signature, heap_bytes = source.unpack("<4s4xQ", address)
    if signature != b"GCOL":
        raise ValueError
    position, end = address + 16, address + heap_bytes
    for _ in range(MAX_HEAP_OBJECTS):
        if position + 16 > end:
            break
        found, object_bytes = source.unpack("<H6xQ", position)
        if found == index and found != 0:
            if object_bytes < size or position + 16 + size > end:
                raise ValueError
            return source.read(position + 16, size)
        position += 16 + -(-object_bytes // 8) * 8
    raise ValueError
