"""Random views of training images with their masks: mirrored, and enlarged parts."""

import math

import keras
from keras import ops

from zoo import distribution


def random_flip(images, masks, seed):
    """Mirrors each image from left to right with probability one half, and its mask with it.

    Args:
        images: tensor (batch, H, W, C).
        masks: tensor (batch, H, W, 1), or `None`.
        seed: `keras.random.SeedGenerator`.

    Returns:
        Both, of the same shapes and types.
    """
    coins = distribution.own_rows(
        lambda count: keras.random.uniform((count, 1, 1, 1), seed=seed), ops.shape(images)[0]
    )
    return tuple(
        None if maps is None else ops.where(coins < 0.5, maps, ops.flip(maps, axis=2))
        for maps in (images, masks)
    )


def random_zoom(images, masks, most, seed):
    """Enlarges a random part of each image with probability one half, and of its mask with it.

    Parts are from all to 1 / `most` of an image's sides, even in their logarithm, and as likely
    anywhere. Larger pixels are smoother, as those of photographs of more pixels.

    Args:
        images: float tensor (batch, H, W, C).
        masks: float tensor (batch, H, W, 1) of 0 and 1, or `None`.
        most: float over 1, the largest magnification.
        seed: `keras.random.SeedGenerator`.

    Returns:
        Both, of the same shapes and types.
    """
    count, height, width = ops.shape(images)[:3]
    uniforms = distribution.own_rows(
        lambda count: keras.random.uniform((count, 3), seed=seed), count
    )
    share = ops.exp(-math.log(most) * ops.maximum(2.0 * uniforms[:, :1] - 1.0, 0.0))
    rows = _interpolation(share, uniforms[:, 1:2], height)
    columns = _interpolation(share, uniforms[:, 2:3], width)

    def zoom(maps):
        maps = ops.einsum("bij,bjwc->biwc", rows, maps)
        return ops.einsum("bkw,biwc->bikc", columns, maps)

    if masks is not None:
        masks = ops.cast(zoom(masks) > 0.5, masks.dtype)
    return zoom(images), masks


def _interpolation(share, place, length):
    """Returns the weights of each pixel in each pixel of a part that is enlarged to all.

    Args:
        share: float tensor (batch, 1), the part's length, as a fraction of the whole.
        place: float tensor (batch, 1), in [0, 1): where it is, from the first to the last place.
        length: int, in pixels.

    Returns:
        float tensor (batch, length, length).
    """
    pixels = ops.arange(length, dtype="float32")
    positions = place * (1.0 - share) * length + (pixels + 0.5) * share - 0.5
    positions = ops.clip(positions, 0.0, length - 1.0)
    return ops.maximum(1.0 - ops.abs(positions[:, :, None] - pixels), 0.0)
