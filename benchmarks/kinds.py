"""Whether a value that JSON held is of the type that an annotation names."""

import sys
import types
import typing
from typing import Literal

WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    type(None): "null",
}


def fits(value, kind):
    """Whether `value` is of a type as the annotations of `Row` write it."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType or origin is typing.Union:
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is list:
        return isinstance(value, list) and all(fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items()
        )
    if kind in (int, float):
        # Python's bool is an int, JSON's is not; whole numbers are numbers.
        is_number = isinstance(value, (int, kind)) and not isinstance(value, bool)
        return is_number and abs(value) <= sys.float_info.max
    return isinstance(value, kind)


def in_words(kind):
    """The type in plain words, as JSON knows it."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType or origin is typing.Union:
        return " or ".join(in_words(part) for part in parts)
    if origin is Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if origin is list:
        return f"a list, each item {in_words(parts[0])}"
    if origin is dict:
        return f"an object, each value {in_words(parts[1])}"
    return WORDS[kind]
