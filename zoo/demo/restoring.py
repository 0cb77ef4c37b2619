"""What the page restores: a picture that is painted over, by a model and by classical methods."""

from typing import Any

import numpy as np

from zoo.demo.models import Models
from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.evaluation.baselines import METHODS
from zoo.hub import loading
from zoo.hub.locations import shipped_folder
from zoo.images.photos import OPAQUE, Photo
from zoo.images.restoring import check_channels, restore, restore_classically
from zoo.models.tiling import check_sides

LARGEST = 2048
"""Longest side of a picture, in pixels: what takes minutes is for `zoo inpaint`."""
MOST_BIHARMONIC = 100_000
"""Missing pixels up to which the biharmonic method is run, which takes seconds for so many."""
EXAMPLES = 16
"""Originals in the picture of a shipped model that restores, its first row."""
ROWS = 6
LINE = 2
"""Pixels between images, before the picture is enlarged."""


def read_painting(value: dict[str, Any] | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture and the mask of what was painted over it.

    Args:
        value: dict of Gradio's `ImageEditor`: `background`, an array of shape `(H, W, 3)` or
            `(H, W, 4)`; `layers`, a list of uint8 arrays of shape `(H, W, 4)`. `None` for nothing.

    Returns:
        `(picture, mask)`: uint8 array of shape `(H, W, 3)`, transparent pixels laid on white, and a
        bool array of shape `(H, W)`, True where there is paint.

    Raises:
        InvalidInputError: If there is no picture, its size isn't from 16 to 2,048 pixels a side, or
            the paint covers nothing or everything.
    """
    if value is None or value["background"] is None:
        raise InvalidInputError("There is no picture yet: drop one in, or press Example.")
    background = value["background"]
    height, width = background.shape[:2]
    check_sides(height, width, what="Pictures")
    if max(height, width) > LARGEST:
        raise InvalidInputError(
            f"The page takes pictures of up to {LARGEST} pixels a side; `zoo inpaint` takes larger "
            f"ones. Received: {width}x{height} (width x height)"
        )
    layers = [layer for layer in value["layers"] if layer is not None]
    if any(layer.shape != (height, width, 4) for layer in layers):
        raise InvalidInputError(
            f"What is painted must have the picture's size, {width}x{height}. Received: "
            + ", ".join(f"{layer.shape[1]}x{layer.shape[0]}" for layer in layers)
        )
    mask = np.zeros((height, width), bool)
    for layer in layers:
        mask |= layer[..., 3] >= OPAQUE
    if not mask.any():
        raise InvalidInputError("Nothing is painted over yet: paint what is to be restored.")
    if mask.all():
        raise InvalidInputError("All of the picture is painted over: leave some of it.")
    return _on_white(background), mask


def restore_picture(
    models: Models, name: str, picture: np.ndarray, mask: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Restores a picture by a model, and by each classical method whose package is installed.

    Args:
        models: `Models`.
        name: str, a model that restores.
        picture: uint8 array of shape `(H, W, 3)`.
        mask: bool array of shape `(H, W)`, True where a pixel is missing.

    Returns:
        `(restored, left_out)`: dict from the name of the model, then of each method, to a uint8
        array of shape `(H, W, 3)`; and dict from the names of other methods to the reason.

    Raises:
        InvalidInputError: For a color picture and a grayscale model, or a model that draws.
    """
    if not models.restores(name):
        raise InvalidInputError(f"{name} draws images and restores none. Take another model.")
    photo = Photo(picture)
    with models.use(name) as (model,):
        check_channels(model.image_shape[-1], photo, mask)
        restored = {name: restore(model, photo, mask).pixels}
    left_out = {}
    for method in METHODS:
        if method == "biharmonic" and mask.sum() > MOST_BIHARMONIC:
            left_out[method] = f"slow for more than {MOST_BIHARMONIC:,} missing pixels"
            continue
        try:
            restored[method] = restore_classically(method, photo, mask).pixels
        except MissingDependencyError as error:
            left_out[method] = str(error).rpartition("Run: ")[2]
    return restored, left_out


def find_examples(image_shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Returns images that models of this shape can restore: held-out ones of their data set.

    They are the originals in the picture of a shipped model.

    Args:
        image_shape: `(H, W, C)`.

    Returns:
        list of uint8 arrays of shape `(H, W, 3)`; empty if no shipped model has this shape.
    """
    from PIL import Image

    height, width, _ = image_shape
    for name in loading.list_models("inpaint_*", pretrained=True):
        path = shipped_folder() / f"{name}.png"
        if tuple(loading.info(name).config["image_shape"]) == tuple(image_shape) and path.is_file():
            with Image.open(path) as opened:
                picture = np.asarray(opened.convert("RGB"))
            # Labels stand to the left of the images, so these are counted from the right.
            scale = picture.shape[0] // (ROWS * (height + LINE) + LINE)
            row = picture[LINE * scale :: scale, ::-1][:, ::scale][:height, ::-1]
            starts = row.shape[1] - LINE - width - (width + LINE) * np.arange(EXAMPLES)[::-1]
            return [np.ascontiguousarray(row[:, start : start + width]) for start in starts]
    return []


def _on_white(picture):
    if picture.shape[-1] == 3:
        return picture
    color, alpha = picture[..., :3].astype("uint16"), picture[..., 3:].astype("uint16")
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype("uint8")
