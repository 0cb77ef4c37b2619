"""Pictures of generated images: a grid as PNG, a sequence of grids as an animated GIF."""

import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from zoo.checks import check_count, check_images
from zoo.errors import InvalidInputError
from zoo.files import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow is imported inside the functions: importing zoo must be quick.

CHANNELS = (1, 3, 4)
PNG_PIXELS = 900
"""Small PNGs are enlarged until their longer side is almost this long."""
GIF_PIXELS = 500
"""The same for GIFs, which hold many frames."""
SCALE = "Scale"
"""Key of the text in a PNG that says how many times each pixel is repeated."""
BLANK = 255


def make_grid(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Arranges images in rows, from left to right, with white lines around each.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, C one of 1, 3, 4.
        columns: int, images per row; by default the square root of N, rounded up. The rest of the
            last row is blank.
        padding: int, pixels between the images and around all of them.

    Returns:
        uint8 array of shape `(height, width, C)`.

    Raises:
        InvalidInputError: if `images` isn't such an array or is empty, or for a number out of
            range.

    Example:

    >>> zoo.pictures.make_grid(np.zeros((64, 28, 28, 1), "uint8")).shape
    (242, 242, 1)
    """
    check_images(images, channels=CHANNELS, empty=False)
    count, height, width, channels = images.shape
    if columns is None:
        columns = math.isqrt(count - 1) + 1
    check_count("columns", columns)
    check_count("padding", padding, minimum=0)
    rows = -(-count // columns)
    # Each cell brings its lines above and to the left; the last ones need another.
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


def show(images: np.ndarray, columns: int | None = None, scale: int | None = None) -> "Image":
    """Returns images as one grid that a notebook displays.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, C one of 1, 3, 4.
        columns: int, images per row, as in `make_grid`.
        scale: int, how many times each pixel is repeated; by default as often as fits into 900
            pixels on the longer side.

    Returns:
        `PIL.Image.Image`.

    Raises:
        InvalidInputError: if `images` isn't such an array, or for a number out of range.

    Example:

    >>> zoo.pictures.show(np.zeros((64, 28, 28, 1), "uint8")).size
    (726, 726)
    """
    return _enlarge(make_grid(images, columns), scale, PNG_PIXELS)[0]


def save_png(
    images: np.ndarray,
    path: str | os.PathLike,
    columns: int | None = None,
    scale: int | None = None,
) -> None:
    """Writes images as one grid, whole or not at all.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, C one of 1, 3, 4.
        path: file to write; missing folders are created.
        columns: int, images per row, as in `make_grid`.
        scale: int, how many times each pixel is repeated; by default as often as fits into 900
            pixels on the longer side. The file says it in a text named `Scale`.

    Raises:
        InvalidInputError: if `images` isn't such an array, or for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    zoo.pictures.save_png(model.generate(64, seed=0), "grid.png")
    ```
    """
    from PIL.PngImagePlugin import PngInfo

    picture, scale = _enlarge(make_grid(images, columns), scale, PNG_PIXELS)
    texts = PngInfo()
    texts.add_text(SCALE, str(scale))
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True, pnginfo=texts)


def save_gif(
    frames: Iterable[np.ndarray],
    path: str | os.PathLike,
    columns: int | None = None,
    scale: int | None = None,
    frame_ms: int = 80,
) -> None:
    """Writes batches of images as a GIF that loops forever, whole or not at all.

    Each batch becomes one frame, a grid. Transparent pixels are laid on white.

    Args:
        frames: uint8 arrays of shape `(N, H, W, C)`, all of one shape; or one array of shape
            `(frames, N, H, W, C)`.
        path: file to write; missing folders are created.
        columns: int, images per row, as in `make_grid`.
        scale: int, how many times each pixel is repeated; by default as often as fits into 500
            pixels on the longer side.
        frame_ms: int, how long each frame shows, in milliseconds; GIF counts in tens of them.

    Raises:
        InvalidInputError: if `frames` aren't such arrays, or for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    start, stop = (model.sample_latent(16, seed=seed) for seed in (0, 1))
    latents = zoo.latents.spherical_interpolation(start, stop, 30)  # (30, 16, latent_dim)
    zoo.pictures.save_gif([model.generate(latents=z) for z in latents], "walk.gif")
    ```
    """
    check_count("frame_ms", frame_ms, minimum=10)
    frames = list(frames)
    for frame in frames:
        check_images(frame, channels=CHANNELS, empty=False)
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) != 1:
        raise InvalidInputError(
            "`frames` must be one or more batches of images, all of one shape. "
            f"Received: {len(frames)} batches{f' of the shapes {shapes}' if shapes else ''}"
        )
    pictures = [
        _opaque(_enlarge(make_grid(item, columns), scale, GIF_PIXELS)[0]) for item in frames
    ]
    write_gif(pictures, path, frame_ms)


def write_gif(pictures, path, duration):
    """Writes Pillow images as a GIF that loops forever, whole or not at all.

    Args:
        pictures: list of `PIL.Image.Image`, all of one size.
        path: file to write; missing folders are created.
        duration: int, how long each one shows, in milliseconds, or a list of one int per picture.
    """
    first, *others = pictures
    with replacing(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=others,
            duration=duration,
            loop=0,
        )


def _enlarge(grid, scale, pixels):
    """Returns the grid as a Pillow image, enlarged without blur, and its scale."""
    from PIL import Image

    if scale is None:
        scale = max(1, pixels // max(grid.shape[:2]))
    check_count("scale", scale)
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid), scale


def _opaque(picture):
    if picture.mode != "RGBA":
        return picture
    from PIL import Image

    white = Image.new("RGBA", picture.size, (BLANK,) * 4)
    return Image.alpha_composite(white, picture).convert("RGB")
