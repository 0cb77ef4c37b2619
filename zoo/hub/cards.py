"""Model cards: what is known about a model and its pretrained weights, one JSON file each."""

import dataclasses
import json
from dataclasses import dataclass, field

from zoo.errors import CardError
from zoo.files import replacing
from zoo.hub.card_file import read_card_values


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
        """The card in a JSON file, which a stranger may have written.

        Raises:
            CardError: if the file isn't a card: `zoo/card.schema.json` says what one is.
        """
        return cls(**read_card_values(path))

    def write(self, path):
        """Writes the card as JSON, whole or not at all."""
        try:
            text = json.dumps(
                dataclasses.asdict(self), indent=2, ensure_ascii=False, allow_nan=False
            )
        except ValueError as error:  # NaN is no JSON
            raise CardError(f"The card of {self.name} can't be written: {error}") from error
        with replacing(path) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")

    def missing_for_release(self):
        """Names of what the card must still hold before its weights may ship."""
        needed = ("license", "dataset", "dataset_license", "recipe", "training", "metrics")
        missing = [key for key in (*needed, "limits", "sha256", "size") if not getattr(self, key)]
        return missing + ([] if "seed" in self.recipe else ["recipe.seed"])
