"""A training run as an animation: the grids of its epochs, one after the other."""

import math
import re
from pathlib import Path

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.files import replacing
from zoo.images.grids import BLANK, GIF_PIXELS
from zoo.images.photos import read_photo

FRAMES = 120
"""At most so many: of a longer run, epochs at even distances."""
SHORTEST_MS = 10
# GIF holds up to 655,350 ms for one frame, into which Pillow merges equal ones: it must be enough
# for 120 of them.
LONGEST_MS = 5_000
LONGEST_LAST_MS = 60_000


def save_progress(folder, path, frame_ms=200, last_ms=2000):
    """Writes a training run's grids as a GIF that loops forever, whole or not at all.

    The frames are the files `epoch_0001.png` ..., in the order of their numbers; of more than 120,
    the first, the last and those at even distances between. Grids with a side over 500 pixels are
    reduced: to fewer copies of each pixel if `save_png` has repeated them, which is exact; else by
    averages. Transparent pixels are laid on white.

    Args:
        folder: a run's `samples`, or the run's folder, whose `samples` is taken then.
        path: file to write; folders above it are made.
        frame_ms: int from 10 to 5000, how long each frame shows, in milliseconds; GIF counts in
            tens of them.
        last_ms: int from 10 to 60000, likewise of the last one.

    Returns:
        int, how many epochs are shown.

    Raises:
        InvalidInputError: if there are no such files, one can't be read, or they aren't of one
            size; or for a number out of range.
        OSError: if the file can't be written.

    Example:

    ```python
    from zoo.progress_gif import save_progress

    save_progress("runs/dcgan_mnist", "progress.gif")
    ```
    """
    check_ms("frame_ms", frame_ms, LONGEST_MS)
    check_ms("last_ms", last_ms, LONGEST_LAST_MS)
    paths = _evenly(_epochs(folder), FRAMES)
    # Read twice: together, the pictures of a long run would take hundreds of megabytes.
    repeats = _common_repeats(paths)
    frames = [_reduced(_read(item), repeats) for item in paths]
    with replacing(path) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[frame_ms] * (len(frames) - 1) + [last_ms],
            loop=0,
        )
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
    """The grids of a run, in order: a run of 10,000 epochs has a number of five digits."""
    folder = Path(folder)
    if (folder / "samples").is_dir():
        folder = folder / "samples"
    found = {}
    for path in folder.glob("epoch_*.png"):  # of what is no folder: nothing
        if match := re.fullmatch(r"epoch_(\d+)\.png", path.name):
            found[path] = int(match[1])
    if not found:
        raise InvalidInputError(
            "`folder` must be the folder of a training run, or its `samples`, with pictures "
            f"epoch_0001.png, epoch_0002.png, ... in it. Received: {folder}, without any"
        )
    return sorted(found, key=found.get)


def _evenly(items, most):
    """All items, or `most` of them with the first and the last."""
    places = np.linspace(0, len(items) - 1, min(len(items), most)).round()
    return [items[int(place)] for place in places]


def _read(path):
    """A file's pixels, uint8 (H, W, 1) or (H, W, 3)."""
    photo = read_photo(path)
    if photo.alpha is None:
        return photo.pixels
    alpha = photo.alpha[..., None] / 255
    return (photo.pixels * alpha + BLANK * (1 - alpha)).round().astype("uint8")


def _common_repeats(paths):
    """How often each pixel of all pictures, which must be of one shape, is repeated each way."""
    repeats, shape = 0, None
    for path in paths:
        pixels = _read(path)
        shape = pixels.shape if shape is None else shape
        if pixels.shape != shape:
            raise InvalidInputError(
                "The pictures of a run must be of one size (height, width, channels). Received: "
                f"{paths[0]} of {shape}, {path} of {pixels.shape}"
            )
        # Pixels change only at multiples of it. One picture alone may be blank, and change nowhere.
        across = (pixels[:, 1:] != pixels[:, :-1]).any(axis=(0, 2))
        down = (pixels[1:] != pixels[:-1]).any(axis=(1, 2))
        edges = [np.flatnonzero(changes) + 1 for changes in (across, down)]
        repeats = math.gcd(repeats, *shape[:2], *np.concatenate(edges).tolist())
    return repeats


def _reduced(pixels, repeats):
    """The picture, no side over 500 pixels."""
    from PIL import Image

    longer = max(pixels.shape[:2])
    fewer = min(repeats, GIF_PIXELS * repeats // longer)
    if fewer > 0:
        pixels = pixels[::repeats, ::repeats].repeat(fewer, axis=0).repeat(fewer, axis=1)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if fewer > 0:
        return picture
    size = [max(1, round(side * GIF_PIXELS / longer)) for side in picture.size]
    return picture.resize(size, Image.Resampling.BOX)
