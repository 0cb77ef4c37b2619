"""Groups: the names in them, and where the named objects are. Hard links only."""

import struct

from zoo.hdf5.objects import LINK, LINK_INFO, SYMBOL_TABLE, newer
from zoo.hdf5.source import UNDEFINED

MAX_LEVELS = 8  # of a tree; each level multiplies what it can hold by 16 at least
MAX_NAME_BYTES = 255
SOFT = 2  # of a symbol table
HARD = 0  # of a link message

_ENTRY = struct.Struct("<QQI20x")


def is_group(messages):
    """Whether an object is a group."""
    return any(message.kind in (SYMBOL_TABLE, LINK_INFO) for message in messages)


def read_members(source, messages, prefix):
    """Yields (name, address) of what is in a group.

    Args:
        source: `Source`.
        messages: list of `Message`, of the group.
        prefix: str, the group's path with a slash at the end, or `""`.

    Raises:
        WeightsFormatError: for links that aren't hard ones, and damage.
    """
    name = prefix.rstrip("/") or "the root"
    for message in messages:
        if message.kind == SYMBOL_TABLE and len(message.body) >= 16:
            tree, heap = struct.unpack_from("<QQ", message.body)
            for raw, address, is_link in _symbols(source, tree, heap, name):
                yield _checked(source, raw, prefix, is_link), address
        elif message.kind == LINK:
            raw, address, is_link = _link(source, message.body, name)
            yield _checked(source, raw, prefix, is_link), address
        elif message.kind == LINK_INFO and _is_dense(message.body):
            raise newer(source, name)


def read_tree(source, address, kind, key_bytes, name):
    """Yields (key, address) from the leaves of a version 1 B-tree.

    Args:
        source: `Source`.
        address: int, of its root.
        kind: int, 0 of group members, 1 of chunks.
        key_bytes: int.
        name: str, what errors call its owner.
    """
    stack, seen = [(address, None)], set()
    while stack:
        address, level = stack.pop()
        signature, found_kind, found_level, used = source.unpack("<4sBBH", address)
        if signature != b"TREE" or found_kind != kind or found_level > MAX_LEVELS:
            raise source.damaged(f"{name} has no sound index")
        if (level is not None and found_level != level) or address in seen:
            raise source.damaged(f"the index of {name} is tangled")
        seen.add(address)
        step = key_bytes + 8
        body = source.structure(address + 24, used * step)
        children = []
        for start in range(0, len(body), step):
            child = int.from_bytes(body[start + key_bytes : start + step], "little")
            if found_level == 0:
                yield body[start : start + key_bytes], child
            else:
                children.append((child, found_level - 1))
        stack += reversed(children)


def _symbols(source, tree, heap, name):
    signature, heap_bytes, heap_start = source.unpack("<4s4xQ8xQ", heap)
    if signature != b"HEAP":
        raise source.damaged(f"{name} has no sound names")
    for _, address in read_tree(source, tree, 0, 8, name):
        signature, count = source.unpack("<4s2xH", address)
        if signature != b"SNOD":
            raise source.damaged(f"{name} has no sound table of members")
        table = source.structure(address + 8, count * _ENTRY.size)
        for offset, header, cache in _ENTRY.iter_unpack(table):
            if offset >= heap_bytes:
                raise source.damaged(f"a name in {name} lies outside of its heap")
            size = min(MAX_NAME_BYTES + 1, heap_bytes - offset, source.size - heap_start - offset)
            if size <= 0:
                raise source.damaged(f"a name in {name} lies beyond the end of the file")
            text, end, _ = source.structure(heap_start + offset, size).partition(b"\0")
            if not end:
                raise source.refused(f"a name in {name} has over {MAX_NAME_BYTES} bytes, or no end")
            yield text, header, cache == SOFT


def _link(source, body, name):
    """(raw name, address, whether it is a link of another kind) of a link message."""
    try:
        version, flags = struct.unpack_from("<BB", body)
        position, kind = 2, HARD
        if flags & 8:
            kind, position = body[position], position + 1
        position += 8 * bool(flags & 4) + bool(flags & 16)
        width = 1 << (flags & 3)
        size = int.from_bytes(body[position : position + width], "little")
        raw = body[position + width : position + width + size]
        address = 0 if kind != HARD else struct.unpack_from("<Q", body, position + width + size)[0]
    except (struct.error, IndexError):
        raise source.damaged(f"a link in {name} is cut short") from None
    if version != 1 or size > MAX_NAME_BYTES:
        raise source.damaged(f"a link in {name} isn't sound")
    return raw, address, kind != HARD


def _is_dense(body):
    """Whether links are kept in a heap instead of messages."""
    start = 2 + 8 * (len(body) > 1 and body[1] & 1)
    return len(body) < start + 8 or struct.unpack_from("<Q", body, start)[0] != UNDEFINED


def _checked(source, raw, prefix, is_link):
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise source.damaged(f"a name in {prefix or 'the root'} is no text") from None
    if not name.isprintable() or "/" in name or name in ("", ".", ".."):
        raise source.damaged(f"{name!r} in {prefix or 'the root'} is no name")
    if is_link:
        raise source.refused(
            f"{prefix}{name} is a link; weights files hold their arrays themselves"
        )
    return name
