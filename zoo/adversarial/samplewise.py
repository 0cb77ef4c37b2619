"""Which networks treat each sample by itself, so that two batches may go through as one."""

import keras
from keras import layers

SAMPLEWISE = (
    layers.Activation,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Dense,
    layers.Dropout,
    layers.ELU,
    layers.Flatten,
    layers.InputLayer,
    layers.LeakyReLU,
    layers.ReLU,
    layers.Reshape,
)
"""Kinds of layers whose output for a sample depends on no other one of its batch."""


def is_samplewise(network):
    """Whether a `Sequential` is made of such layers only, Keras' own or the zoo's equal ones.

    What is not known is not: batch normalization, for one, and spectral normalization, whose power
    iteration counts calls.
    """
    return type(network) is keras.Sequential and all(map(_is_known, network.layers))


def _is_known(layer):
    module, name = type(layer).__module__, type(layer).__name__
    known = {kind.__name__ for kind in SAMPLEWISE}
    ours = module == "zoo.layers.fast" or module.startswith("keras.src.layers.")
    return ours and name in known
