"""Floating-point operations of a model, counted from its matrix products and convolutions.

A multiplication and an addition count as 2 FLOP. Not counted are normalization, activations,
losses, optimizers, resizing, and the power iteration of spectral normalization, whose cost does not
grow with the batch. Products with the padding of "same" convolutions are counted.
"""

from typing import NamedTuple

import keras
import numpy as np


class NetworkFlops(NamedTuple):
    """FLOP of one network for one sample.

    Args:
        forward: of a forward pass.
        first: part of `forward`, of the layers whose inputs depend on no weights: the backward
            pass needs no gradient with respect to these inputs.
    """

    forward: int
    first: int


def gflop_per_image(model: keras.Model, mode: str) -> float:
    """Returns GFLOP per image of a training step with one generator forward, or of sampling.

    A step consists of the generator's forward pass and its backward pass with respect to weights
    and inputs (except the first layer's); the same of the discriminator on real and on fake images;
    and the discriminator's forward pass and its backward pass with respect to the inputs only, for
    the generator's update.

    Args:
        model: a model of the zoo.
        mode: `"train"` or `"sample"`.
    """
    generator = count_network(model.generator, model.sample_shape)
    if mode == "sample":
        return generator.forward / 1e9
    discriminator = count_network(model.discriminator, model.sample_shape)
    backward = 2 * generator.forward - generator.first
    judging = 2 * (3 * discriminator.forward - discriminator.first)
    guiding = 2 * discriminator.forward
    return (generator.forward + backward + judging + guiding) / 1e9


def count_network(network: keras.Model, sample_shape: tuple[int, ...]) -> NetworkFlops:
    """Counts the FLOP of a built network.

    Args:
        network: `keras.Sequential` or functional `keras.Model`.
        sample_shape: `(H, W, C)`, for inputs of variable size.
    """
    counts = []
    weighted = []  # tensors that depend on a weight; kept alive, so that identities stay unique

    def call(layer, *args, **kwargs):
        inputs = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        outputs = layer(*args, **kwargs)
        first = not any(x is y for x in inputs for y in weighted)
        flops = count_layer(layer, inputs[0].shape, outputs) if inputs else 0
        counts.append((flops, flops if first else 0))
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
    return NetworkFlops(*(sum(count) for count in zip(*counts, strict=True)))


def count_layer(layer, input_shape: tuple, outputs) -> int:
    """Returns the FLOP of one layer for one sample.

    Args:
        layer: a Keras layer or operation, built.
        input_shape: (batch, ...) of its first input.
        outputs: its symbolic output.

    Raises:
        TypeError: for an unknown kind of layer with a kernel.
    """
    layers = keras.layers
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    if isinstance(layer, layers.Dense):
        positions = outputs.shape[1:-1]
    elif isinstance(layer, layers.Conv2DTranspose):
        positions = input_shape[1:-1]  # each pixel of the input is multiplied by the whole kernel
    elif isinstance(layer, layers.Conv2D):
        positions = outputs.shape[1:-1]
    else:
        raise TypeError(f"Add to `count_layer` how to count a {type(layer).__name__}.")
    return 2 * int(np.prod(kernel.shape)) * int(np.prod(positions))


def _symbol(symbol, sample_shape):
    shape = [
        sample_shape[axis] if size is None else size for axis, size in enumerate(symbol.shape[1:])
    ]
    return keras.Input(shape, dtype=symbol.dtype)
