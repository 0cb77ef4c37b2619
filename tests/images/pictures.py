"""Small pictures of noise, saved, loaded, and refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.errors import InvalidInputError

SIZE = (20, 26)  # height, width
HOLE = np.zeros(SIZE, bool)
HOLE[5:15, 8:20] = True


def noise(*channels, seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (*size, *channels)).astype("uint8")


def save(pixels, path, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def load(path, mode=None):
    with Image.open(path) as image:
        return np.array(image if mode is None else image.convert(mode))


def mode_of(path):
    with Image.open(path) as image:
        return image.mode


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def upside_up(pixels, orientation):
    """What a viewer shows of pixels with an EXIF orientation, by its definition."""
    turns = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: lambda x: np.rot90(x, 1),
    }
    return turns[orientation](pixels)


def refuse(call, *arguments, words, **options):
    """Checks the one-line error of a call that must fail and leave the folder as it was."""
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    with pytest.raises(InvalidInputError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before
