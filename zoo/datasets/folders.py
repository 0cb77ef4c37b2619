"""Reads folders and zips of pictures into one uint8 array: finds, decodes, crops and resizes."""

import contextlib
import io
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.checks import check_count, check_image_shape
from zoo.errors import DatasetError, InvalidInputError

# Pillow is imported inside the functions: importing zoo must be quick.

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

# Pillow registers these but can't decode them by itself: the first four are stubs, WMF needs
# Windows, and EPS starts Ghostscript, which reading a folder of pictures shouldn't.
_NEEDS_OUTSIDE_HELP = {"BUFR", "GRIB", "HDF5", "MPEG", "WMF", "EPS"}

# No picture under Pillow's own pixel limit needs more; a zip bomb does.
_MAX_ZIP_MEMBER_BYTES = 2**30


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
        path: a directory, or a zip file.
        image_shape: `(height, width, channels)` of the result, in pixels; 1 channel is grayscale,
            3 is RGB, 4 is RGBA.
        limit: largest number of pictures; `None` reads all.

    Returns:
        uint8 array of shape `(N, height, width, channels)`, values 0..255.

    Raises:
        InvalidInputError: if `image_shape` or `limit` is out of range.
        DatasetError: if `path` is neither a directory nor a zip, or has no readable picture.

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
    image_shape = _check_image_shape(image_shape)
    check_limit(limit)
    suffixes = _readable_suffixes()
    with open_files(path) as (names, open_file):
        candidates = [name for name in names if os.path.splitext(name)[1].lower() in suffixes]
        capacity = len(candidates) if limit is None else min(limit, len(candidates))
        images = np.empty((capacity, *image_shape), np.uint8)
        read, unreadable = [], 0
        for name in candidates:
            if len(read) == capacity:
                break
            try:
                with open_file(name) as file:
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
            f"Received: {len(names)} files seen, {len(candidates)} of them with such a suffix, "
            f"{unreadable} of those unreadable."
        )
    return images[: len(read)], read


def first_shape(path) -> tuple[int, int, int]:
    """Returns `(height, width, channels)` of the first readable picture, gray or in color.

    Raises:
        DatasetError: if there is none.
    """
    from PIL import Image, ImageOps

    with open_files(path) as (names, open_file):
        for name in names:
            try:
                with open_file(name) as file, Image.open(file, formats=readable_formats()) as image:
                    image = ImageOps.exif_transpose(image)
            except Exception:  # decoders raise nearly anything
                continue
            gray = image.mode in ("1", "L", "LA") or image.mode.startswith(("I", "F"))
            return image.height, image.width, 1 if gray else 3
    raise DatasetError(f"No readable picture in {str(path)!r}. Received: {len(names)} files")


def have_color(path: str | os.PathLike, count: int = 8) -> bool:
    """Returns whether one of the first pictures in a directory or a zip isn't gray."""
    from PIL import Image

    suffixes = _readable_suffixes()
    with open_files(path) as (names, open_file):
        names = [name for name in names if os.path.splitext(name)[1].lower() in suffixes]
        for name in names[:count]:
            # One that can't be read was skipped, with a warning.
            with (
                contextlib.suppress(Exception),
                open_file(name) as file,
                Image.open(file, formats=readable_formats()) as image,
            ):
                small = np.asarray(image.convert("RGB").resize((32, 32)), "int16")
                if np.ptp(small, axis=-1).max() > 16:
                    return True
    return False


@contextlib.contextmanager
def open_files(path) -> Iterator[tuple[list[str], Callable[[str], BinaryIO]]]:
    """Opens a directory or a zip; gives its sorted relative paths, and a function to open one."""
    try:
        root = Path(os.path.expanduser(path))
    except TypeError:
        raise InvalidInputError(
            f"`path` must be the path of a directory or a zip file. Received: path={path!r}"
        ) from None
    if root.is_dir():
        try:
            names = sorted(_walk(root))
        except OSError as error:
            raise DatasetError(f"The directory can't be listed. Received: {error}") from error
        yield names, lambda name: (root / name).open("rb")
        return
    try:
        archive = zipfile.ZipFile(root)
    except FileNotFoundError:
        raise DatasetError(
            f"Expected a directory or a zip file. Received: {str(root)!r}, where there is neither"
        ) from None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"Expected a directory or a sound zip file. Received: {str(root)!r} ({error})"
        ) from error
    with archive:
        # A zip can have two entries of one name: the later counts.
        members = {
            member.filename: member
            for member in archive.infolist()
            if not member.is_dir() and _is_visible(member.filename)
        }
        yield sorted(members), lambda name: _open_member(archive, members[name])


def read_image(file: BinaryIO, image_shape: tuple[int, int, int], *, crop: bool = True):
    """Decodes a picture to a uint8 array of `image_shape`; with `crop=False` sizes must agree."""
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    # Pillow goes by content, whatever the suffix: restrict it to the wanted formats.
    with Image.open(file, formats=readable_formats()) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if not crop and image.size != (width, height):
            raise ValueError(f"{image.height}x{image.width} pixels instead of {height}x{width}")
        image = _convert(image, _MODES[channels])
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        return np.asarray(image).reshape(image_shape)


def readable_formats() -> list[str]:
    """Returns the formats that Pillow decodes by itself, including those of its plugins."""
    from PIL import Image

    Image.init()  # without it, Pillow has only its five most common formats
    return [name for name in Image.ID if name in Image.OPEN and name not in _NEEDS_OUTSIDE_HELP]


def _readable_suffixes() -> set[str]:
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


def _walk(root: Path) -> Iterator[str]:
    def fail(error: OSError):  # by default, `os.walk` skips what it can't list
        raise error

    for folder, subfolders, files in os.walk(root, onerror=fail):
        subfolders[:] = [name for name in subfolders if _is_visible(name)]
        for name in filter(_is_visible, files):
            file = Path(folder, name)
            if file.is_file():  # not a pipe or a socket, which would never end
                yield file.relative_to(root).as_posix()


def _is_visible(name: str) -> bool:
    parts = [part for part in name.split("/") if part != "."]  # some zips have "./a.png"
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    if member.file_size > _MAX_ZIP_MEMBER_BYTES:
        raise OSError(f"it unpacks to {member.file_size} bytes, more than {_MAX_ZIP_MEMBER_BYTES}")
    # All in memory: decoders seek back and forth, and a zip unpacks again on each step back.
    return io.BytesIO(archive.read(member))


def _check_image_shape(image_shape) -> tuple[int, int, int]:
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
