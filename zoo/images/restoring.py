"""Restoring picture files with an inpainting model: only what the mask marks is changed."""

import os
import warnings
from dataclasses import replace

import numpy as np

from zoo.errors import InvalidInputError
from zoo.images.photos import check_format, read_mask, read_photo, write_photo
from zoo.models.tiling import check_sides

# Neither Keras nor Pillow is imported here: a command checks its files before it waits for either.


def inpaint_file(model, image_path, mask_path, output_path, resize_mask=False):
    """Fills the holes of a picture file, and writes what comes out to another.

    Known pixels stay bit for bit, in their number of channels: a gray picture is gray again, after
    a model of colors too. So is one in RGB whose known pixels are all gray. Alpha stays as it is,
    in the holes as well. The ICC profile and the resolution are kept, other EXIF data aren't; the
    orientation they ask for is applied. Palettes are written as RGB, CMYK as RGB too.

    Args:
        model: `zoo.InpaintingGAN`, of 1 or 3 channels.
        image_path: picture of any format that Pillow decodes, 8 bits a channel, from 16 to 2,048
            pixels high and wide. Of an animation the first frame counts.
        mask_path: picture of the same size, of any format: white, values over 127 of 255, where a
            pixel is missing. Of colors the luminance counts; transparent pixels are black.
        output_path: file to write, or to replace: .png, .tif, .webp or .bmp, all without loss; or
            .jpg, of quality 95, where known pixels change a little as well. Folders above it are
            made.
        resize_mask: bool, bring a mask of another size to the picture's: nearest neighbor.

    Raises:
        InvalidInputError: for a file that isn't such a picture; a mask of another size; a color
            picture and a model of grays; a picture with alpha and an output without; an output
            that is one of the inputs. Nothing is written then.
        OSError: if the output can't be written.

    Warns:
        UserWarning: if the mask marks nothing, or only what is transparent and stays so.

    Example:

    ```python
    model = zoo.load("inpaint_scenes64")
    zoo.images.restoring.inpaint_file(model, "beach.jpg", "scratches.png", "restored.png")
    ```
    """
    check_output(output_path, image_path, mask_path)
    photo, mask = read_inputs(image_path, mask_path, resize_mask)
    check_format(output_path, photo)
    write_photo(restore(model, photo, mask), output_path)


def check_output(output_path, *input_paths):
    """Raises `InvalidInputError` if the output's suffix isn't known, or it is one of the inputs."""
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
        image_path: as of `inpaint_file`.
        mask_path: likewise.
        resize_mask: likewise.

    Returns:
        (`zoo.images.photos.Photo`, bool (H, W)): the mask has the picture's size.

    Raises:
        InvalidInputError: if one of them can't be used, or the sizes differ.

    Warns:
        UserWarning: if the mask marks nothing, or only what is transparent and stays so.

    Example:

    ```python
    photo, mask = read_inputs("beach.jpg", "scratches.png")
    ```
    """
    photo = read_photo(image_path)
    mask = read_mask(mask_path)
    size = photo.pixels.shape[:2]
    check_sides(*size, what=f"Pictures to restore, {image_path} for one,")
    if mask.shape != size:
        if not resize_mask:
            raise InvalidInputError(
                f"The mask must have the picture's size, {size[1]}x{size[0]} pixels (width x "
                f"height, upright). Received: {mask_path}, {mask.shape[1]}x{mask.shape[0]}. Bring "
                "it to that size with `resize_mask=True` (`--resize-mask`)."
            )
        mask = _resize(mask, size)
    if photo.alpha is not None and mask.any() and not photo.alpha[mask].any():
        warnings.warn(
            f"All that the mask marks is transparent in {image_path}, and stays so: what is drawn "
            "there won't be seen. Remove the picture's alpha channel first",
            stacklevel=2,
        )
    return photo, mask


def restore(model, photo, mask):
    """A picture with its holes filled.

    Args:
        model: `zoo.InpaintingGAN`, of 1 or 3 channels.
        photo: `zoo.images.photos.Photo`.
        mask: bool (H, W), True where a pixel is missing.

    Returns:
        `zoo.images.photos.Photo` with the same known pixels, channels and alpha.

    Raises:
        InvalidInputError: for a color picture and a model of grays, or a size that `inpaint`
            doesn't take.

    Example:

    ```python
    write_photo(restore(model, photo, mask), "restored.png")
    ```
    """
    channels = model.image_shape[-1]
    check_channels(channels, photo, mask)
    pixels = photo.pixels
    shape = (*pixels.shape[:2], channels)
    drawn = model.inpaint(np.broadcast_to(pixels[..., :channels], shape), mask)
    if channels == 3 and _is_gray(photo, mask):
        drawn = _luminance(drawn)
    return replace(photo, pixels=np.where(mask[..., None], drawn, pixels))


def check_channels(channels, photo, mask):
    """Raises `InvalidInputError` unless a model of so many channels can restore a picture.

    Args:
        channels: int, of the model.
        photo: `zoo.images.photos.Photo`.
        mask: bool (H, W), True where a pixel is missing.
    """
    if channels not in (1, 3):
        raise InvalidInputError(
            "Picture files are restored by models of 1 channel or 3. Received: a model of "
            f"{channels}; call its `inpaint` with arrays."
        )
    if channels == 1 and not _is_gray(photo, mask):
        raise InvalidInputError(
            "The picture has colors, and this model knows only grays. Take a model of colors, or "
            "make the picture gray first."
        )


def _is_gray(photo, mask):
    """Whether known pixels hold no color; the missing ones may be painted over in red."""
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
