"""Pull-push: a smooth first guess for missing pixels (Gortler et al. 1996, The Lumigraph)."""

import keras
from keras import layers, ops

LEVELS = 6
"""Number of halvings: known pixels reach 64 pixels far."""


@keras.saving.register_keras_serializable("zoo")
class PullPush(layers.Layer):
    """Fills holes with averages of the nearest known pixels, coarse to fine.

    Pull: the image is halved repeatedly, averaging the known pixels. Push: on the way back, unknown
    pixels at one size are taken from the next smaller one. The layer has no weights, and the pixels
    in a hole have no influence.

    Takes `[images, masks]` of shapes `(batch, H, W, C)` and `(batch, H, W, 1)`, 1 where missing;
    returns images. A hole without a known pixel in reach becomes 0, the middle of the range.
    """

    def __init__(self, **kwargs):
        # In float32 under a mixed policy too: the guess is part of the output.
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs):
        return pull_push(*inputs)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def pull_push(images, holes):
    """Fills the holes of images as `PullPush` does.

    Args:
        images: float tensor (batch, H, W, C).
        holes: float tensor (batch, H, W, 1), 1 where a pixel is missing.

    Returns:
        float tensor of the images' shape.
    """
    holed = holes > 0.5
    weights = ops.where(holed, 0.0, ops.ones_like(holes))
    values = ops.where(holed, 0.0, images)
    pyramid = [(values, weights)]
    for _ in range(LEVELS):
        values, weights = (_halve(x) for x in pyramid[-1])
        pyramid.append((values, weights))
    values, weights = pyramid.pop()
    guess = values / (weights + 1e-6)
    while pyramid:
        values, weights = pyramid.pop()
        coarse = enlarge(guess, values)
        # The share of the four pixels that was known stays, the rest comes from below.
        guess = values + (1.0 - weights) * coarse
    return guess


def _halve(x):
    return ops.average_pool(x, 2, strides=2, padding="same", data_format="channels_last")


def enlarge(x, like):
    """Doubles the size of images by linear interpolation, and crops it to that of `like`."""
    _, height, width, _ = ops.shape(like)
    # Along one axis at a time: each pixel becomes two, a quarter of the way to either neighbor.
    for axis in (1, 2):
        near = 0.75 * x
        pair = ops.stack([near + 0.25 * far for far in _shifted(x, axis)], axis=axis + 1)
        shape = list(ops.shape(x))
        shape[axis] = shape[axis] * 2
        x = ops.reshape(pair, shape)
    return x[:, :height, :width]


def _shifted(x, axis):
    """Returns `x` moved by one pixel to either side along an axis, the edge repeated."""
    if x.shape[axis] == 1:
        return x, x  # by itself: ONNX refuses the empty slices of a single pixel
    if axis == 1:
        return (
            ops.concatenate([x[:, :1], x[:, :-1]], axis=1),
            ops.concatenate([x[:, 1:], x[:, -1:]], axis=1),
        )
    return (
        ops.concatenate([x[:, :, :1], x[:, :, :-1]], axis=2),
        ops.concatenate([x[:, :, 1:], x[:, :, -1:]], axis=2),
    )
