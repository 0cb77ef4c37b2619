"""Feature vectors in blocks, so that memory doesn't grow with their number."""

import numpy as np

from zoo.errors import InvalidInputError

BLOCK = 2**23
"""Numbers in the largest array that is computed at once: 64 MiB of float64."""

SLACK = 1e-11
"""Far above what a matrix product rounds off a squared distance, relative to squared norms."""


def check_features(features, name, minimum=1, width=None):
    """Checks that `features` are finite vectors, and returns them as an array of their own type.

    Args:
        features: Array of shape `(N, D)`.
        name: str, what to call them in an error.
        minimum: int, the fewest vectors.
        width: int, the only width allowed; `None` for any.

    Raises:
        InvalidInputError: For another rank, width or type, fewer than `minimum` vectors, or
            values that aren't finite.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "buif":
        raise InvalidInputError(
            f"Expected {name} to be vectors of real numbers, shape (N, D). "
            f"Received: {features.dtype} of shape {features.shape}"
        )
    if width is not None and features.shape[1] != width:
        raise InvalidInputError(
            f"Expected {name} of width {width}, as the other vectors. "
            f"Received: shape {features.shape}"
        )
    if len(features) < minimum:
        raise InvalidInputError(
            f"Expected at least {minimum} vectors of {name}. Received: {len(features)}"
        )
    if not np.isfinite(features).all():
        raise InvalidInputError(f"Expected finite {name}. Received: NaN or infinity")
    return features


def row_slices(rows, width):
    """Yields slices of up to 2048 rows, fewer where the rows are wide, to keep to `BLOCK`."""
    step = max(1, min(2048, BLOCK // width))
    for start in range(0, rows, step):
        yield slice(start, start + step)


def squared_distances(rows, columns):
    """Computes all squared Euclidean distances by one matrix product.

    Args:
        rows, columns: float64 arrays of shape `(N, D)` and `(M, D)`, centered on a common point
            near the data: what cancels is relative to the norms.

    Returns:
        float64 array of shape `(N, M)`, at least 0.
    """
    distances = rows @ columns.T
    distances *= -2.0
    distances += squared_norms(rows)[:, None]
    distances += squared_norms(columns)
    return np.maximum(distances, 0.0, out=distances)


def squared_norms(vectors):
    """Returns the squared Euclidean norms of the rows of an array of shape `(N, D)`."""
    return np.square(vectors).sum(axis=1)


def softmax(logits):
    """Returns the probabilities of the rows of logits, arrays of shape `(N, classes)`."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
