"""Names -> specifications: the shipped models and those that users register.

Does not import Keras: listing, looking up and describing models stays instant.
"""

import difflib
import fnmatch
import os
from collections.abc import Callable
from typing import Any

from zoo.errors import DuplicateModelError, InvalidInputError, UnknownModelError
from zoo.hub.catalog import MODELS
from zoo.hub.specs import ModelSpec, Recipe

_SPECS = {spec.name: spec for spec in MODELS}


def register(
    name: str | None = None,
    *,
    config: dict[str, Any] | None = None,
    dataset: str = "",
    recipe: Recipe | dict[str, Any] | None = None,
    description: str = "",
    paper: str = "",
    limits: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that registers a function or class that builds a model.

    Args:
        name: str, the model's name, by default that of the function or class.
        config: dict of plain values that a card can hold, the builder's keyword arguments.
        dataset: str, the data set that the model is trained on.
        recipe: `Recipe`, or a dict of its fields.
        description: str, one sentence.
        paper: str, the publication that the model follows.
        limits: str, what its weights are not good for.

    Returns:
        A decorator that returns its argument, so that several can be stacked, one per model.

    Raises:
        DuplicateModelError: If the name is taken.
        InvalidInputError: If the name isn't an identifier, or the recipe has an unknown key.

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

    def decorate(builder):
        add(
            ModelSpec(
                builder.__name__ if name is None else name,
                builder,
                builder.__name__,
                config=dict(config or {}),
                dataset=dataset,
                recipe=recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe or {}),
                description=description,
                paper=paper,
                limits=limits,
            )
        )
        return builder

    return decorate


def add(spec: ModelSpec) -> None:
    """Adds a specification.

    Raises:
        DuplicateModelError: If the name is taken.
        InvalidInputError: If the name isn't an identifier.
    """
    # Names become file names.
    if not isinstance(spec.name, str) or not spec.name.isidentifier():
        raise InvalidInputError(
            "A model's name must be letters, digits and underscores, with a letter in front. "
            f"Received: name={spec.name!r}"
        )
    if spec.name in _SPECS:
        raise DuplicateModelError(
            f"A model named {spec.name!r} is already registered, built by "
            f"{_SPECS[spec.name].origin}. Choose another name."
        )
    _SPECS[spec.name] = spec


def unregister(name: str) -> None:
    """Removes a model from the registry.

    Raises:
        UnknownModelError: If the name isn't registered.
    """
    del _SPECS[find(name).name]


def names(pattern: str = "*") -> list[str]:
    """Returns the sorted names that match a shell pattern."""
    return sorted(fnmatch.filter(_SPECS, pattern))


def find(name: str) -> ModelSpec:
    """Returns the specification of a name.

    Raises:
        UnknownModelError: If the name isn't registered; the message offers the closest ones.
    """
    try:
        return _SPECS[name]
    except (KeyError, TypeError):
        close = difflib.get_close_matches(str(name), _SPECS, n=3, cutoff=0.5)
        hint = f"Closest: {', '.join(close)}" if close else f"Registered: {', '.join(names())}"
        if os.sep in str(name):
            hint = f"There is no folder of a run there either. {hint}"
        raise UnknownModelError(f"No model is registered as {name!r}. {hint}.") from None
