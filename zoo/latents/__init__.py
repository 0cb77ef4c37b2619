"""Latent vectors: sampling, interpolation, directions, and the latents of given images."""

import numpy as np

from zoo.checks import check_count, check_positive, check_share
from zoo.errors import InvalidInputError
from zoo.latents.directions import class_directions, closed_form_directions, direction_grid
from zoo.latents.inversion import invert

__all__ = [
    "class_directions",
    "closed_form_directions",
    "direction_grid",
    "invert",
    "latent_grid",
    "random_stream",
    "sample_latent",
    "spherical_interpolation",
]


def sample_latent(
    count: int,
    latent_dim: int,
    seed: int | np.random.Generator | None = None,
    truncation: float | None = None,
    psi: float | None = None,
) -> np.ndarray:
    """Draws latents from N(0, 1), the same numbers on every backend.

    Drawn row by row from NumPy's PCG64: a larger count only adds rows.

    Args:
        count: int, how many.
        latent_dim: int, variables of each.
        seed: int of at least 0, or `None` for fresh ones. A `numpy.random.Generator` continues its
            stream: two calls give the rows of one.
        truncation: float over 0: numbers further from 0 are drawn again until none is. Samples
            are more alike the lower it is, and those of some models better one by one (Brock et
            al. 2019, "BigGAN", 3.1). `None` keeps all.
        psi: float in (0, 1]: the latents are scaled by it toward their mean, which is 0, after
            `truncation` (the form of Karras et al. 2019, "StyleGAN", appendix B; of N(0, 1) it is
            the temperature of Kingma & Dhariwal 2018, "Glow"). `None` leaves them.

    Returns:
        float32 array of shape `(count, latent_dim)`.

    Raises:
        InvalidInputError: for a number out of range.

    Example:

    >>> sample_latent(64, 100, seed=0).shape
    (64, 100)
    """
    check_count("count", count)
    check_count("latent_dim", latent_dim)
    if truncation is not None:
        check_positive("truncation", truncation)
    if psi is not None:
        check_share("psi", psi)
    stream = random_stream(seed)
    if truncation is None:
        latents = stream.standard_normal((count, latent_dim)).astype("float32")
    else:
        rows = [_truncated_normal(stream, latent_dim, truncation) for _ in range(count)]
        latents = np.stack(rows)
    return latents if psi is None else latents * np.float32(psi)


def _truncated_normal(stream, size, bound):
    """Returns one latent whose numbers are within a bound, before the stream goes on to another."""
    row = stream.standard_normal(size)
    while (beyond := np.abs(row) > bound).any():
        row[beyond] = stream.standard_normal(beyond.sum())
    return row.astype("float32")


def random_stream(seed: int | np.random.Generator | None, *key: int) -> np.random.Generator:
    """Returns what to draw from: a `numpy.random.Generator` itself, or a new one.

    Args:
        seed: int of at least 0, a generator, or `None` for other numbers each time.
        *key: ints that tell streams of one seed apart.

    Raises:
        InvalidInputError: for anything else.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None:
        return np.random.default_rng()
    check_count("seed", seed, minimum=0)
    return np.random.default_rng([seed, *key] if key else seed)


def spherical_interpolation(start, stop, steps: int) -> np.ndarray:
    """Walks the great arc between latents (White 2016, "Sampling Generative Networks").

    A straight line would pass through lengths that N(0, 1) hardly ever draws; the arc doesn't.

    Args:
        start: float array of shape `(..., latent_dim)`.
        stop: float array of the same shape.
        steps: int of at least 2, points including both ends.

    Returns:
        float32 array of shape `(steps, ..., latent_dim)`.

    Example:

    >>> spherical_interpolation([1.0, 0.0], [0.0, 1.0], 3).round(2).tolist()
    [[1.0, 0.0], [0.7099999785423279, 0.7099999785423279], [0.0, 1.0]]
    """
    check_count("steps", steps, minimum=2)
    start, stop = np.asarray(start, "float64"), np.asarray(stop, "float64")
    if start.shape != stop.shape:
        raise InvalidInputError(
            f"`start` and `stop` must have the same shape. Received: {start.shape} and {stop.shape}"
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
    # The arc is undefined between parallel latents, where the straight line is right.
    return np.where(np.sin(angle) < 1e-6, straight, arc).astype("float32")


def latent_grid(corners, rows: int, columns: int) -> np.ndarray:
    """Interpolates between four latents, for a grid of images (after White 2016).

    Walks along the upper and the lower edge first, then down every column, each time by
    `spherical_interpolation`.

    Args:
        corners: float array of shape `(4, latent_dim)`: top left, top right, bottom left, bottom
            right.
        rows: int of at least 2, latents from top to bottom, both edges included.
        columns: int of at least 2, latents from left to right, likewise.

    Returns:
        float32 array of shape `(rows * columns, latent_dim)`, row by row.

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
