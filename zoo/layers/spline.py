"""Fills holes with a spline in tension (Smith & Wessel 1990), on every backend."""

from keras import ops

TENSION = 0.15
"""Weight of the slopes beside that of the curvature, whose own is 1, per squared pixel: from about
three pixels on the surface is a membrane, which doesn't overshoot as a thin plate does."""
STEPS = 48
"""Steps of the conjugate gradients. What is left then is wider than they reach, and belongs to the
coarser sizes of a pyramid."""


def fill_with_spline(images, holes, steps=STEPS):
    """Fills holes with the smoothest surface that meets the known pixels.

    It minimizes the sum of the squared Laplacian and of `TENSION` times the squared slope: a thin
    plate close to the known pixels, a membrane farther from them. Smith & Wessel 1990, Gridding
    with continuous curvature splines in tension, with edges that are free.

    Args:
        images: float tensor (batch, H, W, C). What it holds in the holes is where the search
            starts.
        holes: bool tensor (batch, H, W, 1), True where a pixel is missing.
        steps: int, of conjugate gradients.

    Returns:
        float tensor of the images' shape, the images' own in known pixels.
    """
    missing = ops.cast(holes, images.dtype)

    def dot(a, b):
        return ops.sum(a * b, axis=(1, 2), keepdims=True)  # each channel by itself

    def step(_, state):
        surface, residual, direction, energy = state
        image = missing * _bending(direction)
        pace = energy / (dot(direction, image) + 1e-20)
        surface = surface + pace * direction
        residual = residual - pace * image
        left = dot(residual, residual)
        direction = residual + left / (energy + 1e-20) * direction
        return surface, residual, direction, left

    residual = -missing * _bending(images)
    state = images, residual, residual, dot(residual, residual)
    return ops.fori_loop(0, steps, step, state)[0]


def _bending(x):
    """Returns half the gradient of the energy that the surface minimizes."""
    laplacian = _laplacian(x)
    return _laplacian(laplacian + TENSION * x)


def _laplacian(x):
    """Returns the sum of differences to the four neighbors: positive on a summit."""
    below = x[:, 1:] - x[:, :-1]
    right = x[:, :, 1:] - x[:, :, :-1]
    return (
        ops.pad(below, [(0, 0), (1, 0), (0, 0), (0, 0)])
        - ops.pad(below, [(0, 0), (0, 1), (0, 0), (0, 0)])
        + ops.pad(right, [(0, 0), (0, 0), (1, 0), (0, 0)])
        - ops.pad(right, [(0, 0), (0, 0), (0, 1), (0, 0)])
    )
