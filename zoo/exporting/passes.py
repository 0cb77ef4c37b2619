"""What is exported: one pass of a model, whose inputs and outputs are what users handle."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from zoo import masks
from zoo.errors import InvalidInputError
from zoo.layers.convolution import direct_convolutions

COUNT = 64
"""Number of examples."""
SEED = 0
BLOCK = 8
"""Side of the patches of one color that examples of images consist of, in pixels."""
NOISE = 16
"""Largest noise on top of them, in gray levels."""


class Pass(NamedTuple):
    """One pass of a model.

    Args:
        layer: `keras.Model` that takes arrays in the order of `signature`, for any batch size.
        signature: list of `keras.InputSpec`, each with a name, None for the batch.
        examples: tuple of arrays of `COUNT` rows, in the same order.
        expected: array, what the model makes of the examples.
    """

    layer: Any
    signature: list
    examples: tuple[np.ndarray, ...]
    expected: np.ndarray


def make_pass(model: Any) -> Pass:
    """Returns the pass of a model of the zoo.

    One that draws takes latents, and labels if it is class-conditional; one that restores takes
    images of the size that it was trained on, and masks.

    Raises:
        InvalidInputError: for any other model.
    """
    if hasattr(model, "inpaint"):
        return _restoring(model)
    if hasattr(model, "sample_labels"):
        return _drawing_classes(model)
    if hasattr(model, "sample_latent"):
        return _drawing(model)
    raise InvalidInputError(
        "A model of the zoo can be exported, one with `generate` or `inpaint`. Received: "
        f"{type(model).__name__}. `keras.Model.export` exports any Keras model."
    )


class Inference(keras.Model):
    """A network between the functions that prepare its inputs and code its outputs."""

    def __init__(self, network, function):
        super().__init__()
        self.network, self.function = network, function  # the first, so that its weights are known
        self.built = True

    def call(self, *inputs):
        with direct_convolutions():
            return self.function(*inputs)


def _drawing(model):
    def draw(latents):
        return model.coding.decode(model.sampling_network()(latents, training=False))

    latents = model.sample_latent(COUNT, SEED)
    signature = [_spec("latents", latents)]
    expected = model.generate(latents=latents)
    return Pass(Inference(model.sampling_network(), draw), signature, (latents,), expected)


def _drawing_classes(model):
    def draw(latents, labels):
        classes = ops.one_hot(labels, model.classes, dtype="float32")
        return model.coding.decode(model.sampling_network()([latents, classes], training=False))

    latents = model.sample_latent(COUNT, SEED)
    labels = model.sample_labels(COUNT, SEED).astype("int32")
    signature = [_spec("latents", latents), _spec("labels", labels)]
    expected = model.generate(latents=latents, labels=labels)
    return Pass(Inference(model.sampling_network(), draw), signature, (latents, labels), expected)


def _restoring(model):
    def restore(images, holes):
        # Chosen among floats, which hold all gray levels: LiteRT can't choose among uint8.
        images, holes = ops.cast(images, "float32"), ops.expand_dims(holes, -1)
        inputs = [model.coding.scale(images), ops.cast(holes, "float32")]
        drawn = model.coding.decode(model.sampling_network()(inputs, training=False))
        return ops.cast(ops.where(holes, ops.cast(drawn, "float32"), images), "uint8")

    images = _patches(model.image_shape)
    holes = masks.draw(model.masks, COUNT, model.image_shape[:2], SEED)
    signature = [_spec("images", images), _spec("masks", holes)]
    expected = model.inpaint(images, holes)
    return Pass(Inference(model.sampling_network(), restore), signature, (images, holes), expected)


def _spec(name, array):
    return keras.InputSpec(dtype=str(array.dtype), shape=(None, *array.shape[1:]), name=name)


def _patches(shape):
    """Returns examples of images: flat parts and edges, as photographs have, and some noise."""
    rng = np.random.default_rng(SEED)
    height, width, channels = shape
    grid = COUNT, -(-height // BLOCK), -(-width // BLOCK), channels
    images = rng.integers(0, 256, grid).repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)
    images = images[:, :height, :width]
    return np.clip(images + rng.integers(-NOISE, NOISE + 1, images.shape), 0, 255).astype("uint8")
