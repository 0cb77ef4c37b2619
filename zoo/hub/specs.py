"""What a model is before it is built: its configuration, its recipe, and which class builds it.

Free of Keras: a builder is named, and imported when the first model is built.
"""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from zoo.errors import InvalidInputError
from zoo.imports import import_keras


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: everything that `zoo train` needs besides the data.

    Args:
        epochs: int, passes over the data.
        batch_size: int, images per step.
        loss: name in `zoo.losses.LOSSES`.
        real_label: float in (0.5, 1], under 1 for one-sided label smoothing (`minimax` and
            `non_saturating` only).
        generator_rate: float, Adam's learning rate.
        discriminator_rate: float, likewise.
        beta_1: float, Adam's first moment decay, of both.
        schedule: `"constant"`; or `"cosine"` or `"linear"`, by which both rates fall to a fiftieth
            over the run.
        discriminator_steps: int, discriminator updates per generator update.
        gradient_penalty: float, weight of the WGAN-GP penalty.
        r1_penalty: float, weight of the R1 penalty.
        average_decay: float, of the generator's moving average, or `None`.
        diff_augment: names of differentiable augmentations applied to all images that the
            discriminator sees, as a tuple or a str with commas, or `None`.
        instance_noise: float, standard deviation of the noise on those images, in the generator's
            range.
        instance_noise_steps: int, generator updates over which the noise falls to 0, or `None`.
        clip_norm: float over 0, largest norm of all gradients of a network taken together, or
            `None`.
        accumulation_steps: int, batches whose mean gradient makes one update of both networks.
            Schedules and the moving average still count batches.
        precision: Keras dtype policy.
        seed: int, of weights, latents and the order of images.
        options: dict of plain values, further arguments of the model's `compile`.
        schedule_epochs: int, epochs over which the rates fall, `epochs` by default. A larger number
            ends the phase before its rates have reached their end.
        previous: `Recipe` of the previous phase, whose weights this one starts from, or `None`.
        blend: float in (0, 1], this phase's share of the generator's final weights; the rest is
            what it started from (network interpolation, Wang et al. 2018, ESRGAN, section 3.4).
    """

    epochs: int = 20
    batch_size: int = 128
    loss: str = "non_saturating"
    real_label: float = 1.0
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    beta_1: float = 0.5
    schedule: str = "constant"
    discriminator_steps: int = 1
    gradient_penalty: float = 0.0
    r1_penalty: float = 0.0
    average_decay: float | None = None
    diff_augment: tuple | str | None = None
    instance_noise: float = 0.0
    instance_noise_steps: int | None = None
    clip_norm: float | None = None
    accumulation_steps: int = 1
    precision: str = "float32"
    seed: int = 0
    options: dict = field(default_factory=dict)
    schedule_epochs: int | None = None
    previous: "Recipe | None" = None
    blend: float = 1.0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """Returns the recipe of a card.

        Raises:
            InvalidInputError: If a key is unknown.
        """
        values = rename_previous(values)
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInputError(
                f"A recipe's keys must be among {', '.join(sorted(known))}. "
                f"Received: {', '.join(unknown)}"
            )
        if isinstance(values.get("previous"), dict):
            values["previous"] = cls.from_dict(values["previous"])
        if isinstance(values.get("diff_augment"), list):  # JSON has no tuples
            values["diff_augment"] = tuple(values["diff_augment"])
        return cls(**values)


def rename_previous(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a recipe's values with the key `previous`, which used to be called `first`."""
    values = dict(values)
    if "first" in values:
        values["previous"] = values.pop("first")
    if isinstance(values.get("previous"), dict):
        values["previous"] = rename_previous(values["previous"])
    return values


@dataclass(frozen=True)
class ModelSpec:
    """A registered model.

    Args:
        name: str, unique.
        builder: function or class that makes the model from `config`; or where to import it from,
            `"zoo.models.dcgan:DCGAN"`.
        family: str, the kind of model, as cards name it.
        task: `"draw"`, `"restore"`, or `None` where only the built model can tell.
        config: dict of plain values, the builder's keyword arguments.
        dataset: str, the data set that the model is trained on.
        recipe: `Recipe`.
        description: str, one sentence.
        paper: str, the publication that the model follows.
        limits: str, what its weights are not good for.
    """

    name: str
    builder: Callable[..., Any] | str
    family: str
    task: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""
    recipe: Recipe = Recipe()
    description: str = ""
    paper: str = ""
    limits: str = ""

    def build(self, **config: Any) -> Any:
        """Builds a model from a configuration, on the backend that Keras is imported on.

        Raises:
            InvalidInputError: If the builder doesn't take one of the arguments.
            MissingDependencyError: If Keras' backend isn't installed.
        """
        keras = import_keras()
        builder = self.builder
        if isinstance(builder, str):
            module, _, attribute = builder.partition(":")
            builder = getattr(importlib.import_module(module), attribute)
        try:
            model = builder(**config)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise InvalidInputError(
                f"{self.family} doesn't take these arguments: {error}"
            ) from error
        if isinstance(model, keras.Model) and "name" not in config:
            model.name = self.name
        return model

    @property
    def origin(self) -> str:
        """Where the builder can be imported from: `"zoo.models.dcgan:DCGAN"`."""
        if isinstance(self.builder, str):
            return self.builder
        module = self.builder.__module__
        if module == "__main__":
            module = Path(getattr(sys.modules[module], "__file__", None) or module).name
        return f"{module}:{self.builder.__qualname__}"

    @property
    def conditional(self) -> bool:
        """Whether the model also trains on labels: its configuration has a number of `classes`."""
        return "classes" in self.config

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the model's classes in its data set; none for a data set of the user's."""
        from zoo import datasets  # here: it needs NumPy

        if self.dataset not in datasets.names():
            return ()
        names = datasets.info(self.dataset).classes
        return names if len(names) == self.config["classes"] else ()

    def with_recipe(self, **changes: Any) -> "ModelSpec":
        """Returns the same model with a changed recipe."""
        return replace(self, recipe=replace(self.recipe, **changes))
