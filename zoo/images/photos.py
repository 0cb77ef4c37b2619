"""Reads picture files into arrays and writes them back, without changing a pixel on the way."""

import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets.folders import readable_formats
from zoo.errors import InvalidInputError, ZooError
from zoo.files import replacing

# Pillow is imported inside the functions: importing zoo must be quick.

WHITE = 127
"""Gray values of a mask above this one mark a missing pixel."""
ORIENTATION, WIDTH, HEIGHT = 0x0112, 0xA002, 0xA003
"""Tags of EXIF: how the pixels lie; in its own directory, the picture's size."""
EXIF_DETAILS = 0x8769
EXIF_DIRECTORIES = {EXIF_DETAILS, 0x8825}
"""Exposure, lens, dates and the like; the place."""
EXIF_FIELDS = {270, 271, 272, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
"""Description, camera, software, date, artist, computer, ratings, copyright, and those of Windows.
Others are about how the pixels are stored."""
OPAQUE = 128
"""Alpha from which a pixel counts as known, where transparency marks what is missing."""
DEEP_WHITE = 32767
"""The same for 16 bits."""

_GRAY = {"1", "L", "LA", "La"}
_COLOR = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_WITH_KEY = {"1", "L", "P", "RGB"}  # can name a transparent color
_UNKNOWN_DEPTH = {"JPEG2000": "JPEG 2000", "AVIF": "AVIF"}
"""Formats that can hold more than 8 bits a channel, which Pillow drops without saying so."""

_PROFILES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}
"""Mode -> name of its color space in an ICC profile."""


_FORMATS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
"""Suffix -> format to write."""
_WITHOUT_ALPHA = {"BMP", "JPEG"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},  # not exact, transparent pixels lose their colors
}


@dataclass(frozen=True)
class Photo:
    """Contents of a picture file.

    Args:
        pixels: uint8 array of shape `(H, W, 1)` or `(H, W, 3)`, upright.
        alpha: uint8 array of shape `(H, W)`, 0 where transparent and 255 where opaque, or `None`.
        icc_profile: bytes, the color profile, or `None`.
        dpi: float, pixels per inch, or `None`.
        orientation: int from 1 to 8, how the file's pixels lay (EXIF), before they were turned.
        exif: bytes, the EXIF fields of the picture as it lies now, or `None`.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    dpi: float | None = None
    orientation: int = 1
    exif: bytes | None = None


def read_photo(path: str | os.PathLike) -> Photo:
    """Reads a picture of any format that Pillow decodes, with up to 8 bits a channel.

    JPEG 2000 and AVIF are not read, because Pillow doesn't say whether they hold more. The picture
    is turned upright by its EXIF orientation. Grayscale and black-and-white pictures have one
    channel; palettes, CMYK and YCbCr become RGB as Pillow converts them. Alpha and transparent
    colors are kept apart. The ICC profile is kept, the EXIF fields (not the thumbnail, which shows
    the holes), and the resolution if it is the same both ways. Only the first frame of an animation
    is read.

    Args:
        path: the file.

    Returns:
        `Photo`.

    Raises:
        InvalidInputError: if it isn't a picture file, is damaged, has more than 8 bits a channel,
            or more pixels than Pillow accepts.

    Example:

    ```python
    from zoo.images.photos import read_photo

    photo = read_photo("beach.jpg")  # photo.pixels: uint8 array of shape (H, W, 3)
    ```
    """
    image, problem, (orientation, exif) = _decode(path)
    if problem is None and image.mode not in _GRAY | _COLOR:
        problem = f"Pillow's mode {image.mode}"
    if problem is not None:
        raise InvalidInputError(
            "Only pictures of 8 bits a channel, grayscale, RGB or CMYK, can be restored. Received: "
            f"{path}, {problem}. Convert it first, for example with ImageMagick: "
            "magick IN -depth 8 -colorspace sRGB OUT.png"
        )
    gray = image.mode in _GRAY
    alpha = None
    if _has_alpha(image):
        image = image.convert("LA" if gray else "RGBA")
        alpha = np.array(image.getchannel("A"))
    pixels = np.array(image.convert("L" if gray else "RGB"))
    return Photo(
        pixels=pixels[..., None] if gray else pixels,
        alpha=alpha,
        icc_profile=image.info.get("icc_profile"),
        dpi=_dpi(image.info.get("dpi")),
        orientation=orientation,
        exif=exif,
    )


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Reads a mask from a picture in which white marks the missing pixels.

    Values above 127 of 255 are white, which cuts the gray rim of a smooth brush in the middle.
    Colors count by their luminance; transparent pixels are laid on black. The mask is turned
    upright by its EXIF orientation.

    Args:
        path: the file, of any format that Pillow decodes, of 8 or 16 bits.

    Returns:
        bool array of shape `(H, W)`, True where a pixel is missing.

    Raises:
        InvalidInputError: if it isn't a picture file, is damaged, or holds anything but gray values
            and colors.

    Warns:
        UserWarning: if the mask marks nothing.

    Example:

    ```python
    from zoo.images.photos import read_mask

    mask = read_mask("scratches.png")
    print(f"{mask.mean():.0%} of the picture is missing")
    ```
    """
    from PIL import Image

    image, _, _ = _decode(path)
    if image.mode.startswith("I"):
        values, white = np.asarray(image), DEEP_WHITE
    elif image.mode in _GRAY | _COLOR:
        if _has_alpha(image):
            black = Image.new("RGBA", image.size, "black")
            image = Image.alpha_composite(black, image.convert("RGBA"))
        elif image.mode not in _GRAY:
            image = image.convert("RGB")  # where there is no direct way to gray
        values, white = np.asarray(image.convert("L")), WHITE
    else:
        raise InvalidInputError(
            "A mask must be a black-and-white, gray or color picture. Received: "
            f"{path}, of Pillow's mode {image.mode}"
        )
    mask = values > white
    if not mask.any():
        warnings.warn(
            f"The mask {path} marks nothing as missing: only white does, values above {white}, and "
            f"its brightest is {values.max()}",
            stacklevel=2,
        )
    return mask


def mask_from_alpha(photo: Photo, path: str | os.PathLike) -> tuple[Photo, np.ndarray]:
    """Takes a photo's transparency as the mask of what is missing.

    Args:
        photo: the picture.
        path: its file, for messages.

    Returns:
        `(photo, mask)`: the picture without alpha, and a bool array of shape `(H, W)`, True where
        it was more transparent than not.

    Raises:
        InvalidInputError: if the picture has no alpha.

    Warns:
        UserWarning: if nothing is that transparent.

    Example:

    ```python
    from zoo.images.photos import mask_from_alpha, read_photo

    photo, mask = mask_from_alpha(read_photo("erased.png"), "erased.png")
    ```
    """
    if photo.alpha is None:
        raise InvalidInputError(
            "The picture must have an alpha channel, which marks what is missing as transparent. "
            f"Received: {path}, which has none. Erase it with an image editor, or pass a mask."
        )
    mask = photo.alpha < OPAQUE
    if not mask.any():
        warnings.warn(
            f"The alpha channel of {path} marks nothing as missing: only values under {OPAQUE} do, "
            f"and its lowest is {photo.alpha.min()}",
            stacklevel=2,
        )
    return replace(photo, alpha=None), mask


def write_photo(photo: Photo, path: str | os.PathLike) -> None:
    """Writes a picture, whole or not at all, in the format of the file's suffix.

    PNG, TIFF, WebP (lossless) and BMP keep every pixel; JPEG, of quality 95, is lossy.

    Args:
        photo: the picture.
        path: file to write; missing folders are created.

    Raises:
        InvalidInputError: for another suffix, or if the format can't hold the picture's alpha.
        OSError: if the file can't be written.

    Example:

    ```python
    from zoo.images.photos import read_photo, write_photo

    write_photo(read_photo("scan.bmp"), "scan.png")
    ```
    """
    from PIL import Image

    check_format(path, photo)
    format = _FORMATS[_suffix(path)]
    gray = photo.pixels.shape[-1] == 1
    image = Image.fromarray(photo.pixels[..., 0] if gray else photo.pixels)
    if photo.alpha is not None and format not in _WITHOUT_ALPHA:
        image.putalpha(Image.fromarray(photo.alpha))
    if gray and format == "WEBP":  # has no grayscale
        image = image.convert("RGB" if photo.alpha is None else "RGBA")
    options = dict(_OPTIONS.get(format, {}))
    # A CMYK profile, for example, would give the RGB pixels other colors.
    if photo.icc_profile is not None and photo.icc_profile[16:20] == _PROFILES[image.mode]:
        options["icc_profile"] = photo.icc_profile
    if photo.dpi is not None:
        options["dpi"] = (photo.dpi, photo.dpi)
    if photo.exif is not None and format != "BMP":
        options["exif"] = photo.exif
    with replacing(path) as temporary:
        image.save(temporary, format=format, **options)


def check_format(path: str | os.PathLike, photo: Photo | None = None) -> None:
    """Raises `InvalidInputError` unless a picture can be written to a file with this suffix.

    Args:
        path: the file.
        photo: picture whose alpha the format must be able to hold.
    """
    suffix = _suffix(path)
    if suffix not in _FORMATS:
        *others, last = _FORMATS
        raise InvalidInputError(
            f"The output must end in {', '.join(others)} or {last}. Received: {path}"
        )
    # Alpha that is opaque everywhere can be dropped.
    transparent = photo is not None and photo.alpha is not None and (photo.alpha < 255).any()
    if transparent and _FORMATS[suffix] in _WITHOUT_ALPHA:
        raise InvalidInputError(
            f"The picture is transparent in places, which {_FORMATS[suffix]} can't hold. "
            f"Write to .png, .tif or .webp instead. Received: {path}"
        )


def _suffix(path):
    return Path(path).suffix.lower()


def _decode(path):
    """Returns a file's picture, upright, what keeps it from being a photo, and its EXIF."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not os.path.isfile(path):
        what = "which is a folder" if os.path.isdir(path) else "where there is no file"
        raise InvalidInputError(f"Expected a picture file. Received: {path}, {what}")
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=readable_formats()) as image:
                problem = _depth_problem(image)
                orientation = image.getexif().get(ORIENTATION, 1)
                upright = ImageOps.exif_transpose(image)
                exif = _upright(image.getexif(), upright.size, path)  # reads on in the file
                return upright, problem, (orientation, exif)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInputError(
            f"Expected a picture of at most {Image.MAX_IMAGE_PIXELS:,} pixels. Received: {path}, "
            "which has more. Crop it or make it smaller."
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidInputError(
            "Expected a picture file: PNG, JPEG, WebP, TIFF or another format that Pillow decodes. "
            f"Received: {path}, which isn't one"
        ) from error
    except (ZooError, Warning, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InvalidInputError(
            "Expected a complete, readable picture file. Received: "
            f"{path} ({type(error).__name__}: {error})"
        ) from error


def _upright(exif, size, path):
    """Returns EXIF fields as bytes for a picture of a size, upright; `None` if there are none."""
    from PIL import Image

    fields = Image.Exif()
    try:
        for tag in EXIF_FIELDS & set(exif):
            fields[tag] = exif[tag]
        for tag in EXIF_DIRECTORIES & set(exif):
            fields.get_ifd(tag).update(exif.get_ifd(tag))
        details = fields.get_ifd(EXIF_DETAILS)
        for tag, side in zip((WIDTH, HEIGHT), size, strict=True):
            if tag in details:
                details[tag] = side
        return fields.tobytes() if set(exif) & (EXIF_FIELDS | EXIF_DIRECTORIES) else None
    except Exception:  # of many types: cameras and editors write fields that Pillow can't write
        warnings.warn(f"{path}: its EXIF fields are broken, and left out", stacklevel=2)
        return None


def _depth_problem(image):
    """Returns why a picture that isn't decoded yet can't be taken as 8 bits a channel, or `None`.

    Pillow has modes of more bits for grayscale only: it drops the low bits of colors silently.
    """
    if image.format in _UNKNOWN_DEPTH:
        return f"{_UNKNOWN_DEPTH[image.format]}, whose number of bits Pillow doesn't say"
    deep = image.mode.startswith(("I", "F"))
    if deep or any(_unpacks_deep(image.format, tile) for tile in image.tile):
        return "more than 8 bits a channel"
    return None


def _unpacks_deep(format, tile):
    """Returns whether a part of the file is unpacked from 16 bits, as PNG, TIFF, SGI, PPM are."""
    decoder, _, _, arguments = tile
    if format == "PPM" and isinstance(arguments, tuple):
        return arguments[-1] > 255  # the value of white
    return decoder == "SGI16" or ";16" in str(arguments)


def _has_alpha(image):
    keyed = image.mode in _WITH_KEY and "transparency" in image.info
    return keyed or image.mode in _WITH_ALPHA


def _dpi(pair):
    """Returns pixels per inch, if the file's numbers make sense and are the same both ways."""
    try:
        x, y = map(float, pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # Different ones would have to be turned along with the picture. JPEG holds 16 bits.
    return x if math.isclose(x, y) and 1 <= x <= 65535 else None
