"""Reading a card's JSON, whoever wrote it: strict JSON of a limited size, checked by a schema.

The schema is `zoo/card.schema.json`, of JSON Schema draft 7.
"""

import functools
import json
import math
import os
from pathlib import Path

from zoo.errors import CardError

SCHEMA = Path(__file__).with_name("card.schema.json")
MAX_BYTES = 1_000_000
MAX_DEPTH = 16  # of objects and lists in each other
MAX_DIGITS = 20  # of an integer


def read_card_values(path):
    """The values of a card, all of them of the types that `ModelCard` says.

    Args:
        path: the file.

    Returns:
        dict.

    Raises:
        CardError: if it is no JSON object, is too large or nested too deeply, holds a key twice,
            NaN or infinity, or differs from the schema.
    """
    values = parse_json(path)
    if not isinstance(values, dict):
        raise CardError(f"{path} must hold a JSON object. Received: {type(values).__name__}")
    from fastjsonschema import JsonSchemaValueException

    try:
        _validator()(values)
    except JsonSchemaValueException as error:
        raise CardError(f"{path}: {_explanation(values, error)}") from None
    if isinstance(values.get("size"), float):  # 12.0, an integer to JSON Schema
        values["size"] = int(values["size"])
    return values


def parse_json(path):
    """What a JSON file of a limited size holds.

    Args:
        path: the file.

    Raises:
        CardError: if there is none, or it isn't strict JSON: duplicate keys, NaN, infinity,
            surrogates and integers of more than 20 digits are refused too.
    """
    try:
        values = json.loads(
            _text(path),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
        _check_depth(values)
        # A lone surrogate can't be printed.
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except (OSError, ValueError, RecursionError) as error:
        raise CardError(f"{path} is no readable JSON card: {error}") from error
    return values


def _text(path):
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe might never end
        raise ValueError("it is no regular file")
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    return content.decode("utf-8")


def _object(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in values if names.count(name) > 1)
        raise ValueError(f"the key {_short(twice)} is there twice")
    return values


def _constant(name):
    raise ValueError(f"{name} is no JSON")


def _float(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_short(text)} is beyond all floats")
    return value


def _integer(text):
    if len(text) > MAX_DIGITS:
        raise ValueError(f"an integer has {len(text)} digits, more than {MAX_DIGITS}")
    return int(text)


def _check_depth(values):
    level = [values]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    if level:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


@functools.cache
def _schema():
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@functools.cache
def _validator():
    import fastjsonschema

    # Error messages of its own would hold the whole card.
    return fastjsonschema.compile(_schema(), use_default=False)


def _explanation(values, error):
    """What was expected where, and what came."""
    schema, (_, *path) = _schema(), error.path
    if not path and error.rule in ("additionalProperties", "required"):
        unknown = sorted(set(values) - set(schema["properties"]))
        missing = sorted(set(schema["required"]) - set(values))
        return f"unknown keys {_short(unknown)}, missing keys {missing}"
    definition = schema["properties"][path[0]]
    if "$ref" in definition:
        definition = {**schema["definitions"][definition["$ref"].split("/")[-1]], **definition}
    key, received = _short(".".join(map(str, path))), _short(error.value)
    wrong_type = "has the wrong type, it " if len(path) == 1 and error.rule == "type" else ""
    return f"{key} {wrong_type}must be {definition['description']}. Received: {received}"


def _short(value):
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."
