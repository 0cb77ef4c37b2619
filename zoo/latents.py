"""Latent vectors: drawing them, walking between them, and a sheet of them."""

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError


def sample_latent(count, latent_dim, seed=None):
    """Latents from N(0, 1), the same numbers on every backend.

    Drawn row by row from NumPy's PCG64: the first rows of many are the rows of few.

    Args:
        count: int, how many.
        latent_dim: int, variables of each.
        seed: int of at least 0, or `None` for fresh ones. A `numpy.random.Generator` goes on where
            it stands: two calls give the rows of one.

    Returns:
        float32 ndarray (count, latent_dim).
    """
    check_count("count", count)
    check_count("latent_dim", latent_dim)
    if seed is not None and not isinstance(seed, np.random.Generator):
        check_count("seed", seed, minimum=0)
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, latent_dim)).astype("float32")


def spherical_interpolation(start, stop, steps):
    """Points on the great arc between latents (White 2016, "Sampling Generative Networks").

    A straight line would pass through lengths that N(0, 1) hardly ever draws; the arc keeps them.

    Args:
        start: float array (..., latent_dim).
        stop: float array of the same shape.
        steps: int of at least 2, points including both ends.

    Returns:
        float32 ndarray (steps, ..., latent_dim).
    """
    check_count("steps", steps, minimum=2)
    start, stop = np.asarray(start, "float64"), np.asarray(stop, "float64")
    if start.shape != stop.shape:
        raise InvalidInputError(
            f"`start` and `stop` must have one shape. Received: {start.shape} and {stop.shape}"
        )
    lengths = [np.linalg.norm(point, axis=-1, keepdims=True) for point in (start, stop)]
    cosine = np.sum(start * stop, axis=-1, keepdims=True) / np.maximum(np.prod(lengths, 0), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    position = np.linspace(0.0, 1.0, steps).reshape((steps,) + (1,) * start.ndim)
    straight = (1.0 - position) * start + position * stop
    with np.errstate(divide="ignore", invalid="ignore"):
        arc = (np.sin((1.0 - position) * angle) * start + np.sin(position * angle) * stop) / np.sin(
            angle
        )
    # The arc is undefined between parallel latents, where it is the straight line anyway.
    return np.where(np.sin(angle) < 1e-6, straight, arc).astype("float32")


def latent_grid(corners, rows, columns):
    """A sheet of latents between four, as a grid of images can show them (after White 2016).

    Walks along the upper and the lower edge first, then down every column: spherically, as
    `spherical_interpolation` does.

    Args:
        corners: float array (4, latent_dim): top left, top right, bottom left, bottom right.
        rows: int of at least 2, latents from top to bottom, both edges included.
        columns: int of at least 2, latents from left to right, likewise.

    Returns:
        float32 ndarray (rows * columns, latent_dim), row by row.

    Raises:
        InvalidInputError: for other corners, or a number out of range.

    Example:

    ```python
    latents = zoo.latents.latent_grid(model.sample_latent(4, seed=0), rows=6, columns=10)
    zoo.pictures.save_png(model.generate(latents=latents), "sheet.png", columns=10)
    ```
    """
    check_count("rows", rows, minimum=2)
    check_count("columns", columns, minimum=2)
    corners = np.asarray(corners, "float64")
    if corners.ndim != 2 or len(corners) != 4:
        raise InvalidInputError(
            f"`corners` must be an array of shape (4, latent_dim). Received: shape {corners.shape}"
        )
    left, right = corners[0::2], corners[1::2]
    top, bottom = spherical_interpolation(left, right, columns).swapaxes(0, 1)
    return spherical_interpolation(top, bottom, rows).reshape(rows * columns, -1)
