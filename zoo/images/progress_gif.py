"""Animations of training runs: the sample grids of the epochs, one after the other."""

import contextlib
import os
import re
from pathlib import Path

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.images.grids import BLANK, GIF_PIXELS, SCALE, write_gif
from zoo.images.photos import read_photo

FRAMES = 120
"""Most frames: of a longer run, evenly spaced epochs are shown."""
SHORTEST_MS = 10
# A GIF's frame shows for up to 655,350 ms, and Pillow merges equal frames: that must be enough for
# 120 of them.
LONGEST_MS = 5_000
LONGEST_LAST_MS = 60_000


def save_progress(
    folder: str | os.PathLike,
    path: str | os.PathLike,
    frame_ms: int = 200,
    last_ms: int = 2000,
) -> int:
    """Writes a training run's grids as a GIF that loops forever, whole or not at all.

    The frames are the files `epoch_0001.png` ..., in the order of their numbers; of more than 120,
    the first, the last and evenly spaced ones between. Grids with a side over 500 pixels are
    reduced: exactly, to fewer copies of each pixel, if the last file says how often `save_png` has
    repeated them; else by averaging. Transparent pixels are laid on white.

    Args:
        folder: folder of a run, or its `samples`.
        path: file to write; missing folders are created.
        frame_ms: int from 10 to 5000, how long each frame shows, in milliseconds, rounded down to
            tens.
        last_ms: int from 10 to 60000, the same for the last frame.

    Returns:
        int, number of epochs shown.

    Raises:
        InvalidInputError: if there are no such files, one can't be read, or their sizes differ; or
            for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    from zoo.images.progress_gif import save_progress

    save_progress("runs/dcgan_mnist", "progress.gif")
    ```
    """
    check_ms("frame_ms", frame_ms, LONGEST_MS)
    check_ms("last_ms", last_ms, LONGEST_LAST_MS)
    paths = _evenly(_epochs(folder), FRAMES)
    scale, shape, frames = _scale(paths[-1]), None, []
    for item in paths:
        pixels = _read(item)
        shape = shape or pixels.shape
        if pixels.shape != shape:
            raise InvalidInputError(
                "The pictures of a run must be of one size (height, width, channels). Received: "
                f"{paths[0]} of {shape}, {item} of {pixels.shape}"
            )
        frames.append(_reduced(pixels, scale))
    write_gif(frames, path, [frame_ms] * (len(frames) - 1) + [last_ms])
    return len(frames)


def check_ms(name, value, largest):
    """Raises `InvalidInputError` unless `value` is an integer from 10 to `largest`."""
    check_count(name, value, minimum=SHORTEST_MS)
    if value > largest:
        raise InvalidInputError(
            f"`{name}` must be an integer from {SHORTEST_MS} to {largest}, in milliseconds. "
            f"Received: {name}={value!r}"
        )


def _epochs(folder):
    """Returns the paths of a run's grids in order: a run of 10,000 epochs has five digits."""
    folder = Path(folder)
    if (folder / "samples").is_dir():
        folder = folder / "samples"
    found = {}
    for path in folder.glob("epoch_*.png"):  # nothing, if it is no folder
        if match := re.fullmatch(r"epoch_(\d+)\.png", path.name):
            found[path] = int(match[1])
    if not found:
        raise InvalidInputError(
            "`folder` must be the folder of a training run, or its `samples`, with pictures "
            f"epoch_0001.png, epoch_0002.png, ... in it. Received: {folder}, which has none"
        )
    return sorted(found, key=found.get)


def _evenly(items, most):
    """Returns all items, or `most` of them, the first and the last included."""
    places = np.linspace(0, len(items) - 1, min(len(items), most)).round()
    return [items[int(place)] for place in places]


def _scale(path):
    """Returns how often a file says that its pixels are repeated; 1 if it doesn't."""
    from PIL import Image

    # What can't be opened is refused when its pixels are read.
    with contextlib.suppress(Exception), Image.open(path, formats=["PNG"]) as image:
        return max(1, int(image.info.get(SCALE, 1)))
    return 1


def _read(path):
    """Returns a file's pixels, a uint8 array of shape `(H, W, 1)` or `(H, W, 3)`."""
    photo = read_photo(path)
    if photo.alpha is None:
        return photo.pixels
    alpha = photo.alpha[..., None] / 255
    return (photo.pixels * alpha + BLANK * (1 - alpha)).round().astype("uint8")


def _reduced(pixels, scale):
    """Returns a picture whose pixels are repeated `scale` times, no side over 500 pixels."""
    from PIL import Image

    longer = max(pixels.shape[:2])
    fewer = min(scale, GIF_PIXELS * scale // longer)
    exact = fewer > 0 and not any(side % scale for side in pixels.shape[:2])
    if exact:
        pixels = pixels[::scale, ::scale].repeat(fewer, axis=0).repeat(fewer, axis=1)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if exact or longer <= GIF_PIXELS:
        return picture
    size = [max(1, round(side * GIF_PIXELS / longer)) for side in picture.size]
    return picture.resize(size, Image.Resampling.BOX)
