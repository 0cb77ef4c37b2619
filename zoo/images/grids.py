"""Pictures of generated images: a grid as PNG, a sequence of grids as an animated GIF."""

import math

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.files import replacing

# Pillow is imported inside the functions: `import zoo` promises to be quick.

CHANNELS = (1, 3, 4)
PNG_PIXELS = 900
"""The longer side of a PNG is enlarged up to this many pixels."""
GIF_PIXELS = 500
"""Likewise of a GIF, which holds many frames."""
BLANK = 255


def make_grid(images, columns=None, padding=2):
    """Lays images out in rows, from left to right, with white lines around each.

    Args:
        images: uint8 ndarray (N, H, W, C), C one of 1, 3, 4.
        columns: int, images per row; by default the square root of N, rounded up. What is left of
            the last row is blank.
        padding: int, pixels between the images and around all of them.

    Returns:
        uint8 ndarray (height, width, C).

    Raises:
        InvalidInputError: if `images` isn't such an array or is empty, or for a number out of
            range.

    Example:

    >>> make_grid(np.zeros((64, 28, 28, 1), "uint8")).shape
    (242, 242, 1)
    """
    _check_images(images)
    count, height, width, channels = images.shape
    if columns is None:
        columns = math.isqrt(count - 1) + 1
    check_count("columns", columns)
    check_count("padding", padding, minimum=0)
    rows = -(-count // columns)
    # One more cell's border, because each cell brings only those above and left of it.
    grid = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, channels),
        BLANK,
        "uint8",
    )
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = row * (height + padding) + padding, column * (width + padding) + padding
        grid[top : top + height, left : left + width] = image
    return grid


def save_png(images, path, columns=None, scale=None):
    """Writes images as one grid, whole or not at all.

    Args:
        images: uint8 ndarray (N, H, W, C), C one of 1, 3, 4.
        path: file to write; folders above it are made.
        columns: int, images per row, as in `make_grid`.
        scale: int, how many times each pixel is repeated. By default as often as the picture's
            longer side stays within 900 pixels.

    Raises:
        InvalidInputError: if `images` isn't such an array, or for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    zoo.pictures.save_png(model.generate(64, seed=0), "grid.png")
    ```
    """
    picture = _picture(make_grid(images, columns), scale, PNG_PIXELS)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def save_gif(frames, path, columns=None, scale=None, frame_ms=80):
    """Writes batches of images as a GIF that loops forever, whole or not at all.

    Each batch becomes one frame, a grid. Transparent pixels are laid on white.

    Args:
        frames: sequence of uint8 ndarrays (N, H, W, C), all of one shape; an ndarray
            (frames, N, H, W, C), for example.
        path: file to write; folders above it are made.
        columns: int, images per row, as in `make_grid`.
        scale: int, how many times each pixel is repeated. By default as often as the picture's
            longer side stays within 500 pixels.
        frame_ms: int, how long each frame shows, in milliseconds; GIF counts in tens of them.

    Raises:
        InvalidInputError: if `frames` aren't such arrays, or for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    latents = zoo.latents.spherical_interpolation(start, stop, 30)      # (30, 16, 100)
    zoo.pictures.save_gif([model.generate(latents=z) for z in latents], "walk.gif")
    ```
    """
    check_count("frame_ms", frame_ms, minimum=10)
    frames = list(frames)
    for frame in frames:
        _check_images(frame)
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) != 1:
        raise InvalidInputError(
            "`frames` must be one batch of images or more, all of one shape. "
            f"Received: {len(frames)} batches{f' of the shapes {shapes}' if shapes else ''}"
        )
    pictures = [_opaque(_picture(make_grid(item, columns), scale, GIF_PIXELS)) for item in frames]
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=frame_ms,
            loop=0,
        )


def _picture(grid, scale, pixels):
    """The grid as a Pillow image, enlarged without blur."""
    from PIL import Image

    if scale is None:
        scale = max(1, pixels // max(grid.shape[:2]))
    check_count("scale", scale)
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)


def _opaque(picture):
    if picture.mode != "RGBA":
        return picture
    from PIL import Image

    white = Image.new("RGBA", picture.size, (BLANK,) * 4)
    return Image.alpha_composite(white, picture).convert("RGB")


def _check_images(images):
    shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", None)
    sound = (
        isinstance(images, np.ndarray)
        and dtype == np.uint8
        and images.ndim == 4
        and shape[-1] in CHANNELS
        and images.size > 0
    )
    if not sound:
        received = type(images).__name__ if shape is None else f"{dtype} of shape {tuple(shape)}"
        raise InvalidInputError(
            "Pictures are made from a uint8 ndarray of shape (N, height, width, channels), with at "
            "least one image of at least one pixel, and 1, 3 or 4 channels. "
            f"Received: {received}"
        )
