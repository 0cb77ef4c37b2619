"""The inception score: confident classes for each image, all classes over the set."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.checks import check_count, check_seed
from zoo.errors import InvalidInputError


def inception_score(
    probabilities: ArrayLike, splits: int = 10, seed: int | None = 0
) -> tuple[float, float]:
    """Computes the inception score of Salimans et al. 2016 (arXiv:1606.03498, section 4).

    `exp(E KL(p(y|x) || p(y)))`, for any classifier of K classes instead of Inception: 1 where all
    images look alike to it, K where it is sure of each and all classes are equally frequent. No
    real image is involved, so variety that is missing within a class doesn't show.

    Args:
        probabilities: Array of shape `(N, K)`, each image's class probabilities p(y|x), in
            [0, 1]; rows sum to 1.
        splits: int, number of parts that are scored one by one, at most N. Small parts score
            lower, having fewer images to show all classes.
        seed: int from 0 to 2^31 - 1, decides the order in which the images are split; `None` for
            another each time. They are shuffled, as in torch-fidelity: parts of images that come
            sorted by class would each hold few classes.

    Returns:
        `(mean, deviation)` over the parts, two floats; the mean is in [1, K].

    Raises:
        InvalidInputError: For another rank, rows that aren't probabilities (their sum more than
            0.001 off 1), or fewer images than splits.

    Example:

    >>> inception_score([[1.0, 0.0], [0.0, 1.0]], splits=1)
    (2.0, 0.0)
    """
    check_count("splits", splits)
    check_seed(seed)
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 2 or not probabilities.size:
        raise InvalidInputError(
            f"Expected class probabilities of shape (N, K). Received: shape {probabilities.shape}"
        )
    # Written so that NaN fails both comparisons.
    sums = probabilities.sum(axis=1)
    if not ((probabilities >= 0.0).all() and (np.abs(sums - 1.0) <= 1e-3).all()):
        raise InvalidInputError(
            "Expected class probabilities, at least 0 and with a sum of 1 for each image. "
            f"Received: values from {probabilities.min():.3g} to {probabilities.max():.3g}, "
            f"sums from {sums.min():.4g} to {sums.max():.4g}. Pass logits through a softmax first"
        )
    if len(probabilities) < splits:
        raise InvalidInputError(
            f"Expected at least as many images as splits. "
            f"Received: {len(probabilities)} images, splits={splits}"
        )
    order = np.random.default_rng(seed).permutation(len(probabilities))
    scores = [_score(probabilities[part]) for part in np.array_split(order, splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(probabilities):
    # The mean divergence from the mean is the entropy of the mean less the mean of the entropies.
    information = _entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean()
    return np.exp(information)


def _entropy(probabilities):
    # p log p is 0 at p = 0, by its limit: there the logarithm is that of 1.
    logarithms = np.log(np.where(probabilities > 0.0, probabilities, 1.0))
    return -(probabilities * logarithms).sum(axis=-1)
