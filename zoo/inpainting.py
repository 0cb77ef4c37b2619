"""Restoring arrays of images with an inpainting model: any size, any number, flat memory."""

import numpy as np

from zoo import backend
from zoo.checks import check_count
from zoo.errors import InvalidInputError

SMALLEST, LARGEST = 16, 2048
"""Sides of images, in pixels."""

REFERENCE_AREA = 64 * 64
"""Pixels of the images that `batch_size` counts."""


def inpaint(model, images, masks, batch_size=64):
    """Fills the holes of images; see `InpaintingGAN.inpaint`.

    Args:
        model: `zoo.InpaintingGAN`.
        images: uint8 (N, H, W, C) or (H, W, C).
        masks: bool or 0 and 255, (N, H, W) or (H, W); True or 255 where a pixel is missing.
        batch_size: int, images of 64x64 pixels per forward pass.

    Returns:
        uint8 ndarray of the images' shape.
    """
    check_count("batch_size", batch_size)
    images = check_images(images, model.image_shape[-1])
    single = images.ndim == 3
    images = images[None] if single else images
    masks = check_masks(masks, images.shape[:3])
    backend.synchronize(model)
    restored = images.copy()
    damaged = np.flatnonzero(masks.any(axis=(1, 2)))
    height, width = images.shape[1:3]
    batch_size = max(1, min(batch_size * REFERENCE_AREA // (height * width), len(damaged)))
    for start in range(0, len(damaged), batch_size):
        # The last batch is filled up with the ones before it: one shape, one compilation.
        stop = min(start + batch_size, len(damaged))
        chosen = damaged[stop - batch_size : stop]
        drawn = _draw(model, images[chosen], masks[chosen])
        holes = masks[chosen][..., None]
        restored[chosen] = np.where(holes, drawn, images[chosen])
    return restored[0] if single else restored


def _draw(model, images, masks):
    """What the generator draws, uint8 (N, H, W, C): padded to what it needs, and cropped."""
    height, width = images.shape[1:3]
    padding = ((0, 0), (0, -height % model.multiple), (0, -width % model.multiple))
    if any(after for _, after in padding):
        # Mirrored, holes and all, so that no edge is seen that isn't in the image.
        images = np.pad(images, (*padding, (0, 0)), mode="symmetric")
        masks = np.pad(masks, padding, mode="symmetric")
    scale = np.float32((model.high - model.low) / 255.0)
    inputs = [images * scale + np.float32(model.low), masks[..., None].astype("float32")]
    drawn = model.sampling_network().predict_on_batch(inputs)
    return model.decode(drawn[:, :height, :width])


def check_images(images, channels):
    """The images as an ndarray, if they are what `inpaint` takes.

    Raises:
        InvalidInputError: for another type, shape or size.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[-1] != channels:
        raise InvalidInputError(
            f"`images` must be uint8 of shape (N, H, W, {channels}) or (H, W, {channels}). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    sides = images.shape[-3:-1]
    if min(sides) < SMALLEST or max(sides) > LARGEST:
        raise InvalidInputError(
            f"Images must be from {SMALLEST} to {LARGEST} pixels high and wide. "
            f"Received: {sides[0]}x{sides[1]}. Resize or cut them."
        )
    return images


def check_masks(masks, shape):
    """The masks as a bool ndarray of `shape` (N, H, W), True where a pixel is missing.

    Raises:
        InvalidInputError: for another type, shape, or gray values.
    """
    masks = np.asarray(masks)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    if masks.shape not in (shape, shape[1:]):
        count, height, width = shape
        raise InvalidInputError(
            f"`masks` must have shape ({count}, {height}, {width}) or ({height}, {width}), as the "
            f"images have. Received: shape {masks.shape}"
        )
    if masks.dtype.kind in "ui":
        high = masks.max(initial=0)
        if high not in (0, 1, 255) or not np.isin(masks, (0, high)).all():
            values = ", ".join(map(str, np.unique(masks)[:5]))
            raise InvalidInputError(
                "`masks` must be bool, or 0 where a pixel is known and 255 where it is missing. "
                f"Received: {masks.dtype} with the values {values} ... Write `masks > 127`, for "
                "example."
            )
        masks = masks > 0
    if masks.dtype != bool:
        raise InvalidInputError(
            "`masks` must be bool, or 0 where a pixel is known and 255 where it is missing. "
            f"Received: {masks.dtype}"
        )
    return np.broadcast_to(masks, shape)
