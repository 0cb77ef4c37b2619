"""Reads folders and zips of pictures into one uint8 array: finds, decodes, crops and resizes."""

import contextlib
import os
import warnings
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from zoo.checks import check_count, check_image_shape
from zoo.datasets.sources import Source, is_picture, open_source
from zoo.errors import DatasetError, InvalidInputError

# Pillow is imported inside the functions: importing zoo must be quick.

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

# Pillow registers these but can't decode them by itself: the first four are stubs, WMF needs
# Windows, and EPS starts Ghostscript, which reading a folder of pictures shouldn't.
_NEEDS_OUTSIDE_HELP = {"BUFR", "GRIB", "HDF5", "MPEG", "WMF", "EPS"}


class SkippedImageWarning(UserWarning):
    """Warns of a file that looks like a picture but can't be decoded, and is skipped."""


def from_folder(
    path: str | os.PathLike, image_shape: Sequence[int], *, limit: int | None = None
) -> np.ndarray:
    """Reads the pictures in a directory or a zip, subfolders included, into one array.

    Files are read in the order of their paths, the same for a directory and for a zip of it.
    Hidden files, `__MACOSX`, links to folders and files without a picture's suffix are ignored.
    Each picture is turned upright by its EXIF orientation, cropped around its center to the wanted
    aspect ratio, and resized (Lanczos). Unless `image_shape` has an alpha channel, transparent
    pixels are laid on white. 16-bit grayscale is scaled from 0..65535 to 0..255; floating point
    from 0..1, 0..255 or 0..65535, the narrowest range that holds the picture, and otherwise from
    the picture's own minimum and maximum. Only the first frame of an animation is read.

    Args:
        path: a directory, a zip file, or tar shards (see `stream`).
        image_shape: `(height, width, channels)` of the result, in pixels; 1 channel is grayscale,
            3 is RGB, 4 is RGBA.
        limit: largest number of pictures; `None` reads all.

    Returns:
        uint8 array of shape `(N, height, width, channels)`, values 0..255.

    Raises:
        InvalidInputError: if `image_shape` or `limit` is out of range.
        DatasetError: if `path` is no directory, zip or tar file, or has no readable picture.

    Warns:
        SkippedImageWarning: once for each file that can't be decoded; the others are still read.

    Example:

    ```python
    images = zoo.datasets.from_folder("cats.zip", (64, 64, 3))  # (N, 64, 64, 3)
    ```
    """
    return read_pictures(path, image_shape, limit)[0]


def read_pictures(path, image_shape, limit):
    """Returns the pictures of `from_folder`, and their paths in it."""
    image_shape = check_picture_shape(image_shape)
    check_limit(limit)
    suffixes = readable_suffixes()
    with open_source(path, suffixes) as source:
        candidates = [i for i, name in enumerate(source.names) if is_picture(name, suffixes)]
        capacity = len(candidates) if limit is None else min(limit, len(candidates))
        images = np.empty((capacity, *image_shape), np.uint8)
        read, unreadable = [], 0
        for index in candidates:
            if len(read) == capacity:
                break
            name = source.names[index]
            try:
                with source.open(index) as file:
                    images[len(read)] = read_image(file, image_shape)
            except Warning:
                raise  # if the user turned warnings into errors
            except Exception as error:  # Decoders raise nearly anything on corrupt bytes.
                unreadable += 1
                warnings.warn(
                    f"Skipped {name!r} in {str(path)!r}: it can't be read as a picture "
                    f"({type(error).__name__}: {error}).",
                    SkippedImageWarning,
                    stacklevel=3,
                )
            else:
                read.append(name)
    if not read:
        raise DatasetError(
            f"No readable picture in {str(path)!r}. Expected files, also in subfolders, that end "
            f"in .png, .jpg, .webp or another of the {len(suffixes)} suffixes that Pillow reads. "
            f"Received: {len(source)} files seen, {len(candidates)} of them with such a suffix, "
            f"{unreadable} of those unreadable."
        )
    return images[: len(read)], read


def first_shape(path) -> tuple[int, int, int]:
    """Returns `(height, width, channels)` of the first readable picture, gray or in color.

    Raises:
        DatasetError: if there is none.
    """
    from PIL import Image, ImageOps

    with open_source(path, readable_suffixes()) as source:
        for index in range(len(source)):
            try:
                with (
                    source.open(index) as file,
                    Image.open(file, formats=readable_formats()) as image,
                ):
                    image = ImageOps.exif_transpose(image)
            except Exception:  # decoders raise nearly anything
                continue
            gray = image.mode == "LA" or _is_gray(image)
            return image.height, image.width, 1 if gray else 3
    raise DatasetError(f"No readable picture in {str(path)!r}. Received: {len(source)} files")


def have_color(source: Source, count: int = 8) -> bool:
    """Returns whether one of the first pictures isn't gray, of an open source of pictures."""
    from PIL import Image

    for index in range(min(count, len(source))):
        # One that can't be read was skipped, with a warning.
        with (
            contextlib.suppress(Exception),
            source.open(index) as file,
            Image.open(file, formats=readable_formats()) as image,
        ):
            small = np.asarray(image.convert("RGB").resize((32, 32)), "int16")
            if np.ptp(small, axis=-1).max() > 16:
                return True
    return False


def read_image(file: BinaryIO, image_shape: tuple[int, int, int], *, crop: bool = True):
    """Decodes a picture to a uint8 array of `image_shape`; with `crop=False` sizes must agree."""
    image = _read(file, image_shape[:2], lambda image: _MODES[image_shape[-1]], crop)
    return np.asarray(image).reshape(image_shape)


def read_resized(file: BinaryIO, size: tuple[int, int]):
    """Decodes a picture to a `PIL.Image` of `(height, width)`: gray if it is gray, or else RGB."""

    def mode(image):
        return "L" if _is_gray(image) and "transparency" not in image.info else "RGB"

    return _read(file, size, mode, crop=True)


def _read(file, size, mode_of, crop):
    from PIL import Image, ImageOps

    height, width = size
    # Pillow goes by content, whatever the suffix: restrict it to the wanted formats.
    with Image.open(file, formats=readable_formats()) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if not crop and image.size != (width, height):
            raise ValueError(f"{image.height}x{image.width} pixels instead of {height}x{width}")
        image = _convert(image, mode_of(image))
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        image.load()
        return image


def _is_gray(image):
    return image.mode in ("1", "L") or image.mode.startswith(("I", "F"))


def readable_formats() -> list[str]:
    """Returns the formats that Pillow decodes by itself, including those of its plugins."""
    from PIL import Image

    Image.init()  # without it, Pillow has only its five most common formats
    return [name for name in Image.ID if name in Image.OPEN and name not in _NEEDS_OUTSIDE_HELP]


def readable_suffixes() -> set[str]:
    """Returns the suffixes of those formats, in lower case, with the dot."""
    from PIL import Image

    formats = readable_formats()
    return {suffix for suffix, name in Image.registered_extensions().items() if name in formats}


def _convert(image, mode: str):
    """Converts to "L", "RGB" or "RGBA" without losing high bits or revealing hidden colors."""
    from PIL import Image

    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = Image.fromarray(_to_eight_bits(np.asarray(image), image.mode))
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if has_alpha and mode != "RGBA":
        # Transparent pixels can have any color, often black: dropping alpha would reveal it.
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(mode)


def _to_eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Scales integer or float pixels to 0..255; Pillow's own conversion would clip them."""
    if not np.isfinite(values).all():
        raise ValueError("some pixels are NaN or infinite")
    low, high = float(values.min()), float(values.max())
    # A dark 16-bit picture is still 16-bit: the range of integers doesn't depend on the content.
    tops = (1, 255, 65535) if mode == "F" else (65535,)
    top = next((top for top in tops if high <= top), None)
    if low >= 0 and top is not None:
        low, high = 0.0, float(top)
    span = high - low or 1.0
    return np.rint((values.astype(np.float64) - low) / span * 255).astype(np.uint8)


def check_picture_shape(image_shape) -> tuple[int, int, int]:
    sizes = tuple(image_shape) if isinstance(image_shape, np.ndarray) else image_shape
    check_image_shape(sizes)
    if sizes[-1] not in _MODES:
        raise InvalidInputError(
            "`image_shape` must have 1 (grayscale), 3 (RGB) or 4 (RGBA) channels. "
            f"Received: image_shape={image_shape!r}"
        )
    return tuple(sizes)


def check_limit(limit) -> None:
    """Raises `InvalidInputError` unless `limit` is a positive integer or `None`."""
    if limit is not None:
        check_count("limit", limit)
