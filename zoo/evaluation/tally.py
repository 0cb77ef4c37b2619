"""What generated images look like to an extractor, gathered part by part in flat memory."""

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.features.reference import COMPARED
from zoo.evaluation.metrics.frechet import StreamingMoments

CONFIDENT = 0.9
CLOSEST_PAIR_AMONG = 64


class Tally:
    """Features and class probabilities of images that arrive in parts.

    Moments and counts are of all images; single features and probabilities of the first
    `COMPARED` are kept.

    Args:
        extractor: As `zoo.evaluation.load_extractor` gives.
        batch_size: Images per forward pass.
    """

    def __init__(self, extractor, batch_size=500):
        if batch_size < 1:
            raise InvalidInputError(f"Expected a batch_size of at least 1. Received: {batch_size}")
        self.extractor = extractor
        self.batch_size = batch_size
        self.moments = StreamingMoments()
        self.first_images = None
        self._features, self._probabilities = [], []
        self._kept = self._confident = self._agreeing = self._labeled = 0
        self._counts = 0

    @property
    def count(self):
        """How many images there were."""
        return self.moments.count

    def add(self, images, labels=None):
        """Adds images.

        Args:
            images: uint8 array of shape `(N, H, W, C)`.
            labels: Integers `(N,)`, the classes that were asked for, or `None`.
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
    def features(self):
        """float32 array of shape `(M, D)`, of the first `COMPARED` images."""
        return np.concatenate(self._features)

    @property
    def probabilities(self):
        """float32 array of shape `(M, classes)`, of the first `COMPARED` images."""
        return np.concatenate(self._probabilities)

    def class_scores(self):
        """What the classes say, a dict of plain values:

        - `class_shares`: list of each class's share of the images, in [0, 1].
        - `rarest_class_share`: the smallest of them; near 0 where a class is never drawn.
        - `confident_share`: share of images with a class probability above 0.9, in [0, 1].
        - `label_agreement`, if classes were asked for: share of images that are taken for theirs.
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
