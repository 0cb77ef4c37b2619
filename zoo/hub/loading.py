"""`zoo.load` and its kin: from a name to a card, to a model, to a pretrained model."""

import contextlib
import os

from zoo.errors import (
    CardError,
    InvalidInputError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
    ZooError,
)
from zoo.hub import registry
from zoo.hub.cards import ModelCard
from zoo.hub.locations import find_card, find_weights
from zoo.imports import import_keras

PRETRAINED = "pretrained"


def list_models(pattern="*", pretrained=None):
    """Names of registered models.

    Args:
        pattern: str, shell wildcards: `"dcgan*"`.
        pretrained: `True` for those with pretrained weights, `False` for those without,
            `None` for all.

    Returns:
        Sorted list of str.

    Example:

    >>> zoo.list_models("dcgan*", pretrained=True)
    ['dcgan_mnist']
    """
    names = registry.names(pattern)
    if pretrained is None:
        return names
    return [name for name in names if info(name).pretrained == bool(pretrained)]


def info(name):
    """What is known about a model.

    Args:
        name: str, a registered model.

    Returns:
        `zoo.ModelCard`; without pretrained weights, its `sha256` is `None`.

    Raises:
        UnknownModelError: for a name that isn't registered, with the closest ones.

    Example:

    >>> zoo.info("dcgan_mnist").metrics["frechet_distance"]
    """
    spec = registry.find(name)
    return find_card(name) or ModelCard.from_spec(spec)


def build(model, **changes):
    """A freshly initialized model from a registered name or a card.

    Args:
        model: str, or `zoo.ModelCard`.
        **changes: arguments of its family that differ: `build("dcgan_mnist", base_filters=32)`.

    Returns:
        A built `keras.Model`.

    Raises:
        UnknownModelError: for an unknown name or family.
        InvalidInputError: for an argument that the family doesn't take.
        MissingDependencyError: if Keras' backend isn't installed.
    """
    if isinstance(model, ModelCard):
        family = registry.builder(model.family)
        return _call_card(family, model, {**model.config, **changes})
    spec = registry.find(model)
    return _call(spec.build, {**spec.config, **changes})


def _call_card(family, card, config):
    """Calls a family with a card's configuration, which a stranger may have written."""
    registered = None
    with contextlib.suppress(UnknownModelError):
        registered = ModelCard.from_spec(registry.find(card.name))
    if registered is not None and (card.family, config) == (registered.family, registered.config):
        return _call(family, config)
    import_keras()
    from zoo.layers.initializers import limited_parameters

    try:
        with limited_parameters():
            return _call(family, config)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, ZooError):
            raise
        raise CardError(
            f"No {card.family} can be built from the configuration in the card of {card.name!r}: "
            f"{error}. Received: {config!r}"
        ) from error


def _call(family, config):
    import_keras()
    try:
        return family(**config)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise InvalidInputError(
            f"{family.__name__} doesn't take these arguments: {error}"
        ) from error


def load(name, weights=PRETRAINED, **changes):
    """A model of the zoo, built, with pretrained weights.

    Args:
        name: str, a registered model.
        weights: `"pretrained"`; `None` for a fresh initialization; or the path of a weights
            file of one's own, from `zoo train` or `model.save_weights`.
        **changes: arguments of its family that differ, with weights of one's own or none.

    Returns:
        A built `keras.Model` with `generate`, `generator` and `discriminator`.

    Raises:
        UnknownModelError: for a name that isn't registered, with the closest ones.
        WeightsNotFoundError: if there are no pretrained weights, or no file at the path.
        ChecksumError: if the weights file isn't the one that the card describes.
        WeightsFormatError: if a file holds no sound weights.
        WeightsMismatchError: if they are another model's.
        DownloadError: if they had to be downloaded, and that failed.
        MissingDependencyError: if Keras' backend isn't installed.

    Example:

    ```python
    model = zoo.load("dcgan_mnist")
    images = model.generate(64, seed=0)         # uint8 (64, 28, 28, 1)
    ```
    """
    spec = registry.find(name)
    if weights is None:
        return build(name, **changes)
    if not isinstance(weights, (str, os.PathLike)):
        raise InvalidInputError(
            "`weights` must be 'pretrained', None or the path of a file. "
            f"Received: weights={weights!r}"
        )
    sha256 = None
    if weights == PRETRAINED:
        card = find_card(name)
        if card is None or not card.pretrained:
            available = ", ".join(list_models(pretrained=True)) or "none"
            raise WeightsNotFoundError(
                f"{name!r} has no pretrained weights; these have: {available}. Train it with "
                f"`zoo train {name}`, or pass `weights=None` for a fresh initialization."
            )
        if changes:
            raise InvalidInputError(
                "Pretrained weights fit only the configuration they were trained with. Pass "
                f"`weights=None` along with {', '.join(changes)}."
            )
        if card.family != spec.family:
            raise WeightsMismatchError(
                f"The card of {name!r} describes a model of family {card.family!r}, but the "
                f"registered one is a {spec.family!r}."
            )
        # Files first: a missing one should not cost the wait for a backend to be imported.
        weights, sha256 = find_weights(card), card.sha256
        model = _call_card(spec.build, card, card.config)
    else:
        model = build(name, **changes)

    from zoo.hub.weights import load_weights

    load_weights(model, weights, sha256)
    return model
