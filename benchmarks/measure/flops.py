"""Work of a model, counted from its matrix products and convolutions: arithmetic and traffic.

A multiplication and an addition count as 2 FLOP. Not counted are normalization, activations,
losses, optimizers, resizing, and the power iteration of spectral normalization, whose cost does not
grow with the batch. Products with the padding of "same" convolutions are counted.

The traffic is what a step must at least move if each product reads its operands from memory and
writes its result there, and everything between two products happens on the way.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

ADAM_BYTES = 7 * 4
"""For each weight: reads it, its gradient and two moments; writes it and the moments; float32."""


class NetworkWork(NamedTuple):
    """Work of one network for one sample: FLOP, or whatever else is counted per product.

    Args:
        forward: of a forward pass.
        first: part of `forward`, of the layers whose inputs depend on no weights: the backward
            pass needs no gradient with respect to these inputs.
    """

    forward: int
    first: int


class UncountedError(TypeError):
    """A network with products that this module doesn't know how to count."""


def gflop_per_image(model: keras.Model, mode: str) -> float:
    """Returns GFLOP per image of a training step with one generator forward, or of sampling.

    A step consists of the generator's forward pass and its backward pass with respect to weights
    and inputs (except the first layer's); the same of the discriminator on real and on fake images;
    and the discriminator's forward pass and its backward pass with respect to the inputs only, for
    the generator's update.

    Args:
        model: a model of the zoo.
        mode: `"train"` or `"sample"`.

    Raises:
        UncountedError: if a layer's products aren't counted here.
    """
    return _work(model, mode, count_layer) / 1e9


def gb_per_step(model: keras.Model, mode: str, precision: str, batch_size: int) -> float:
    """Returns the least traffic of a training step, or of sampling a batch, in 10^9 bytes.

    Args:
        model: a model of the zoo.
        mode: `"train"` or `"sample"`.
        precision: `"float32"` or `"mixed_bfloat16"`.
        batch_size: int.

    Raises:
        UncountedError: if a layer's products aren't counted here.
    """
    elements = batch_size * _work(model, mode, count_elements) + _work(model, mode, count_weights)
    size = 4 if precision == "float32" else 2
    networks = () if mode == "sample" else (model.generator, model.discriminator)
    updated = sum(math.prod(v.shape) for network in networks for v in network.trainable_variables)
    return (size * elements + ADAM_BYTES * updated) / 1e9


def _work(model, mode, count):
    """The work of all products of a step; see `gflop_per_image`."""
    generator = count_network(model.generator, model.sample_shape, count)
    if mode == "sample":
        return generator.forward
    discriminator = count_network(model.discriminator, model.sample_shape, count)
    backward = 2 * generator.forward - generator.first
    judging = 2 * (3 * discriminator.forward - discriminator.first)
    guiding = 2 * discriminator.forward
    return generator.forward + backward + judging + guiding


def count_network(
    network: keras.Model, sample_shape: tuple[int, ...], count: Callable | None = None
) -> NetworkWork:
    """Counts the FLOP of a built network, or what `count` counts of each layer.

    Args:
        network: `keras.Sequential` or functional `keras.Model`.
        sample_shape: `(H, W, C)`, for inputs of variable size.
        count: `count_layer` by default, `count_elements` or `count_weights`.

    Raises:
        UncountedError: for a class of one's own, whose layers may be called in any way, and for an
            unknown kind of layer.
    """
    if type(network) is not keras.Sequential and type(network).__name__ != "Functional":
        raise UncountedError(f"The layers of a {type(network).__name__} can't be followed.")
    count = count or count_layer
    counts = []
    weighted = []  # tensors that depend on a weight; kept alive, so that identities stay unique

    def call(layer, *args, **kwargs):
        inputs = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        outputs = layer(*args, **kwargs)
        first = not any(x is y for x in inputs for y in weighted)
        work = count(layer, inputs[0].shape, outputs) if inputs else 0
        counts.append((work, work if first else 0))
        if not first or getattr(layer, "trainable_weights", None):
            weighted.extend(keras.tree.flatten(outputs))
        return outputs

    inputs = [_symbol(x, sample_shape) for x in network.inputs]
    if isinstance(network, keras.Sequential):
        (x,) = inputs
        for layer in network.layers:
            x = call(layer, x)
    else:
        keras.models.clone_model(
            network, inputs, clone_function=lambda layer: layer, call_function=call
        )
    return NetworkWork(*(sum(column) for column in zip(*counts, strict=True)))


def count_layer(layer, input_shape: tuple, outputs) -> int:
    """Returns the FLOP of one layer for one sample.

    Args:
        layer: a Keras layer or operation, built.
        input_shape: (batch, ...) of its first input.
        outputs: its symbolic output.

    Raises:
        UncountedError: for an unknown kind of layer with a matrix or a kernel.
    """
    layers = keras.layers
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        weights = getattr(layer, "trainable_weights", ())
        if isinstance(layer, layers.Embedding) or all(len(w.shape) < 2 for w in weights):
            return 0
        raise UncountedError(f"Add to `count_layer` how to count a {type(layer).__name__}.")
    if isinstance(layer, layers.Dense):
        positions = outputs.shape[1:-1]
    elif isinstance(layer, layers.Conv2DTranspose):
        positions = input_shape[1:-1]  # each pixel of the input is multiplied by the whole kernel
    elif isinstance(layer, layers.Conv2D):
        positions = outputs.shape[1:-1]
    else:
        raise UncountedError(f"Add to `count_layer` how to count a {type(layer).__name__}.")
    return 2 * int(np.prod(kernel.shape)) * int(np.prod(positions))


def count_elements(layer, input_shape: tuple, outputs) -> int:
    """Returns the inputs and outputs of one layer for one sample, if it has a product; see above.

    Each of the product's three passes moves as many: forward, with respect to weights, to inputs.
    """
    if not count_layer(layer, input_shape, outputs):
        return 0
    return math.prod(input_shape[1:]) + math.prod(outputs.shape[1:])


def count_weights(layer, input_shape: tuple, outputs) -> int:
    """Returns the number of weights in the product of one layer; each pass moves them once."""
    return math.prod(layer.kernel.shape) if count_layer(layer, input_shape, outputs) else 0


def _symbol(symbol, sample_shape):
    shape = [
        sample_shape[axis] if size is None else size for axis, size in enumerate(symbol.shape[1:])
    ]
    return keras.Input(shape, dtype=symbol.dtype)
