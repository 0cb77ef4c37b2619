"""From a name, the folder of a run, or an address, to a trained model: `zoo.load` and its kin.

Where a function takes a name it also takes a path: of a run's folder, of the card in it, or of the
weights beside that card; and an address on the Hugging Face Hub, `hf://OWNER/REPO` or
`hf://OWNER/REPO@REVISION`. What is in the folder or the repository isn't trusted.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from zoo.checks import check_count, check_image_shape
from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    UnknownModelError,
    WeightsMismatchError,
    WeightsNotFoundError,
    ZooError,
)
from zoo.hub import registry, sharing
from zoo.hub.cards import ModelCard
from zoo.hub.download import sha256_of
from zoo.hub.locations import find_card, find_card_path, find_weights
from zoo.hub.specs import ModelSpec
from zoo.imports import import_keras

PRETRAINED = "pretrained"
WEIGHTS_SUFFIX = ".weights.h5"


def list_models(pattern: str = "*", pretrained: bool | None = None) -> list[str]:
    """Returns the sorted names of registered models, or the addresses of an owner's on the hub.

    Args:
        pattern: str, shell wildcards; or `hf://OWNER`, for models that `zoo.push` published.
        pretrained: `True` for those with pretrained weights, `False` for those without,
            `None` for all.

    Example:

    >>> zoo.list_models("dcgan*", pretrained=True)
    ['dcgan_cifar10', 'dcgan_fashion_mnist', 'dcgan_mnist', 'dcgan_scenes64']
    """
    if sharing.is_address(pattern):
        return sharing.list_repositories(pattern)
    names = registry.names(pattern)
    if pretrained is None:
        return names
    return [name for name in names if info(name).pretrained == bool(pretrained)]


def info(name: str | os.PathLike) -> ModelCard:
    """Returns what is known about a model.

    Args:
        name: str, a registered model; the path of a run's folder; or an address on the hub.

    Returns:
        `zoo.ModelCard`; its `sha256` is `None` if there are no pretrained weights, or if the run
        isn't finished. That of an address has it under `training["source"]`, with the revision.

    Raises:
        UnknownModelError: If the name isn't registered; the message offers the closest ones.
        CardError: If there is no card at the path, or no sound one.

    Example:

    >>> zoo.info("dcgan_mnist").dataset
    'mnist'
    """
    path = card_path(name)
    if path is not None:
        card = _read_card(path)
        if sharing.is_address(name):
            source = sharing.pin(str(name), path)
            card = dataclasses.replace(card, training={**card.training, "source": source})
        return card
    spec = registry.find(str(name))
    return find_card(spec.name) or ModelCard.from_spec(spec)


def find_spec(name: str | os.PathLike) -> ModelSpec:
    """Returns the specification of a registered model, or of the model in the folder of a run.

    Raises:
        UnknownModelError: If no model is registered under the name, or the card's.
        CardError: If there is no sound card at the path.
    """
    path = card_path(name)
    if path is None:
        return registry.find(str(name))
    card = _read_card(path)
    spec = _builder_of(card, path)
    # These are read before the model is built, which would refuse them.
    shape, classes = card.config.get("image_shape"), card.config.get("classes")
    try:
        if shape is not None:
            check_image_shape(shape)
        if classes is not None:
            check_count("classes", classes)
    except InvalidInputError as error:
        raise CardError(f"{path}: {error}") from error
    return dataclasses.replace(
        spec, name=card.name, config=card.config, dataset=card.dataset, limits=card.limits
    )


def card_path(name: Any) -> Path | None:
    """Returns the path of the card that a path or address stands for; `None` for a model's name.

    A registered name is one even if there is a folder of that name. What an address names is
    downloaded, unless the hub's cache has it.

    Raises:
        CardError: If there is no card at the path, or more than one.
    """
    if sharing.is_address(name):
        return sharing.fetch(name)
    is_text = isinstance(name, str)
    if name in registry.names() if is_text else not isinstance(name, os.PathLike):
        return None
    path = Path(name)
    if not path.exists():
        if is_text:
            return None
        raise CardError(f"There is no run at {path}: neither a folder nor a card.")
    if path.is_dir():
        cards = [file for file in sorted(path.glob("*.json")) if file.stem.isidentifier()]
        cards = [file for file in cards if _weights_beside(file).exists()] or cards
        if len(cards) != 1:
            names = ", ".join(file.name for file in cards) or "none"
            raise CardError(f"Expected the card of one model, NAME.json, in {path}. Found: {names}")
        return cards[0]
    if path.name.endswith(WEIGHTS_SUFFIX):
        path = path.with_name(f"{path.name.removesuffix(WEIGHTS_SUFFIX)}.json")
        if not path.exists():
            raise CardError(f"There is no card {path.name} beside the weights {name}.")
    return path


def has_card(path: str | os.PathLike) -> bool:
    """Returns whether a folder holds a model's card and its weights; or whether a file is either.

    A folder of images can hold JSON too: that alone makes no run of it.
    """
    path = Path(path)
    if path.is_dir():
        return any(_weights_beside(card).is_file() for card in path.glob("*.json"))
    if path.name.endswith(WEIGHTS_SUFFIX):
        path = path.with_name(f"{path.name.removesuffix(WEIGHTS_SUFFIX)}.json")
    return path.suffix == ".json" and path.is_file()


def weights_path(name: str | os.PathLike) -> Path:
    """Returns the path of a model's own weights: pretrained ones, or those of its run's folder.

    Raises:
        WeightsNotFoundError: If there are none.
        DownloadError: If they had to be downloaded, and that failed.
    """
    path = card_path(name)
    if path is None:
        card: Any = find_card(str(name))
        _check_pretrained(registry.find(str(name)), card)
        return find_weights(card)
    weights = _weights_beside(path)
    if not weights.is_file():
        raise WeightsNotFoundError(
            f"There are no weights at {weights}. A run has some once its first epoch is done."
        )
    return weights


def locate(name: str | os.PathLike) -> tuple[Path, Path]:
    """Returns the paths of a model's card and of its own weights.

    Raises:
        WeightsNotFoundError: If there are none.
    """
    path = card_path(name)
    weights = weights_path(name if path is None else path)
    return path or find_card_path(str(name)), weights  # type: ignore[return-value]


def _weights_beside(card):
    return card.with_name(f"{card.stem}{WEIGHTS_SUFFIX}")


def _read_card(path):
    card = ModelCard.read(path)
    if card.name != path.stem:
        raise CardError(f"{path} must be the card of {path.stem!r}. Received: {card.name!r}")
    return card


def _builder_of(card, path):
    """Returns the registered specification that builds the model of a card."""
    builder = card.training.get("builder")
    if card.name in registry.names():
        spec = registry.find(card.name)
        _check_family(spec, card)
        return spec
    if builder is None:  # a family of the zoo, under a name that is not
        for spec in map(registry.find, registry.names()):
            if spec.family == card.family and isinstance(spec.builder, str):
                return spec
    raise UnknownModelError(
        f"{path} describes {card.name!r}, a model that isn't registered in this process. It was "
        f"registered by {str(builder or card.family)[:100]!r}: import that first. For the command "
        "line, call `zoo.cli.main()` at the end of the program that registers it, and run that "
        "in place of `zoo`."
    )


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


def load(
    name: str | os.PathLike, weights: str | os.PathLike | None = PRETRAINED, **changes: Any
) -> Any:
    """Builds a model of the zoo and loads its pretrained weights, or those of a run.

    Args:
        name: str, a registered model; or the path of a run's folder, or the address of a model on
            the Hugging Face Hub, `hf://OWNER/REPO` or `hf://OWNER/REPO@REVISION`: a model that is
            built as its card says.
        weights: `"pretrained"`, which for a run or an address are its own; `None` for a fresh
            initialization; or the path of your own weights file, from `zoo train` or
            `model.save_weights`.
        **changes: arguments that differ from the registered ones, with your own weights or none.

    Returns:
        A built `keras.Model` with `generate`, `generator` and `discriminator`.

    Raises:
        UnknownModelError: If the name isn't registered; the message offers the closest ones.
        CardError: If there is no sound card at the path.
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
    # zoo.load("runs/photos"): what `zoo train` made
    # zoo.load("hf://ann/photos"): what `zoo.push` published
    ```
    """
    path = card_path(name)
    card: Any = None if path is None else _read_card(path)
    spec = registry.find(str(name)) if path is None else _builder_of(card, path)
    sha256 = None
    if not (weights is None or isinstance(weights, (str, os.PathLike))):
        raise InvalidInputError(
            "`weights` must be 'pretrained', None or the path of a file. "
            f"Received: weights={weights!r}"
        )
    if weights == PRETRAINED:
        # Before the model: a missing file must not cost the wait for a backend to be imported.
        weights = weights_path(name if path is None else path)
        if changes:
            raise InvalidInputError(
                "Trained weights fit only the configuration they were trained with. Pass "
                f"`weights=None` along with {', '.join(changes)}."
            )
        if path is None:
            card = find_card(spec.name)
            sha256 = card.sha256
        elif card.pretrained and sha256_of(weights) != card.sha256:
            raise ChecksumError(f"{weights} isn't the file that {path.name} describes.")
    if card is None:
        model = spec.build(**{**spec.config, **changes})
    else:
        config = {**card.config, **changes}
        model = build_from_card(spec, dataclasses.replace(card, config=config))
    if "masks" in spec.recipe.options and hasattr(model, "masks"):
        from zoo.masks import get_masks  # here: it needs NumPy

        model.masks = get_masks(spec.recipe.options["masks"])
    if weights is None:
        return model

    from zoo.hub.weights import load_weights

    # Without a hash, they are read by a guarded process. That of a run's card vouches for nothing:
    # it comes from where the weights come from.
    load_weights(model, weights, sha256)
    return model


def _check_pretrained(spec, card):
    if card is None or not card.pretrained:
        available = ", ".join(list_models(pretrained=True)) or "none"
        raise WeightsNotFoundError(
            f"{spec.name!r} has no pretrained weights; these have: {available}. Train it with "
            f"`zoo train {spec.name}`, or pass `weights=None` for a fresh initialization."
        )
    _check_family(spec, card)


def _check_family(spec, card):
    if card.family != spec.family:
        raise WeightsMismatchError(
            f"The card of {spec.name!r} describes a model of family {card.family!r}, but the "
            f"registered one is a {spec.family!r}."
        )
