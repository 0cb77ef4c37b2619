"""Features and classes of images that arrive in parts, gathered in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.features.classifier import check_images
from zoo.evaluation.features.reference import COMPARED
from zoo.evaluation.metrics.frechet import Gaussian, StreamingMoments

if TYPE_CHECKING:
    from zoo.evaluation.features.classifier import Classifier
    from zoo.evaluation.features.extractors import Extractor

CONFIDENT = 0.9
CLOSEST_PAIR_AMONG = 64


def reference_gaussian(
    images: np.ndarray, classifier: Classifier, batch_size: int = 500
) -> Gaussian:
    """Computes the moments of images' features, to measure Fréchet distances from.

    Args:
        images: uint8 array of shape `(N, *classifier.image_shape)`, at least two.
        classifier: A `Classifier`.
        batch_size: int, images per forward pass.

    Returns:
        A `Gaussian`.

    Raises:
        InvalidInputError: For images of another type or shape, or fewer than two.

    Example:

    ```python
    classifier = zoo.evaluation.load_classifier("mnist")
    real = reference_gaussian(images, classifier)
    reference_gaussian(model.generate(64, seed=0), classifier).distance_to(real)
    ```
    """
    tally = Tally(classifier, batch_size)
    tally.add(check_images(images, classifier.image_shape))
    return tally.moments.gaussian()


class Tally:
    """Features and class probabilities of images that arrive in parts.

    Moments and counts cover all images; single features and probabilities are kept of the first
    `COMPARED`.

    Args:
        extractor: As `zoo.evaluation.load_extractor` returns.
        batch_size: int, images per forward pass.
    """

    def __init__(self, extractor: Extractor, batch_size: int = 500) -> None:
        if batch_size < 1:
            raise InvalidInputError(f"Expected a batch_size of at least 1. Received: {batch_size}")
        self.extractor = extractor
        self.batch_size = batch_size
        self.moments = StreamingMoments()
        self.first_images: Any = None
        self._features: list[np.ndarray] = []
        self._probabilities: list[np.ndarray] = []
        self._kept = self._confident = self._agreeing = self._labeled = 0
        self._counts: Any = 0

    @property
    def count(self) -> int:
        """Number of images so far."""
        return self.moments.count

    def add(self, images: np.ndarray, labels: np.ndarray | None = None) -> None:
        """Adds images.

        Args:
            images: uint8 array of shape `(N, H, W, C)`.
            labels: int array of shape `(N,)`, the requested classes, or `None`.
        """
        if self.first_images is None:
            self.first_images = images[:CLOSEST_PAIR_AMONG].copy()
        elif len(self.first_images) < CLOSEST_PAIR_AMONG:
            more = images[: CLOSEST_PAIR_AMONG - len(self.first_images)]
            self.first_images = np.concatenate([self.first_images, more])
        for start in range(0, len(images), self.batch_size):
            part = slice(start, start + self.batch_size)
            self._add(images[part], None if labels is None else labels[part])

    def _add(self, images, labels):
        features, probabilities = self.extractor.features(images, self.batch_size)
        self.moments.update(features)
        classes = probabilities.argmax(axis=1)
        self._counts = self._counts + np.bincount(classes, minlength=probabilities.shape[1])
        self._confident += int((probabilities.max(axis=1) > CONFIDENT).sum())
        if labels is not None:
            self._labeled += len(labels)
            self._agreeing += int((classes == labels).sum())
        room = COMPARED - self._kept
        if room > 0:
            self._features.append(features[:room])
            self._probabilities.append(probabilities[:room])
            self._kept += len(features[:room])

    @property
    def features(self) -> np.ndarray:
        """float32 array of shape `(M, D)`, of the first `COMPARED` images."""
        return np.concatenate(self._features)

    @property
    def probabilities(self) -> np.ndarray:
        """float32 array of shape `(M, classes)`, of the first `COMPARED` images."""
        return np.concatenate(self._probabilities)

    def class_scores(self) -> dict[str, Any]:
        """Returns the scores that rest on classes, a dict of plain values.

        - `class_shares`: list of each class's share of the images, in [0, 1].
        - `rarest_class_share`: the smallest of them; near 0 where a class is never drawn.
        - `confident_share`: share of images with a class probability above 0.9, in [0, 1].
        - `label_agreement`, where labels were given: share of images classified as their label.
        """
        shares = (self._counts / self.count).tolist()
        scores = {
            "class_shares": shares,
            "rarest_class_share": min(shares),
            "confident_share": self._confident / self.count,
        }
        if self._labeled:
            scores["label_agreement"] = self._agreeing / self._labeled
        return scores
