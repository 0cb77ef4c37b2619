"""Restores arrays of images of any size and number with an inpainting model."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError

SMALLEST, LARGEST = 16, 2048
"""Sides of images, in pixels."""

REFERENCE_AREA = 64 * 64
"""Pixels of the images that `batch_size` counts."""

KEPT = 512
"""Side of the part of each window of a large image that is kept, in pixels."""
WINDOW_STEP = 64
"""Windows start at multiples of it, as the first guess's coarsest pixels do."""


def inpaint(model, images, masks, batch_size=64):
    """Fills the holes of images; see `InpaintingGAN.inpaint`.

    Args:
        model: `zoo.InpaintingGAN`.
        images: uint8 (N, H, W, C) or (H, W, C).
        masks: bool or 0 and 255, (N, H, W) or (H, W); True or 255 where a pixel is missing.
        batch_size: int, images of 64x64 pixels per forward pass.

    Returns:
        uint8 array of the images' shape.
    """
    from zoo.models.drawing import draw_batches  # here: checks alone do without Keras

    check_count("batch_size", batch_size)
    images = check_images(images, model.image_shape[-1])
    single = images.ndim == 3
    images = images[None] if single else images
    masks = check_masks(masks, images.shape[:3])
    restored = images.copy()
    damaged = np.flatnonzero(masks.any(axis=(1, 2)))
    whole = max(images.shape[1:3]) <= _window(model)
    pieces = list((_batches if whole else _cut)(model, masks, damaged, batch_size))
    padded = (_pad(images[p.source], masks[p.source], model.multiple) for p in pieces)
    for piece, drawn in zip(pieces, draw_batches(model, padded), strict=True):
        restored[piece.target] = drawn[piece.kept]
    return restored[0] if single else restored


class Piece(NamedTuple):
    """One forward pass, as indices.

    Args:
        source: the part of the images, and of the masks, that the generator takes.
        kept: the part of its output that is kept.
        target: the place of that part in the images.
    """

    source: Any
    kept: Any
    target: Any


def _batches(model, masks, damaged, batch_size):
    """Yields whole images, as many at once as fit."""
    from zoo.models.drawing import batch_slices

    del model
    height, width = masks.shape[1:]
    for part in batch_slices(len(damaged), batch_size * REFERENCE_AREA // (height * width)):
        yield Piece(damaged[part], np.s_[:, :height, :width], damaged[part])


def _cut(model, masks, damaged, batch_size):
    """Yields windows of large images, one after another, where something is missing.

    Each window reaches as far beyond the part that is kept as the network sees, so that seams
    don't show, and memory does not grow with the image.
    """
    del batch_size
    windows = [_windows(length, _window(model)) for length in masks.shape[1:]]
    for index in damaged:
        one = slice(index, index + 1)
        for (top, rows), (left, columns) in itertools.product(*windows):
            if masks[index, rows, columns].any():
                kept = (
                    slice(None),
                    slice(rows.start - top.start, rows.stop - top.start),
                    slice(columns.start - left.start, columns.stop - left.start),
                )
                yield Piece((one, top, left), kept, (one, rows, columns))


def _windows(length, side):
    """Returns pairs of slices of an axis: a window, and the part of it that is kept."""
    # The last one runs to the end, whatever is left: few shapes, few compilations.
    last = max(length - side, 0) // WINDOW_STEP * WINDOW_STEP
    pairs = []
    for first in range(0, length, KEPT):
        start = min(max(first - (side - KEPT) // 2, 0), last)
        stop = length if start == last else start + side
        pairs.append((slice(start, stop), slice(first, min(first + KEPT, length))))
    return pairs


def _window(model):
    """Returns the side of the windows that large images are drawn in, in pixels."""
    return KEPT + 2 * -(-model.reach // WINDOW_STEP) * WINDOW_STEP


def _pad(images, masks, multiple):
    """Pads images and masks to sides that are multiples of a number."""
    padding = [(0, 0), *((0, -side % multiple) for side in images.shape[1:3])]
    if not any(after for _, after in padding):
        return images, masks
    # Mirrored, holes included, so that there is no edge that isn't in the image.
    return (
        np.pad(images, (*padding, (0, 0)), mode="symmetric"),
        np.pad(masks, padding, mode="symmetric"),
    )


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
