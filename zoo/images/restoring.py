"""Restores picture files with an inpainting model: only what the mask marks is changed."""

import os
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import InvalidInputError
from zoo.images.photos import (
    check_format,
    mask_from_alpha,
    read_mask,
    read_photo,
    write_photo,
)
from zoo.models.tiling import check_sides

if TYPE_CHECKING:
    from zoo.models.inpainting_gan import InpaintingGAN

# Neither Keras nor Pillow is imported here: commands check their files before they import either.

TURNS = {
    5: lambda mask: mask.T,
    6: lambda mask: np.rot90(mask, -1),
    7: lambda mask: np.rot90(mask, 2).T,
    8: lambda mask: np.rot90(mask),
}
"""EXIF orientation -> what turns a picture upright, of those that swap its sides."""


def inpaint_file(
    model: "InpaintingGAN",
    image_path: str | os.PathLike,
    mask_path: str | os.PathLike | None,
    output_path: str | os.PathLike,
    resize_mask: bool = False,
) -> None:
    """Fills the holes of a picture file, and writes the result to another file.

    Known pixels stay bit for bit, in their number of channels: a gray picture stays gray, even with
    a color model. So does an RGB picture whose known pixels are all gray. Alpha is unchanged, in
    the holes as well, unless it is the mask. The ICC profile, the resolution and the EXIF fields
    are kept, without the thumbnail; the EXIF orientation is applied. Palettes and CMYK are written
    as RGB.

    Args:
        model: `zoo.InpaintingGAN` of 1 or 3 channels.
        image_path: picture of any format that Pillow decodes except JPEG 2000 and AVIF, 8 bits a
            channel, from 16 to 8,192 pixels high and wide. Only the first frame of an animation is
            used.
        mask_path: picture of the same size, of any format, white (values above 127 of 255) where a
            pixel is missing. Colors count by their luminance, transparent pixels as black. If only
            the photograph is marked as lying on its side, a mask may lie there too. `None` for the
            picture's own transparency, which the result doesn't have.
        output_path: file to write or replace: .png, .tif, .webp or .bmp, all lossless; or .jpg, of
            quality 95, which changes known pixels a little. Missing folders are created.
        resize_mask: whether to resize a mask of another size, by nearest neighbor.

    Raises:
        InvalidInputError: for a file that isn't such a picture; a mask of another size; a color
            picture and a grayscale model; a picture with alpha and an output format without; an
            output that is one of the inputs. Nothing is written then.
        OSError: if the output can't be written.

    Warns:
        UserWarning: if the mask marks nothing, or only pixels that are and stay transparent.

    Example:

    ```python
    model = zoo.load("inpaint_scenes64")
    zoo.picture_files.inpaint_file(model, "beach.jpg", "scratches.png", "restored.png")
    ```
    """
    check_output(output_path, image_path, *([] if mask_path is None else [mask_path]))
    photo, mask = read_inputs(image_path, mask_path, resize_mask)
    check_format(output_path, photo)
    write_photo(restore(model, photo, mask), output_path)


def check_output(output_path, *input_paths):
    """Raises `InvalidInputError` for an output of unknown suffix, or one that is an input."""
    check_format(output_path)
    for path in input_paths:
        there = os.path.exists(output_path) and os.path.exists(path)
        if there and os.path.samefile(output_path, path):  # through links as well
            raise InvalidInputError(
                f"The output would replace an input. Choose another file. Received: {output_path}"
            )


def read_inputs(image_path, mask_path, resize_mask=False):
    """Reads a picture and its mask.

    Args:
        image_path: as in `inpaint_file`.
        mask_path: as in `inpaint_file`.
        resize_mask: as in `inpaint_file`.

    Returns:
        `(photo, mask)`: a `zoo.images.photos.Photo`, and a bool array of the picture's shape
        `(H, W)`.

    Raises:
        InvalidInputError: if one of them can't be used, or the sizes differ.

    Warns:
        UserWarning: if the mask marks nothing, or only pixels that are and stay transparent.
    """
    photo = read_photo(image_path)
    size = photo.pixels.shape[:2]
    check_sides(*size, what=f"Pictures to restore, {image_path} for one,")
    if mask_path is None:
        return mask_from_alpha(photo, image_path)
    mask = read_mask(mask_path)
    if mask.shape == size[::-1] != size and photo.orientation in TURNS:
        # Painted on the pixels as the camera stored them, lying on their side.
        mask = TURNS[photo.orientation](mask)
    if mask.shape != size:
        if not resize_mask:
            raise InvalidInputError(
                f"The mask must have the picture's size, {size[1]}x{size[0]} pixels (width x "
                f"height, upright). Received: {mask_path}, {mask.shape[1]}x{mask.shape[0]}. Resize "
                "it with `resize_mask=True` (`--resize-mask`)."
            )
        mask = _resize(mask, size)
    if photo.alpha is not None and mask.any() and not photo.alpha[mask].any():
        warnings.warn(
            f"All that the mask marks is transparent in {image_path} and stays so: what is drawn "
            "there won't be visible. Remove the picture's alpha channel first",
            stacklevel=2,
        )
    return photo, mask


def restore(model, photo, mask, progress=None):
    """Fills the holes of a picture.

    Args:
        model: `zoo.InpaintingGAN` of 1 or 3 channels.
        photo: `zoo.images.photos.Photo`.
        mask: bool array of shape `(H, W)`, True where a pixel is missing.
        progress: as in `InpaintingGAN.inpaint`.

    Returns:
        `zoo.images.photos.Photo` with the same known pixels, channels and alpha.

    Raises:
        InvalidInputError: for a color picture and a grayscale model, or a size that `inpaint`
            doesn't accept.
    """
    channels = model.image_shape[-1]
    check_channels(channels, photo, mask)
    pixels = photo.pixels
    shape = (*pixels.shape[:2], channels)
    options = {} if progress is None else {"progress": progress}
    drawn = model.inpaint(np.broadcast_to(pixels[..., :channels], shape), mask, **options)
    if channels == 3 and _is_gray(photo, mask):
        drawn = _luminance(drawn)
    return replace(photo, pixels=np.where(mask[..., None], drawn, pixels))


def restore_classically(method, photo, mask):
    """Fills the holes of a picture by a classical method, to compare with.

    Args:
        method: str, a name in `zoo.evaluation.baselines.METHODS`.
        photo: `zoo.images.photos.Photo`.
        mask: bool array of shape `(H, W)`, True where a pixel is missing.

    Returns:
        `zoo.images.photos.Photo` with the same known pixels, channels and alpha.

    Raises:
        MissingDependencyError: if its library isn't installed.
    """
    from zoo.evaluation.baselines import inpaint_classically
    from zoo.models.pyramid import find_regions

    pixels = photo.pixels.copy()
    for region in find_regions(mask):  # the methods look at nothing but what is close to a hole
        pixels[region] = inpaint_classically(method, pixels[region][None], mask[region][None])[0]
    return replace(photo, pixels=pixels)


def check_channels(channels, photo, mask):
    """Raises `InvalidInputError` unless a model of this many channels can restore a picture.

    Args:
        channels: int, of the model.
        photo: `zoo.images.photos.Photo`.
        mask: bool array of shape `(H, W)`, True where a pixel is missing.
    """
    if channels not in (1, 3):
        raise InvalidInputError(
            "Picture files are restored by models of 1 or 3 channels. Received: a model of "
            f"{channels}; call its `inpaint` with arrays."
        )
    if channels == 1 and not _is_gray(photo, mask):
        raise InvalidInputError(
            "The picture has colors, but the model is grayscale. Use a color model, or convert the "
            "picture to grayscale first."
        )


def _is_gray(photo, mask):
    """Returns whether no known pixel has color; missing ones can be painted over in any color."""
    if photo.pixels.shape[-1] == 1:
        return True
    known = photo.pixels[~mask]
    return len(known) > 0 and bool((known == known[:, :1]).all())


def _luminance(pixels):
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def _resize(mask, size):
    from PIL import Image

    height, width = size
    image = Image.fromarray(mask.astype("uint8"))
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST)) > 0
