"""Precision and recall, density and coverage: fidelity and variety, each by itself."""

import numpy as np
from numpy.typing import ArrayLike

from zoo.checks import check_count
from zoo.evaluation.metrics.vectors import (
    SLACK,
    check_features,
    row_slices,
    squared_distances,
    squared_norms,
)


def manifold_scores(
    real: ArrayLike, fake: ArrayLike, neighbors: int = 3, density_neighbors: int = 5
) -> dict[str, float]:
    """Scores how well two sets of features cover each other.

    A set's manifold is estimated by balls around its members, each reaching to the member's k-th
    nearest *other* member. Precision and recall are those of Kynkäänniemi et al. 2019
    (arXiv:1904.06991, section 2), density and coverage those of Naeem et al. 2020
    (arXiv:2002.09797, section 3). Balls are closed, as in the former's equation 1; the latter's
    code leaves out vectors exactly on the rim. All four depend on the number of vectors: compare
    only scores of equal counts.

    Args:
        real: Finite array of shape `(N, D)`: features of real images.
        fake: Finite array of shape `(M, D)`: features of generated images.
        neighbors: int, k of precision and recall.
        density_neighbors: int, k of density and coverage.

    Returns:
        dict of Python floats; higher is better for each:

        - `precision`: share of fake vectors in some real ball, in [0, 1]: how realistic they are.
        - `recall`: share of real vectors in some fake ball, in [0, 1]: how much of their
          variety is covered. A single outlier among the fakes can raise it.
        - `density`: mean number of real balls that hold a fake vector, over k; at least 0, and
          over 1 where fakes crowd in the dense regions.
        - `coverage`: share of real vectors with a fake one in their ball, in [0, 1].

    Raises:
        InvalidInputError: For another rank, differing widths, values that aren't finite, or fewer
            than k + 1 vectors.

    Example:

    >>> real, fake = np.random.default_rng(0).normal(size=(2, 1000, 8))
    >>> manifold_scores(real, fake)["precision"]
    0.902
    """
    check_count("neighbors", neighbors)
    check_count("density_neighbors", density_neighbors)
    real = check_features(real, "real features", max(neighbors, density_neighbors) + 1)
    fake = check_features(fake, "fake features", neighbors + 1, width=real.shape[1])
    center = real.mean(axis=0, dtype=np.float64)
    real, fake = real - center, fake - center

    real_balls, density_balls = _squared_radii(real, [neighbors, density_neighbors])
    (fake_balls,) = _squared_radii(fake, [neighbors])
    precise = inside = 0
    recalled, covered = np.zeros((2, len(real)), bool)
    for rows in row_slices(len(fake), len(real)):
        distances = squared_distances(fake[rows], real)
        precise += int((distances <= real_balls).any(axis=1).sum())
        recalled |= (distances <= fake_balls[rows, None]).any(axis=0)
        in_density_balls = distances <= density_balls
        inside += int(in_density_balls.sum())
        covered |= in_density_balls.any(axis=0)
    return {
        "precision": precise / len(fake),
        "recall": float(recalled.mean()),
        "density": inside / (density_neighbors * len(fake)),
        "coverage": float(covered.mean()),
    }


def _squared_radii(vectors, counts):
    radii = np.empty((len(counts), len(vectors)))
    for rows in row_slices(len(vectors), len(vectors)):
        distances = squared_distances(vectors[rows], vectors)
        # Position 0 is the vector itself, or a copy of it at the same distance.
        distances.partition(sorted(set(counts)), axis=1)
        radii[:, rows] = distances[:, counts].T
    # A vector on the rim must count as inside however its distance was rounded.
    return radii + SLACK * (radii + squared_norms(vectors))
