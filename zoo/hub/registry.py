"""Names -> models: what is registered, under which name, with which configuration and recipe.

Knows no Keras: listing, looking up and describing models stays instant.
"""

import difflib
import fnmatch
import importlib
from dataclasses import dataclass, field, fields, replace

from zoo.errors import DuplicateModelError, InvalidInputError, UnknownModelError

_SPECS = {}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: everything that `zoo train` needs beside the data.

    Args:
        epochs: int, passes over the data.
        batch_size: int, images per step.
        loss: name in `zoo.losses.LOSSES`.
        real_label: float in (0.5, 1], under 1 for one-sided label smoothing (`minimax` and
            `non_saturating` only).
        generator_rate: float, Adam's learning rate.
        discriminator_rate: float, likewise.
        beta_1: float, Adam's first moment decay, of both.
        schedule: `"constant"`; or `"cosine"` or `"linear"`: both rates fall to a fiftieth over the
            run.
        discriminator_steps: int, discriminator updates per generator update.
        gradient_penalty: float, weight of the WGAN-GP penalty.
        r1_penalty: float, weight of the R1 penalty.
        average_decay: float, of the generator's moving average, or `None`.
        diff_augment: str of names with commas or tuple of them, the differentiable augmentations of
            images on their way to the discriminator, or `None`.
        instance_noise: float, standard deviation of the noise on them, in the generator's range.
        instance_noise_steps: int, generator updates over which that falls to 0, or `None`.
        clip_norm: float over 0, largest norm of all gradients of a network taken together, or
            `None`.
        accumulation_steps: int, batches whose mean gradient makes one update, of both networks.
            Schedules, and the moving average, count batches all the same.
        precision: Keras dtype policy.
        seed: int, of weights, latents and the order of images.
        options: dict, more arguments of the family's `compile`, plain values.
        schedule_epochs: int, epochs over which the rates would fall; `epochs` by default. More of
            them end a phase before its rates are at their end.
        first: `Recipe` of a phase before, whose weights this one starts from, or `None`.
        blend: float in (0, 1], how much of the generator's final weights is this phase's; the rest
            is what it started from (network interpolation, Wang et al. 2018, ESRGAN, section 3.4).
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
    first: "Recipe | None" = None
    blend: float = 1.0

    @classmethod
    def from_dict(cls, values):
        """The recipe of a card; unknown keys are an error."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInputError(
                f"A recipe's keys are {', '.join(sorted(known))}. Received: {', '.join(unknown)}"
            )
        first = values.get("first")
        if isinstance(first, dict):
            values = {**values, "first": cls.from_dict(first)}
        if isinstance(values.get("diff_augment"), list):  # JSON knows no tuples
            values = {**values, "diff_augment": tuple(values["diff_augment"])}
        return cls(**values)


@dataclass(frozen=True)
class ModelSpec:
    """One registered model.

    Args:
        name: str, unique.
        build: function or class that makes the model from `config`.
        config: dict of its keyword arguments, plain values.
        dataset: str, what it is trained on.
        recipe: `Recipe`.
        description: str, one sentence.
        paper: str, what it follows.
        limits: str, what its weights are not good for.
    """

    name: str
    build: object
    config: dict = field(default_factory=dict)
    dataset: str = ""
    recipe: Recipe = Recipe()
    description: str = ""
    paper: str = ""
    limits: str = ""

    @property
    def family(self):
        """The name of the function or class that builds it."""
        return self.build.__name__

    @property
    def conditional(self):
        """Whether it trains on labels too: its configuration says how many `classes` there are."""
        return "classes" in self.config

    def with_recipe(self, **changes):
        """The same model with a changed recipe."""
        return replace(self, recipe=replace(self.recipe, **changes))


def register(
    name=None, *, config=None, dataset="", recipe=None, description="", paper="", limits=""
):
    """Decorator that registers a function or class that builds a model.

    Args:
        name: str, the model's name; the function's own by default.
        config: dict, the keyword arguments it is called with; plain values, so that a card can
            hold them.
        dataset: str, name of the data set that it is trained on.
        recipe: `Recipe`, or a dict of its fields.
        description: str, one sentence.
        paper: str, what it follows.
        limits: str, what its weights are not good for.

    Returns:
        A decorator, which returns its argument: several can be stacked, one for each model.

    Raises:
        DuplicateModelError: if the name is taken.

    Example:

    ```python
    @zoo.register("dcgan_letters", config={"image_shape": (32, 32, 1)}, recipe={"epochs": 30})
    def letters(**config):
        return zoo.DCGAN(dropout=0.0, **config)

    model = zoo.load("dcgan_letters", weights=None)
    ```
    """
    if callable(name):
        raise InvalidInputError("Write `@zoo.register()`, with parentheses, to register by name")

    _register_own_models()  # before a user's model could take one of their names

    def decorate(build):
        key = build.__name__ if name is None else name
        # Names become file names.
        if not isinstance(key, str) or not key.isidentifier():
            raise InvalidInputError(
                "A model's name must be letters, digits and underscores, with a letter in front. "
                f"Received: {key!r}"
            )
        if key in _SPECS:
            raise DuplicateModelError(
                f"A model named {key!r} is registered already, built by "
                f"`{_SPECS[key].build.__module__}.{_SPECS[key].family}`. Choose another name."
            )
        plan = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe or {})
        _SPECS[key] = ModelSpec(
            key, build, dict(config or {}), dataset, plan, description, paper, limits
        )
        return build

    return decorate


def unregister(name):
    """Takes a model out of the registry again."""
    find(name)
    del _SPECS[name]


def names(pattern="*"):
    """Sorted names that match a shell pattern."""
    _register_own_models()
    return sorted(fnmatch.filter(_SPECS, pattern))


def find(name):
    """The `ModelSpec` of this name.

    Raises:
        UnknownModelError: with the closest names.
    """
    _register_own_models()
    try:
        return _SPECS[name]
    except (KeyError, TypeError):
        close = difflib.get_close_matches(str(name), _SPECS, n=3, cutoff=0.5)
        hint = f"Closest: {', '.join(close)}" if close else f"Registered: {', '.join(names())}"
        raise UnknownModelError(f"No model is registered as {name!r}. {hint}.") from None


def builder(family):
    """The function or class that builds models of a family.

    Raises:
        UnknownModelError: if no registered model has this family.
    """
    _register_own_models()
    found = {spec.family: spec.build for spec in _SPECS.values()}
    if family not in found:
        raise UnknownModelError(
            f"No family is named {family!r}. Registered: {', '.join(sorted(found))}."
        )
    return found[family]


def _register_own_models():
    """The models that come with the zoo; here, because their module needs this one."""
    importlib.import_module("zoo.hub.catalog")
