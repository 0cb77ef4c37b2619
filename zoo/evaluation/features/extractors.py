"""Networks in whose features scores are computed, by the name that goes with every score."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.features.classifier import ARCHITECTURES, load_classifier

INCEPTION = "inception"


class Extractor(Protocol):
    """Anything that computes features of images: a `Classifier`, `Inception`, or one's own.

    Attributes:
        name: str, part of every score's protocol.
        identity: str, the sha256 of its weights.
        image_shape: `(height, width, channels)` of the images that it takes; `None` for any.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def image_shape(self) -> tuple[int, int, int] | None: ...

    def features(self, images: np.ndarray, batch_size: int = ...) -> tuple[np.ndarray, np.ndarray]:
        """Computes features and class probabilities, float32 arrays of shape `(N, width)`."""


def names() -> list[str]:
    """Returns the names that `load_extractor` takes: the classifiers' data sets, `"inception"`."""
    return [*ARCHITECTURES, INCEPTION]


def load_extractor(name: str) -> Extractor:
    """Loads a feature extractor.

    Args:
        name: str, one of `names()`.

    Returns:
        A `zoo.evaluation.Classifier` or a `zoo.evaluation.features.inception.Inception`.

    Raises:
        InvalidInputError: For another name.
        MissingDependencyError: If Inception's library isn't installed.
        WeightsNotFoundError: If the weights aren't there.

    Example:

    >>> load_extractor("mnist").features(np.zeros((2, 28, 28, 1), "uint8"))[0].shape
    (2, 96)
    """
    if name not in names():
        raise InvalidInputError(
            f"Expected the name of a feature extractor: {', '.join(names())}. Received: {name!r}"
        )
    if name == INCEPTION:
        from zoo.evaluation.features.inception import load_inception

        return load_inception()
    return load_classifier(name)
