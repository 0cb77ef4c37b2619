"""The Fréchet distance between two Gaussians, and their moments in one pass over the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import InvalidInputError


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of a set of feature vectors, and their number.

    Args:
        mean: float64 array of shape `(D,)`.
        covariance: float64 array of shape `(D, D)`, normalized by `count - 1`.
        count: int, number of vectors behind the two.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    def distance_to(self, other: Gaussian) -> float:
        """Computes the `frechet_distance` to another `Gaussian`."""
        return frechet_distance(self.mean, self.covariance, other.mean, other.covariance)


class StreamingMoments:
    """Mean and covariance of vectors that arrive in batches, in constant memory.

    Batches are merged by their centered scatter matrices (Chan, Golub and LeVeque 1983), in
    float64. A running sum of squares would be shorter, and would cancel as soon as the mean is
    large against the spread.

    Example:

    >>> moments = StreamingMoments()
    >>> moments.update(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> moments.update(np.array([[4.0, 4.0]]))
    >>> moments.gaussian().mean
    array([2., 2.])
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Any = None
        self._scatter: Any = None

    def update(self, batch: ArrayLike) -> None:
        """Adds a batch of vectors.

        Args:
            batch: Finite array of shape `(N, D)`; an empty batch changes nothing.

        Raises:
            InvalidInputError: For another rank or width, or values that aren't finite.
        """
        batch = np.asarray(batch, dtype=np.float64)
        if batch.ndim != 2:
            raise InvalidInputError(
                f"Expected a batch of vectors, shape (N, D). Received: shape {batch.shape}"
            )
        if not np.isfinite(batch).all():
            raise InvalidInputError(
                "Expected finite feature vectors. Received: a batch that holds NaN or infinity. "
                "Check the network that computed it"
            )
        if len(batch) == 0:
            return
        # Centering on a member first keeps the sum small: with a large common offset, the sum
        # itself would already have rounded the digits that the mean needs.
        centered = batch - batch[0]
        shift = centered.mean(axis=0)
        centered -= shift
        count, mean, scatter = len(batch), batch[0] + shift, centered.T @ centered
        if self.count == 0:
            self.count, self._mean, self._scatter = count, mean, scatter
            return
        if mean.shape != self._mean.shape:
            raise InvalidInputError(
                f"Expected vectors of width {len(self._mean)}, as in the batches before. "
                f"Received: width {len(mean)}"
            )
        total = self.count + count
        delta = mean - self._mean
        self._scatter += scatter + np.outer(delta, delta) * (self.count * count / total)
        self._mean += delta * (count / total)
        self.count = total

    def gaussian(self) -> Gaussian:
        """Returns the moments so far, as a `Gaussian` of float64 arrays.

        Raises:
            InvalidInputError: With fewer than two vectors, which have no covariance.
        """
        if self.count < 2:
            raise InvalidInputError(
                f"A covariance takes at least two vectors. Received: {self.count}"
            )
        return Gaussian(self._mean.copy(), self._scatter / (self.count - 1), self.count)


def frechet_distance(
    mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike
) -> float:
    """Computes the squared Fréchet distance between two Gaussians.

    `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, the FID of Heusel et al. 2017 (section 3)
    when the moments are those of a network's features.

    Args:
        mean1, mean2: Arrays of shape `(D,)`.
        covariance1, covariance2: Symmetric, positive semi-definite arrays of shape `(D, D)`;
            singular ones are fine.

    Returns:
        float, at least 0, in squared units of the features.

    Raises:
        InvalidInputError: If shapes don't agree, a value isn't finite, or a covariance isn't
            symmetric and positive semi-definite.

    Example:

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])
    10.0
    """
    mean1, mean2 = np.asarray(mean1, np.float64), np.asarray(mean2, np.float64)
    covariance1 = np.asarray(covariance1, np.float64)
    covariance2 = np.asarray(covariance2, np.float64)
    _check_shapes(mean1, covariance1, mean2, covariance2)

    # S1 S2 isn't symmetric, but sqrt(S1) S2 sqrt(S1) is and has the same eigenvalues: `eigh`
    # keeps them real, where the square root of the plain product strays into complex numbers.
    root1 = _square_root(covariance1, "covariance1")
    _check_positive(np.linalg.eigvalsh(covariance2), "covariance2")
    product = root1 @ covariance2 @ root1
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    trace_of_root = np.sqrt(np.clip(eigenvalues, 0.0, None)).sum()

    difference = mean1 - mean2
    distance = difference @ difference + np.trace(covariance1) + np.trace(covariance2)
    # Rounding can leave the distance of two equal Gaussians a hair below zero.
    return max(0.0, float(distance - 2.0 * trace_of_root))


def _square_root(matrix, name):
    eigenvalues, vectors = np.linalg.eigh(matrix)
    _check_positive(eigenvalues, name)
    return (vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))) @ vectors.T


def _check_positive(eigenvalues, name):
    # A singular covariance has eigenvalues a few roundings below zero; a real negative one means
    # that the matrix is no covariance.
    if eigenvalues[0] < -1e-6 * max(abs(eigenvalues[-1]), np.finfo(np.float64).tiny):
        raise InvalidInputError(
            f"Expected {name} to be positive semi-definite. "
            f"Received: a matrix with the eigenvalue {eigenvalues[0]:.3g}"
        )


def _check_shapes(mean1, covariance1, mean2, covariance2):
    width = mean1.shape[0] if mean1.ndim == 1 else None
    shapes = [a.shape for a in (mean1, covariance1, mean2, covariance2)]
    if not width or shapes != [(width,), (width, width)] * 2:
        raise InvalidInputError(
            "Expected means of shape (D,) and covariances of shape (D, D), one D for all. "
            f"Received: {', '.join(map(str, shapes))}"
        )
    if not all(np.isfinite(a).all() for a in (mean1, covariance1, mean2, covariance2)):
        raise InvalidInputError("Expected finite moments. Received: NaN or infinity")
    for name, matrix in (("covariance1", covariance1), ("covariance2", covariance2)):
        if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-9 * np.abs(matrix).max()):
            raise InvalidInputError(f"Expected {name} to be symmetric. Received: one that isn't")
