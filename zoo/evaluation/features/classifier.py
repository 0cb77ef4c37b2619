"""Small image classifiers, one for each data set, in whose features Fréchet distances are measured.

The Inception features of the original FID come from large color photographs, and say little about
28x28 digits or 64x64 scenes; a network trained on the data set itself is the usual stand-in.
Distances in its features compare only with distances in the same features, so its file is pinned
by a sha256.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import checks
from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from zoo.evaluation.metrics.vectors import softmax
from zoo.hub import locations
from zoo.hub.download import sha256_of
from zoo.hub.weights import load_weights

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """Architecture of a data set's classifier.

    Args:
        image_shape: `(height, width, channels)` of its images, in pixels.
        classes: int, number of classes.
        feature_width: int, number of features of an image.
        widths: Filters of its convolutions, from the images' size down.
        residual: bool, whether it is the residual network of `networks.py`, or the plain one.
        dropout: float in [0, 1), rate of the dropout ahead of the feature layer, in training.
        pooled: bool, whether the residual network halves its maps by max pooling after a
            convolution of full size, which sees more than a strided one and costs four times as
            much.
    """

    image_shape: tuple[int, int, int]
    classes: int
    feature_width: int
    widths: tuple[int, ...]
    residual: bool
    dropout: float
    pooled: bool = False


_GRAY: dict[str, Any] = {
    "feature_width": 96,
    "widths": (32, 64, 96),
    "residual": False,
    "dropout": 0.3,
}
_PHOTOS: dict[str, Any] = {
    "feature_width": 128,
    "widths": (32, 64, 128, 160),
    "residual": True,
    "dropout": 0.2,
}
ARCHITECTURES = {
    "cifar10": Architecture((32, 32, 3), classes=10, **_PHOTOS),
    "fashion_mnist": Architecture((28, 28, 1), classes=10, **_GRAY),
    "mnist": Architecture((28, 28, 1), classes=10, **_GRAY),
    "scenes64": Architecture((64, 64, 3), classes=6, **_PHOTOS),
}


class Classifier:
    """A trained classifier, for inference.

    Args:
        network: A `keras.Model` as `build_network` returns.
        card: dict, the card of its weights.
    """

    def __init__(self, network: keras.Model, card: dict[str, Any]) -> None:
        self.network = network
        self.card = card

    @property
    def name(self) -> str:
        """Name of the data set that it was trained on."""
        return self.card["name"]

    @property
    def identity(self) -> str:
        """sha256 of its weights file."""
        return self.card["sha256"]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of the images that it takes, in pixels."""
        return tuple(self.network.input_shape[1:])

    @property
    def feature_width(self) -> int:
        """Number of features of an image."""
        return self.network.output_shape[0][1]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.network.output_shape[1][1]

    def features(self, images: np.ndarray, batch_size: int = 500) -> tuple[np.ndarray, np.ndarray]:
        """Computes the penultimate layer's features and the class probabilities.

        Args:
            images: uint8 array of shape `(N, *image_shape)`, values 0..255.
            batch_size: int, images per forward pass.

        Returns:
            `(features, probabilities)`, float32 arrays of shapes `(N, feature_width)` and
            `(N, classes)`; probabilities are in [0, 1], and each row of them sums to 1.

        Raises:
            InvalidInputError: For images of another type or shape, or a batch size below 1.

        Example:

        >>> features, probabilities = load_classifier("mnist").features(
        ...     np.zeros((2, 28, 28, 1), "uint8")
        ... )
        >>> features.shape, probabilities.shape
        ((2, 96), (2, 10))
        """
        images = check_images(images, self.image_shape)
        if batch_size < 1:
            raise InvalidInputError(f"Expected a batch_size of at least 1. Received: {batch_size}")
        features = np.empty((len(images), self.feature_width), np.float32)
        logits = np.empty((len(images), self.classes), np.float32)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            part = slice(start, start + len(batch))
            scaled = batch.astype(np.float32) / np.float32(255)
            features[part], logits[part] = self.network.predict_on_batch(scaled)
        return features, softmax(logits)


def build_network(name: str, dtype: str = "float32") -> keras.Model:
    """Builds a data set's network: convolutions, one smooth feature layer, logits.

    Args:
        name: str, a data set, one of `ARCHITECTURES`.
        dtype: str, the layers' policy. Inference is float32 whatever the global policy, so that
            scores don't depend on it; training can use `"mixed_bfloat16"`.

    Returns:
        A `keras.Model` from float images of shape `(N, *image_shape)` in [0, 1] to
        `[features (N, feature_width), logits (N, classes)]`.

    Raises:
        InvalidInputError: If there is no architecture for this data set.

    Example:

    >>> build_network("scenes64").output_shape
    [(None, 128), (None, 6)]
    """
    if name not in list(ARCHITECTURES):  # A list, so that an unhashable name is refused too.
        raise InvalidInputError(
            f"Expected the name of a classifier: {', '.join(ARCHITECTURES)}. Received: {name!r}"
        )
    from zoo.evaluation.features import networks

    return networks.build(ARCHITECTURES[name], f"{name}_classifier", dtype)


def load_classifier(name: str = "mnist") -> Classifier:
    """Loads a trained classifier that ships with the package.

    Looks in the folder `classifiers` of each of `zoo.hub.locations.folders()`.

    Args:
        name: str, the data set that it was trained on: one of `ARCHITECTURES`.

    Returns:
        A `Classifier`.

    Raises:
        WeightsNotFoundError: If there is no such classifier.
        InvalidInputError: If there is one, but its data set isn't in `ARCHITECTURES`.
        CardError: If its card can't be read or lacks the sha256.
        ChecksumError: If the weights file doesn't have the sha256 of its card.
        WeightsMismatchError: If the weights belong to another network.

    Example:

    >>> classifier = load_classifier("mnist")
    >>> classifier.card["metrics"]["test_accuracy"] > 0.99
    True
    """
    card_path, weights_path = _find(name)
    card = _read_card(card_path)
    digest = sha256_of(weights_path)
    if digest != card["sha256"]:
        raise ChecksumError(
            f"Expected {weights_path} to have the sha256 {card['sha256']}, as its card says. "
            f"Received: {digest}. The file is damaged or was changed: restore it, or reinstall"
        )
    network = build_network(name)
    try:
        load_weights(network, weights_path, select=None)
    except WeightsMismatchError as error:
        raise WeightsMismatchError(
            f"Expected {weights_path} to hold the weights of this version's {name} classifier. "
            f"Received: {error}. Retrain it: python -m scripts.train_classifier {name}"
        ) from error
    return Classifier(network, card)


def check_images(images: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Checks that images are what a classifier takes, and returns them as an array.

    Args:
        images: uint8 array of shape `(N, *image_shape)`.
        image_shape: `(height, width, channels)`, in pixels.

    Raises:
        InvalidInputError: For other types or shapes: a channel axis is never added, and the range
            of floats never guessed.

    Example:

    >>> check_images(np.zeros((2, 28, 28, 1), "uint8"), (28, 28, 1)).shape
    (2, 28, 28, 1)
    """
    images = np.asarray(images)
    checks.check_images(images, image_shape)
    return images


def _find(name):
    folders = [folder / "classifiers" for folder in locations.folders()]
    # A name with a slash in it would reach outside the folders.
    if isinstance(name, str) and name.isidentifier():
        for folder in folders:
            card, weights = folder / f"{name}.json", folder / f"{name}.weights.h5"
            if card.is_file() and weights.is_file():
                return card, weights
    known = sorted({path.stem for folder in folders for path in folder.glob("*.json")})
    raise WeightsNotFoundError(
        f"Expected a trained classifier: {', '.join(known) or 'none is there'}. "
        f"Received: {name!r}. Looked for NAME.json with NAME.weights.h5 in "
        f"{', '.join(map(str, folders))}"
    )


def _read_card(path):
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CardError(f"Expected a JSON card in {path}. Received: {error}") from error
    if not isinstance(card, dict) or not isinstance(card.get("sha256"), str):
        raise CardError(f"Expected the card {path} to give the weights' sha256. Received: none")
    return card
