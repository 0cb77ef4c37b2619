"""Picture files as arrays, and back: every pixel that isn't changed comes out as it went in."""

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.datasets.folders import readable_formats
from zoo.errors import InvalidInputError, ZooError
from zoo.files import replacing
from zoo.images.bit_depth import is_deep

# Pillow is imported inside the functions: `zoo list` does without it.

WHITE = 127
"""Gray values of a mask over this one mark a missing pixel."""
DEEP_WHITE = 32767
"""Likewise of 16 bits."""

_GRAY = {"1", "L", "LA", "La"}
_COLOR = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_WITH_KEY = {"1", "L", "P", "RGB"}  # may name colors that are transparent

_PROFILES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}
"""Mode -> what an ICC profile for it calls its colors."""


@dataclass(frozen=True)
class _Format:
    name: str
    alpha: bool = True
    options: tuple = ()


_JPEG = _Format("JPEG", alpha=False, options=(("quality", 95), ("subsampling", 0)))
_FORMATS = {
    ".png": _Format("PNG"),
    ".tif": _Format("TIFF"),
    ".tiff": _Format("TIFF"),
    # Without `exact`, transparent pixels lose their colors.
    ".webp": _Format("WEBP", options=(("lossless", True), ("exact", True))),
    ".bmp": _Format("BMP", alpha=False),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
"""Suffix -> how it is written."""


@dataclass(frozen=True)
class Photo:
    """What a picture file holds.

    Args:
        pixels: uint8 (H, W, 1) or (H, W, 3), upright.
        alpha: uint8 (H, W), 0 where transparent and 255 where opaque, or `None`.
        icc_profile: bytes, what the colors mean, or `None`.
        dpi: float, pixels per inch, or `None`.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    dpi: float | None = None


def read_photo(path):
    """Reads a picture of any format that Pillow decodes, of up to 8 bits a channel.

    It is turned upright by its EXIF orientation. Grayscale and black-and-white pictures have one
    channel; palettes, CMYK and YCbCr become RGB as Pillow converts them. Alpha and transparent
    colors are set apart. The ICC profile is kept, and the resolution if it is the same both ways;
    other EXIF data aren't. Of an animation the first frame counts.

    Args:
        path: the file.

    Returns:
        `Photo`.

    Raises:
        InvalidInputError: if it is no picture file, a damaged one, one of more than 8 bits a
            channel, or of more pixels than Pillow takes.

    Example:

    ```python
    photo = read_photo("beach.jpg")         # photo.pixels: uint8 (H, W, 3)
    ```
    """
    image, deep = _decode(path)
    if deep or image.mode not in _GRAY | _COLOR:
        received = "more than 8 bits" if deep else f"Pillow's mode {image.mode}"
        raise InvalidInputError(
            "Pictures of 8 bits a channel, grayscale, RGB or CMYK, can be restored. Received: "
            f"{path}, {received}. Convert it first, for example with ImageMagick: "
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
    )


def read_mask(path):
    """Reads a picture, in which white marks what is missing, as a mask.

    Values over 127 of 255 are white, so that the gray rim of a smooth brush is cut in the middle.
    Of colors the luminance counts; what is transparent is laid on black. The mask is turned upright
    by its EXIF orientation.

    Args:
        path: the file, of any format that Pillow decodes, of 8 or 16 bits.

    Returns:
        bool (H, W), True where a pixel is missing.

    Raises:
        InvalidInputError: if it is no picture file, a damaged one, or holds other numbers than
            gray values and colors.

    Warns:
        UserWarning: if the mask marks nothing.

    Example:

    ```python
    mask = read_mask("scratches.png")
    print(f"{mask.mean():.0%} of the picture is missing")
    ```
    """
    from PIL import Image

    image, _ = _decode(path)
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
            f"The mask {path} marks nothing as missing: white does, values over {white}, and its "
            f"brightest is {values.max()}",
            stacklevel=2,
        )
    return mask


def write_photo(photo, path):
    """Writes a picture, whole or not at all, in the format of the file's suffix.

    PNG, TIFF, WebP (lossless) and BMP keep every pixel; JPEG, of quality 95, is lossy.

    Args:
        photo: `Photo`.
        path: file to write; folders above it are made.

    Raises:
        InvalidInputError: for another suffix, or if the format can't hold the picture's alpha.
        OSError: if the file can't be written.

    Example:

    ```python
    write_photo(read_photo("scan.bmp"), "scan.png")
    ```
    """
    from PIL import Image

    check_format(path, photo)
    format = _FORMATS[_suffix(path)]
    gray = photo.pixels.shape[-1] == 1
    image = Image.fromarray(photo.pixels[..., 0] if gray else photo.pixels)
    if photo.alpha is not None and format.alpha:
        image.putalpha(Image.fromarray(photo.alpha))
    if gray and format.name == "WEBP":  # knows no gray
        image = image.convert("RGB" if photo.alpha is None else "RGBA")
    options = dict(format.options)
    # A profile of CMYK, for example, would now turn RGB into other colors.
    if photo.icc_profile is not None and photo.icc_profile[16:20] == _PROFILES[image.mode]:
        options["icc_profile"] = photo.icc_profile
    if photo.dpi is not None:
        options["dpi"] = (photo.dpi, photo.dpi)
    with replacing(path) as temporary:
        image.save(temporary, format=format.name, **options)


def check_format(path, photo=None):
    """Raises `InvalidInputError` unless a picture can be written to a file of this suffix.

    Args:
        path: the file.
        photo: `Photo`, whose alpha the format must be able to hold.
    """
    suffix = _suffix(path)
    if suffix not in _FORMATS:
        *others, last = _FORMATS
        raise InvalidInputError(
            f"The output must end in {', '.join(others)} or {last}. Received: {path}"
        )
    # Alpha that is opaque everywhere says nothing.
    transparent = photo is not None and photo.alpha is not None and (photo.alpha < 255).any()
    if transparent and not _FORMATS[suffix].alpha:
        raise InvalidInputError(
            f"The picture is transparent in places, and {_FORMATS[suffix].name} can't hold that. "
            f"Write to .png, .tif or .webp instead. Received: {path}"
        )


def _suffix(path):
    return Path(path).suffix.lower()


def _decode(path):
    """A file's picture, upright, and whether it holds more than 8 bits a channel."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "where no file is"
        raise InvalidInputError(f"Expected a picture file. Received: {path}, {what}")
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=readable_formats()) as image:
                deep = is_deep(image, file)
                return ImageOps.exif_transpose(image), deep
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInputError(
            f"Expected a picture of at most {Image.MAX_IMAGE_PIXELS:,} pixels. Received: {path}, "
            "of more. Cut it or make it smaller."
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidInputError(
            "Expected a picture file: PNG, JPEG, WebP, TIFF or another format that Pillow decodes. "
            f"Received: {path}, which is none"
        ) from error
    except (ZooError, Warning, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InvalidInputError(
            "Expected a picture file, whole and readable. Received: "
            f"{path} ({type(error).__name__}: {error})"
        ) from error


def _has_alpha(image):
    keyed = image.mode in _WITH_KEY and "transparency" in image.info
    return keyed or image.mode in _WITH_ALPHA


def _dpi(pair):
    """Pixels per inch, if a file says so in numbers that make sense, the same both ways."""
    try:
        x, y = map(float, pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # What differs would have to be turned along with the picture. JPEG holds 16 bits.
    return x if math.isclose(x, y) and 1 <= x <= 65535 else None
