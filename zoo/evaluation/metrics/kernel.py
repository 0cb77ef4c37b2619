"""The kernel distance between two sets of feature vectors, KID."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.checks import check_count, check_seed
from zoo.evaluation.metrics.vectors import check_features, row_slices, squared_norms


def kernel_distance(
    features1: ArrayLike,
    features2: ArrayLike,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int | None = 0,
) -> tuple[float, float]:
    """Estimates the squared maximum mean discrepancy of two distributions, from samples of each.

    The KID of Bińkowski et al. 2018 (arXiv:1801.01401), for features of any network:
    the unbiased estimate under the kernel `(x.y / D + 1)^3`, averaged over random subsets drawn
    without replacement. Unlike that of the Fréchet distance, its expectation doesn't depend on the
    number of vectors.

    Args:
        features1, features2: Finite arrays of shape `(N, D)` and `(M, D)`, at least two vectors
            each.
        subsets: int, pairs of subsets to draw.
        subset_size: int of at least two, vectors per subset; reduced to the size of the smaller
            set, if that has fewer.
        seed: int from 0 to 2^31 - 1, decides which subsets are drawn; `None` for others each time.

    Returns:
        `(mean, deviation)` over the subsets, two floats. The scale is that of the kernel; lower is
        better, and the mean can be a little below 0: an unbiased estimate of 0 has to err to either
        side. The deviation is that of a single subset, not the error of the mean. It is 0 when
        each subset is the whole set.

    Raises:
        InvalidInputError: For another rank, differing widths, values that aren't finite, or fewer
            than two vectors.

    Example:

    >>> kernel_distance([[1.0], [1.0]], [[0.0], [0.0]], subsets=1)
    (7.0, 0.0)
    """
    check_count("subsets", subsets)
    check_count("subset_size", subset_size, minimum=2)
    check_seed(seed)
    features1 = check_features(features1, "features1", minimum=2)
    features2 = check_features(features2, "features2", minimum=2, width=features1.shape[1])
    size = min(subset_size, len(features1), len(features2))
    rng = np.random.default_rng(seed)
    # The kernel's division by D, once for all products.
    scale = 1.0 / np.sqrt(features1.shape[1])
    discrepancies = np.empty(subsets)
    for i in range(subsets):
        subset1, subset2 = (
            features[rng.choice(len(features), size, replace=False)].astype(np.float64) * scale
            for features in (features1, features2)
        )
        discrepancies[i] = (
            _mean_within(subset1)
            + _mean_within(subset2)
            - 2.0 * _kernel_sum(subset1, subset2) / size**2
        )
    return float(discrepancies.mean()), float(discrepancies.std())


def _mean_within(vectors):
    # Omitting each vector's kernel with itself makes the estimate unbiased.
    diagonal = ((squared_norms(vectors) + 1.0) ** 3).sum()
    return (_kernel_sum(vectors, vectors) - diagonal) / (len(vectors) * (len(vectors) - 1))


def _kernel_sum(vectors1, vectors2):
    total = 0.0
    for rows in row_slices(len(vectors1), len(vectors2)):
        kernel = vectors1[rows] @ vectors2.T
        kernel += 1.0
        # A dot product instead of a cube: a KID spends its time in this loop.
        total += np.vdot(kernel, np.square(kernel))
    return total
