"""Model cards: what is known about a model and its pretrained weights, one JSON file each."""

import dataclasses
import functools
import json
import math
import os
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, get_type_hints

from annotated_types import Ge, Le, MaxLen, Predicate

from zoo.errors import CardError
from zoo.files import replacing
from zoo.hub.specs import ModelSpec

MAX_BYTES = 1_000_000
"""Of a card's file."""
MAX_DEPTH = 16
"""Of objects and lists in each other."""
MAX_DIGITS = 20
"""Of an integer."""


def _is_argument(value):
    """Whether a value is plain and small enough to configure a model."""
    if isinstance(value, (int, float)):
        return abs(value) <= 2**31
    if isinstance(value, list):
        return len(value) <= 64 and all(map(_is_argument, value))
    if isinstance(value, dict):
        names = all(len(name) <= 100 for name in value)
        return names and len(value) <= 64 and all(map(_is_argument, value.values()))
    return value is None or (isinstance(value, str) and len(value) <= 1000)


def _is_hash(value):
    return len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_file_name(value):
    forbidden = set('/\\:*?"<>|\x7f')
    plain = not any(character < " " or character in forbidden for character in value)
    return plain and 0 < len(value) <= 255 and value[0] != "." and value[-1] not in ". "


# Each ends with what an error says that it must be.
_Identifier = Annotated[
    str,
    MaxLen(100),
    Predicate(str.isidentifier),
    "an identifier: letters, digits and underscores, with a letter in front",
]
_Text = Annotated[str, MaxLen(10_000), "a text of at most 10,000 characters"]
_Record = Annotated[dict[str, Any], MaxLen(1000), "an object of at most 1,000 values"]
_Config = Annotated[
    dict[str, Any],
    Predicate(_is_argument),
    "an object of at most 64 plain values: numbers of at most 2^31, texts, true, false, null, and "
    "lists of up to 64 of these",
]
_Size = Annotated[
    Annotated[int, Ge(0), Le(10**12)] | None, "an integer of 0 to 10^12 bytes, or null"
]
_Hash = Annotated[Annotated[str, Predicate(_is_hash)] | None, "64 hex digits, lower case, or null"]
_Counts = Annotated[
    dict[str, Annotated[int, Ge(0), Le(10**12)]],
    MaxLen(64),
    "an object of counts: integers of 0 to 10^12",
]
_Files = Annotated[
    dict[str, Annotated[str, Predicate(_is_file_name)]],
    MaxLen(64),
    "an object of plain file names: no folder, drive, colon or dot in front",
]


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model.

    Args:
        name: str, as in `zoo.load`.
        family: str, the kind of model, `"dcgan"` for example.
        config: dict, the arguments that it is built with.
        description: str, one sentence.
        paper: str, the publication that the model follows.
        dataset: str, the data set that it was trained on.
        dataset_license: str, that data's license.
        license: str, the license of the weights.
        recipe: dict, fields of `zoo.Recipe`.
        training: dict, the run that made the weights: backend, versions, device, precision,
            seed, seconds, images per second, commit, date.
        metrics: dict, measured figures with their protocol.
        limits: str, what the weights are not good for.
        sha256: str, the hash of the weights file, `None` without pretrained weights.
        size: int, bytes of the weights file.
        parameters: dict, the numbers of parameters of `generator` and `discriminator`.
        files: dict, kind (`weights`, `card`, `picture`) -> file name.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid", "strict": True}

    name: _Identifier
    family: _Identifier
    config: _Config
    description: _Text = ""
    paper: _Text = ""
    dataset: _Text = ""
    dataset_license: _Text = ""
    license: _Text = ""
    recipe: _Record = field(default_factory=dict)
    training: _Record = field(default_factory=dict)
    metrics: _Record = field(default_factory=dict)
    limits: _Text = ""
    sha256: _Hash = None
    size: _Size = None
    parameters: _Counts = field(default_factory=dict)
    files: _Files = field(default_factory=dict)

    def __str__(self) -> str:
        from zoo.hub.card_table import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        """Returns the card as a table, which a notebook displays."""
        from zoo.hub.card_table import as_html

        return as_html(self)

    @property
    def pretrained(self) -> bool:
        """Whether there are pretrained weights."""
        return self.sha256 is not None

    @classmethod
    def from_spec(cls, spec: ModelSpec, **values: Any) -> "ModelCard":
        """Returns the card of a registered model before any training, with further `values`."""
        return cls(
            name=spec.name,
            family=spec.family,
            config=json.loads(json.dumps(spec.config)),
            description=spec.description,
            paper=spec.paper,
            limits=spec.limits,
            dataset=spec.dataset,
            recipe=dataclasses.asdict(spec.recipe),
            **values,
        )

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ModelCard":
        """Reads a card, whose author isn't trusted.

        Raises:
            CardError: If the file isn't strict JSON, or differs from the fields and bounds above.
        """
        values = parse_json(path)
        if not isinstance(values, dict):
            raise CardError(f"{path} must hold a JSON object. Received: {type(values).__name__}")
        from pydantic import ValidationError

        try:
            # As JSON: only then a strict validator takes an object for a card.
            _validator().validate_json(json.dumps(values))
        except ValidationError as error:
            raise CardError(f"{path}: {_explanation(values, error)}") from None
        return cls(**values)

    def write(self, path: str | os.PathLike) -> None:
        """Writes the card as JSON, whole or not at all."""
        try:
            text = json.dumps(
                dataclasses.asdict(self), indent=2, ensure_ascii=False, allow_nan=False
            )
        except ValueError as error:  # NaN isn't JSON
            raise CardError(f"The card of {self.name} can't be written: {error}") from error
        with replacing(path) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")

    def missing_for_release(self) -> list[str]:
        """Returns the names of what the card lacks before its weights can ship."""
        needed = ("license", "dataset", "dataset_license", "recipe", "training", "metrics")
        missing = [key for key in (*needed, "limits", "sha256", "size") if not getattr(self, key)]
        return missing + ([] if "seed" in self.recipe else ["recipe.seed"])


def parse_json(path: str | os.PathLike) -> Any:
    """Returns what a JSON file of a limited size holds.

    Raises:
        CardError: If there is no file, or it isn't strict JSON: duplicate keys, NaN, infinity,
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


@functools.cache
def _validator():
    from pydantic import TypeAdapter  # 0.1 s, which no command should take that reads no card

    return TypeAdapter(ModelCard)


def _explanation(values, error):
    """Says what was expected where, and what was received."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    known = [item.name for item in dataclasses.fields(ModelCard)]
    unknown = sorted(set(values) - set(known))
    missing = [details["loc"][0] for details in errors if details["type"].startswith("missing")]
    if unknown or missing:
        return f"unknown keys {_short(unknown)}, missing keys {missing}"
    key = errors[0]["loc"][0]
    wish = get_type_hints(ModelCard, include_extras=True)[key].__metadata__[-1]
    return f"{key!r} must be {wish}. Received: {_short(values[key])}"


def _short(value):
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."


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
    raise ValueError(f"{name} isn't JSON")


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
