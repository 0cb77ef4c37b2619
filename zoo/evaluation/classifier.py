"""A small digit classifier, whose features the Fréchet distance is measured in.

The Inception features of the original FID come from color photographs, and say little about
28x28 digits; a network trained on the digits themselves is the usual stand-in. Distances in its
features compare only with distances in the same features, so its file is pinned by a sha256.
"""

import hashlib
import json
import warnings

import numpy as np

from zoo import locations
from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    WeightsMismatchError,
    WeightsNotFoundError,
)

IMAGE_SHAPE = (28, 28, 1)
FEATURE_WIDTH = 96
CLASSES = 10


class DigitClassifier:
    """A trained digit classifier, for inference.

    Args:
        network: A `keras.Model` as `build_network` returns.
        card: What is known about its weights, as a dict.
    """

    def __init__(self, network, card):
        self.network = network
        self.card = card

    def features(self, images, batch_size=500):
        """Computes the penultimate layer's features and the class probabilities.

        Args:
            images: uint8 array of shape `(N, 28, 28, 1)`, white digits on black.
            batch_size: Images per forward pass.

        Returns:
            `(features, probabilities)`, float32 arrays of shapes `(N, 96)` and `(N, 10)`.

        Raises:
            InvalidInputError: For images of another type or shape, or a batch size below 1.

        Example:

        >>> features, probabilities = load_classifier("mnist").features(images)
        >>> digits = probabilities.argmax(axis=1)
        """
        images = check_images(images)
        if batch_size < 1:
            raise InvalidInputError(f"Expected a batch_size of at least 1. Received: {batch_size}")
        features = np.empty((len(images), FEATURE_WIDTH), np.float32)
        logits = np.empty((len(images), CLASSES), np.float32)
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            part = slice(start, start + len(batch))
            scaled = batch.astype(np.float32) / np.float32(255)
            features[part], logits[part] = self.network.predict_on_batch(scaled)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return features, odds / odds.sum(axis=1, keepdims=True)


def build_network(dtype="float32"):
    """Builds the classifier's network: five convolutions, one smooth feature layer, logits.

    Args:
        dtype: The layers' policy. Inference is float32 whatever the global policy, so that
            scores don't depend on it; training may take `"mixed_bfloat16"`.

    Returns:
        A `keras.Model` from float images of shape `(N, 28, 28, 1)` in [0, 1] to
        `[features (N, 96), logits (N, 10)]`.
    """
    import keras
    from keras import layers

    def convolution(x, filters, name):
        # Explicit names and data format: the user's Keras configuration must not change them.
        options = {"dtype": dtype, "data_format": "channels_last"}
        x = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, name=f"{name}_conv", **options
        )(x)
        x = layers.BatchNormalization(axis=-1, momentum=0.9, dtype=dtype, name=f"{name}_norm")(x)
        return layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)

    def halve(x, name):
        return layers.MaxPooling2D(2, data_format="channels_last", dtype=dtype, name=name)(x)

    images = keras.Input(IMAGE_SHAPE, dtype="float32", name="images")
    x = convolution(images, 32, "block1a")
    x = halve(convolution(x, 32, "block1b"), "pool1")
    x = convolution(x, 64, "block2a")
    x = halve(convolution(x, 64, "block2b"), "pool2")
    x = halve(convolution(x, 96, "block3"), "pool3")
    x = layers.Flatten(data_format="channels_last", dtype=dtype, name="flatten")(x)
    x = layers.Dropout(0.3, dtype=dtype, name="dropout")(x)
    # Smooth, so that features of near-equal images stay close and look more Gaussian.
    features = layers.Dense(FEATURE_WIDTH, activation="gelu", dtype=dtype, name="features")(x)
    logits = layers.Dense(CLASSES, dtype="float32", name="logits")(features)
    return keras.Model(images, [features, logits], name="digit_classifier")


def load_classifier(name="mnist"):
    """Loads a trained classifier that ships with the package.

    Looks in the folder `classifiers` of each of `zoo.locations.folders()`.

    Args:
        name: The data set it was trained on: `"mnist"`.

    Returns:
        A `DigitClassifier`.

    Raises:
        WeightsNotFoundError: If there is no such classifier.
        CardError: If its card can't be read or lacks the sha256.
        ChecksumError: If the weights file isn't the one that the card describes.
        WeightsMismatchError: If the weights are of another network.

    Example:

    >>> classifier = load_classifier("mnist")
    >>> classifier.card["metrics"]["test_accuracy"] > 0.99
    True
    """
    card_path, weights_path = _find(name)
    card = _read_card(card_path)
    # One read serves the check and the loading, so nothing can change in between.
    content = weights_path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != card["sha256"]:
        raise ChecksumError(
            f"Expected {weights_path} to have the sha256 {card['sha256']}, as its card says. "
            f"Received: {digest}. The file is damaged or was changed: restore it, or reinstall"
        )
    network = build_network()
    try:
        with warnings.catch_warnings():
            # Keras only warns where it leaves layers freshly initialized.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(weights_path)
    except (ValueError, KeyError, UserWarning) as error:
        raise WeightsMismatchError(
            f"Expected {weights_path} to hold the weights of this version's digit classifier. "
            f"Received: {error}. Retrain it with scripts/train_digit_classifier.py"
        ) from error
    return DigitClassifier(network, card)


def check_images(images):
    """Returns images as an array, once they are known to be what the classifier takes.

    Args:
        images: uint8 array of shape `(N, 28, 28, 1)`.

    Raises:
        InvalidInputError: For anything else; a missing channel axis or a float range isn't guessed.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE:
        raise InvalidInputError(
            "Expected uint8 images of shape (N, 28, 28, 1). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
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
