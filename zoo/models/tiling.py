"""Restores arrays of images of any size and number with an inpainting model.

Images no larger than those that the model was trained on are drawn in one pass, many at once.
Larger ones are photographs, whose holes can be of any size: `zoo.models.pyramid` restores them.
"""

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError

SMALLEST, LARGEST = 16, 8192
"""Sides of images, in pixels."""

REFERENCE_AREA = 64 * 64
"""Pixels of the images that `batch_size` counts."""


def inpaint(model, images, masks, batch_size=64, progress=None):
    """Fills the holes of images; see `InpaintingGAN.inpaint`.

    Args:
        model: `zoo.InpaintingGAN`.
        images: uint8 (N, H, W, C) or (H, W, C).
        masks: bool or 0 and 255, (N, H, W) or (H, W); True or 255 where a pixel is missing.
        batch_size: int, images of 64x64 pixels per forward pass.
        progress: function that is called with the share that is done, from 0 to 1; or `None`.

    Returns:
        uint8 array of the images' shape.
    """
    check_count("batch_size", batch_size)
    images = check_images(images, model.image_shape[-1])
    single = images.ndim == 3
    images = images[None] if single else images
    masks = check_masks(masks, images.shape[:3])
    restored = images.copy()
    damaged = np.flatnonzero([mask.any() for mask in masks])
    sides = zip(images.shape[1:3], model.image_shape[:2], strict=True)
    if all(side <= trained for side, trained in sides):
        shares = _fill_at_once(model, restored, masks, damaged, batch_size)
    else:
        shares = _fill_one_by_one(model, restored, masks, damaged)
    for share in shares:
        if progress is not None:
            progress(share)
    return restored[0] if single else restored


def _fill_at_once(model, images, masks, damaged, batch_size):
    """Fills images, many in a pass, and yields the share that is done."""
    from zoo.models.drawing import batch_slices, draw_batches  # here: checks alone need no Keras

    height, width = masks.shape[1:]
    size = model.image_shape[:2]
    most = batch_size * REFERENCE_AREA // (size[0] * size[1])
    parts = [damaged[part] for part in batch_slices(len(damaged), most)]
    padded = ((pad(images[part], size), pad(masks[part], size)) for part in parts)
    for done, drawn in enumerate(draw_batches(model, padded)):
        images[parts[done]] = drawn[:, :height, :width]
        yield (done + 1) / len(parts)


def _fill_one_by_one(model, images, masks, damaged):
    """Fills photographs, and yields the share that is done."""
    from zoo.models.pyramid import fill

    for done, index in enumerate(damaged):
        for share in fill(model, images[index], masks[index]):
            yield (done + share) / len(damaged)


def pad(arrays, size):
    """Pads images (N, H, W, C) or masks (N, H, W) at their ends to a size `(height, width)`.

    Both are mirrored, holes included, so that there is no edge that isn't in the image.
    """
    padding = [(0, total - side) for side, total in zip(arrays.shape[1:3], size, strict=True)]
    if not any(after for _, after in padding):
        return arrays
    return np.pad(arrays, [(0, 0), *padding, (0, 0)][: arrays.ndim], mode="symmetric")


def check_images(images, channels):
    """Returns the images as an array if they are what `inpaint` takes.

    Raises:
        InvalidInputError: for another type, shape or size.
    """
    images = _as_array("images", images)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[-1] != channels:
        raise InvalidInputError(
            f"`images` must be uint8 of shape (N, H, W, {channels}) or (H, W, {channels}). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    check_sides(*images.shape[-3:-1])
    return images


def check_sides(height, width, what="Images"):
    """Raises `InvalidInputError` unless `inpaint` takes images of this size."""
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        raise InvalidInputError(
            f"{what} must be from {SMALLEST} to {LARGEST} pixels high and wide. "
            f"Received: {width}x{height} (width x height). Resize or crop them."
        )


def check_masks(masks, shape):
    """Returns the masks as a bool array of `shape` (N, H, W), True where a pixel is missing.

    Raises:
        InvalidInputError: for another type, shape, or gray values.
    """
    masks = _as_array("masks", masks)
    if masks.shape[1:] == (*shape[1:], 1) or masks.shape == (*shape[1:], 1):
        masks = masks[..., 0]
    if masks.shape not in (shape, shape[1:]):
        count, height, width = shape
        raise InvalidInputError(
            f"`masks` must have shape ({count}, {height}, {width}) or ({height}, {width}), to "
            f"match the images. Received: shape {masks.shape}"
        )
    if masks.dtype.kind in "ui":
        high = masks.max(initial=0)
        if high not in (0, 1, 255) or not np.isin(masks, (0, high)).all():
            values = ", ".join(map(str, np.unique(masks)[:5]))
            raise InvalidInputError(
                "`masks` must be bool, or 0 where a pixel is known and 255 where it is missing. "
                f"Received: {masks.dtype} with the values {values} ... Pass `masks > 127`, for "
                "example."
            )
        masks = masks > 0
    if masks.dtype != bool:
        raise InvalidInputError(
            "`masks` must be bool, or 0 where a pixel is known and 255 where it is missing. "
            f"Received: {masks.dtype}"
        )
    return np.broadcast_to(masks, shape)


def _as_array(name, value):
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidInputError(
            f"`{name}` must be of one size to be filled at once; call `inpaint` for each size. "
            f"Received: a {type(value).__name__} that NumPy can't stack ({error})"
        ) from error
