"""Model cards: what is known about a model and its pretrained weights, one JSON file each."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import CardError
from zoo.files import replacing


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model.

    Args:
        name: str, as in `zoo.load`.
        family: str, the function that builds it, `"dcgan"` for example.
        config: dict, its arguments.
        description: str, one sentence.
        paper: str, what it follows.
        dataset: str, what it was trained on.
        dataset_license: str, that data's license.
        license: str, of the weights.
        recipe: dict, fields of `zoo.Recipe`.
        training: dict, the run that made the weights: backend, versions, device, precision,
            seed, seconds, images per second, commit, date.
        metrics: dict, measured figures with their protocol.
        limits: str, what the weights are not good for.
        sha256: str, of the weights file, `None` without pretrained weights.
        size: int, bytes of the weights file.
        parameters: dict, of `generator` and `discriminator`.
        files: dict, kind (`weights`, `card`, `picture`) -> file name.
    """

    name: str
    family: str
    config: dict
    description: str = ""
    paper: str = ""
    dataset: str = ""
    dataset_license: str = ""
    license: str = ""
    recipe: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    limits: str = ""
    sha256: str | None = None
    size: int | None = None
    parameters: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)

    @property
    def pretrained(self):
        """Whether there are pretrained weights."""
        return self.sha256 is not None

    @classmethod
    def from_spec(cls, spec):
        """The card of a registered model, before any training."""
        return cls(
            name=spec.name,
            family=spec.family,
            config=json.loads(json.dumps(spec.config)),
            description=spec.description,
            paper=spec.paper,
            limits=spec.limits,
            dataset=spec.dataset,
            recipe=dataclasses.asdict(spec.recipe),
        )

    @classmethod
    def read(cls, path):
        """The card in a JSON file.

        Raises:
            CardError: if the file isn't a card.
        """
        path = Path(path)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CardError(f"{path} is no readable JSON card: {error}") from error
        if not isinstance(values, dict):
            raise CardError(f"{path} must hold a JSON object. Received: {type(values).__name__}")
        kinds = {item.name: _KINDS[item.type] for item in dataclasses.fields(cls)}
        unknown = sorted(set(values) - set(kinds))
        missing = sorted({"name", "family", "config"} - set(values))
        if unknown or missing:
            raise CardError(f"{path}: unknown keys {unknown}, missing keys {missing}")
        for key, value in values.items():
            if not isinstance(value, kinds[key]) or isinstance(value, bool):
                raise CardError(f"{path}: {key!r} has the wrong type. Received: {value!r}")
        if values.get("sha256") is not None and not _is_sha256(values["sha256"]):
            raise CardError(f"{path}: 'sha256' must be 64 hex digits")
        return cls(**values)

    def write(self, path):
        """Writes the card as JSON, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def missing_for_release(self):
        """Names of what the card must still hold before its weights may ship."""
        needed = ("license", "dataset", "dataset_license", "recipe", "training", "metrics")
        missing = [key for key in (*needed, "limits", "sha256", "size") if not getattr(self, key)]
        return missing + ([] if "seed" in self.recipe else ["recipe.seed"])


_NONE = type(None)
_KINDS = {str: str, dict: dict, str | None: (str, _NONE), int | None: (int, _NONE)}


def _is_sha256(text):
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
