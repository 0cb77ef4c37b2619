"""Gated convolutions against their formula."""

import keras
import numpy as np
from keras import ops

from zoo.layers.gated import GatedConv2D

INPUTS = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("float32")


def test_features_are_multiplied_by_gates():
    layer = GatedConv2D(5, 3, strides=2, padding="same", data_format="channels_last")
    outputs = ops.convert_to_numpy(layer(INPUTS))
    plain = keras.layers.Conv2D(10, 3, strides=2, padding="same", data_format="channels_last")
    plain.build(INPUTS.shape)
    plain.set_weights(layer.get_weights())
    both = ops.convert_to_numpy(plain(INPUTS))
    features, gates = both[..., :5], both[..., 5:]
    elu = np.where(features > 0, features, np.expm1(features))
    np.testing.assert_allclose(outputs, elu / (1 + np.exp(-gates)), atol=1e-5)


def test_symbolic_shape_is_the_real_one():
    layer = GatedConv2D(4, 3, padding="same", dilation_rate=2, data_format="channels_last")
    assert layer(keras.KerasTensor((None, 8, 8, 3))).shape == (None, 8, 8, 4)
    assert layer(INPUTS).shape == (2, 8, 8, 4)


def test_configuration_makes_the_same_layer():
    layer = GatedConv2D(4, 3, activation="relu", padding="same", data_format="channels_last")
    outputs = layer(INPUTS)
    copy = GatedConv2D.from_config(layer.get_config())
    copy.build(INPUTS.shape)
    copy.set_weights(layer.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(copy(INPUTS)), ops.convert_to_numpy(outputs))
