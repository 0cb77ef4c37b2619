"""Pictures of restored images: a labeled row for each method, below the originals."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.metrics.restoration import check_holes
from zoo.files import replacing
from zoo.images.grids import make_grid

if TYPE_CHECKING:
    import PIL.Image

COLUMNS_OF_A_KIND = 8
"""Number of images with each kind of hole in a released picture."""
HOLE_COLOR = (214, 51, 132)  # rare in photographs, absent from gray images
PIXELS = 1100
"""Largest width, without the labels, up to which images are enlarged."""
FONT_SIZE = 14
MARGIN = 6


def save(originals: np.ndarray, masks: np.ndarray, restored: dict, path: str | Path) -> None:
    """Draws rows of the originals, the originals with their holes, and each method's images.

    Args:
        originals: uint8 array of shape `(N, H, W, C)` with 1 or 3 channels.
        masks: bool array of shape `(N, H, W)`, True where pixels were missing.
        restored: dictionary from a row's label to a uint8 array of the originals' shape.
        path: `.png` file to write, atomically.

    Raises:
        InvalidInputError: for other shapes or types.
    """
    picture = draw(originals, masks, restored)
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def draw(originals: np.ndarray, masks: np.ndarray, restored: dict) -> "PIL.Image.Image":
    """Returns the picture that `save` writes, in RGB."""
    from PIL import Image

    originals, masks = check_holes(originals, masks)
    if originals.shape[-1] not in (1, 3):
        raise InvalidInputError(
            f"`originals` must have 1 or 3 channels. Received: shape {originals.shape}"
        )
    for name, images in restored.items():
        if images.shape != originals.shape:
            raise InvalidInputError(
                f"`restored[{name!r}]` must have the originals' shape {originals.shape}. "
                f"Received: {images.shape}"
            )
    originals = _colored(originals)
    rows = {
        "original": originals,
        "masked": np.where(masks[..., None], np.uint8(HOLE_COLOR), originals),
        **{name.replace("_", "-"): _colored(images) for name, images in restored.items()},
    }
    grid = make_grid(np.concatenate(list(rows.values())), columns=len(originals))
    scale = max(1, PIXELS // grid.shape[1])
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    labels = _labels(list(rows), grid.shape[0])
    return Image.fromarray(np.concatenate([labels, grid], axis=1))


def _colored(images):
    """Repeats the channel of gray images, so that a hole can have a color."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


def _labels(names, height):
    """Draws a white column of this height with each name in the middle of its row."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    width = max(round(font.getlength(name)) for name in names) + 2 * MARGIN
    column = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(column)
    for index, name in enumerate(names):
        middle = (index + 0.5) * height / len(names)
        pen.text((width - MARGIN, middle), name, fill="black", font=font, anchor="rm")
    return np.asarray(column)
