"""From a name to a pretrained model: `zoo.load` and its kin."""

import os
from typing import Any

from zoo.errors import (
    CardError,
    InvalidInputError,
    WeightsMismatchError,
    WeightsNotFoundError,
    ZooError,
)
from zoo.hub import registry
from zoo.hub.cards import ModelCard
from zoo.hub.locations import find_card, find_weights
from zoo.hub.specs import ModelSpec
from zoo.imports import import_keras

PRETRAINED = "pretrained"


def list_models(pattern: str = "*", pretrained: bool | None = None) -> list[str]:
    """Returns the sorted names of registered models.

    Args:
        pattern: str, shell wildcards.
        pretrained: `True` for those with pretrained weights, `False` for those without,
            `None` for all.

    Example:

    >>> zoo.list_models("dcgan*", pretrained=True)
    ['dcgan_cifar10', 'dcgan_fashion_mnist', 'dcgan_mnist', 'dcgan_scenes64']
    """
    names = registry.names(pattern)
    if pretrained is None:
        return names
    return [name for name in names if info(name).pretrained == bool(pretrained)]


def info(name: str) -> ModelCard:
    """Returns what is known about a model.

    Args:
        name: str, a registered model.

    Returns:
        `zoo.ModelCard`; its `sha256` is `None` if there are no pretrained weights.

    Raises:
        UnknownModelError: If the name isn't registered; the message offers the closest ones.

    Example:

    >>> zoo.info("dcgan_mnist").dataset
    'mnist'
    """
    spec = registry.find(name)
    return find_card(name) or ModelCard.from_spec(spec)


def build(name: str, **changes: Any) -> Any:
    """Builds a registered model, freshly initialized.

    Args:
        name: str, a registered model.
        **changes: arguments that differ from the registered ones, `base_filters=32` for example.

    Returns:
        A built `keras.Model`.

    Raises:
        UnknownModelError: If the name isn't registered.
        InvalidInputError: If the model doesn't take one of the arguments.
        MissingDependencyError: If Keras' backend isn't installed.
    """
    spec = registry.find(name)
    return spec.build(**{**spec.config, **changes})


def build_from_card(spec: ModelSpec, card: ModelCard) -> Any:
    """Builds a model from the configuration in a card, whose author isn't trusted.

    A configuration that differs from the registered one is bounded: `limited_parameters` in
    `zoo.layers` stops the initializers before they take memory for too many weights.

    Raises:
        CardError: If the configuration makes no model.
        InvalidInputError: If the model would be too large, or doesn't take one of the arguments.
    """
    if card.config == ModelCard.from_spec(spec).config:
        return spec.build(**card.config)
    import_keras()
    from zoo.layers.initializers import limited_parameters

    try:
        with limited_parameters():
            return spec.build(**card.config)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, ZooError):
            raise
        raise CardError(
            f"No {card.family} can be built from the configuration in the card of {card.name!r}: "
            f"{error}. Received: {card.config!r}"
        ) from error


def load(name: str, weights: str | os.PathLike | None = PRETRAINED, **changes: Any) -> Any:
    """Builds a model of the zoo and loads its pretrained weights.

    Args:
        name: str, a registered model.
        weights: `"pretrained"`; `None` for a fresh initialization; or the path of your own weights
            file, from `zoo train` or `model.save_weights`.
        **changes: arguments that differ from the registered ones, with your own weights or none.

    Returns:
        A built `keras.Model` with `generate`, `generator` and `discriminator`.

    Raises:
        UnknownModelError: If the name isn't registered; the message offers the closest ones.
        WeightsNotFoundError: If there are no pretrained weights, or there is no file at the path.
        ChecksumError: If the weights file isn't the one that the card describes.
        WeightsFormatError: If a file holds no sound weights.
        WeightsMismatchError: If the weights are those of another model.
        DownloadError: If the weights had to be downloaded, and that failed.
        MissingDependencyError: If Keras' backend isn't installed.

    Example:

    ```python
    model = zoo.load("dcgan_mnist")
    images = model.generate(64, seed=0)         # uint8 (64, 28, 28, 1)
    ```
    """
    spec = registry.find(name)
    if weights is None:
        return spec.build(**{**spec.config, **changes})
    if not isinstance(weights, (str, os.PathLike)):
        raise InvalidInputError(
            "`weights` must be 'pretrained', None or the path of a file. "
            f"Received: weights={weights!r}"
        )
    if weights != PRETRAINED:
        model, sha256 = spec.build(**{**spec.config, **changes}), None
    else:
        card: Any = find_card(name)
        _check_pretrained(spec, card, changes)
        # Before the model: a missing file must not cost the wait for a backend to be imported.
        weights, sha256 = find_weights(card), card.sha256
        model = build_from_card(spec, card)

    from zoo.hub.weights import load_weights

    load_weights(model, weights, sha256)
    return model


def _check_pretrained(spec, card, changes):
    if card is None or not card.pretrained:
        available = ", ".join(list_models(pretrained=True)) or "none"
        raise WeightsNotFoundError(
            f"{spec.name!r} has no pretrained weights; these have: {available}. Train it with "
            f"`zoo train {spec.name}`, or pass `weights=None` for a fresh initialization."
        )
    if changes:
        raise InvalidInputError(
            "Pretrained weights fit only the configuration they were trained with. Pass "
            f"`weights=None` along with {', '.join(changes)}."
        )
    if card.family != spec.family:
        raise WeightsMismatchError(
            f"The card of {spec.name!r} describes a model of family {card.family!r}, but the "
            f"registered one is a {spec.family!r}."
        )
