"""Gated convolutions: a convolution that learns where to look (Yu et al. 2019, DeepFill v2)."""

import keras
from keras import ops

from zoo.layers.fast import Conv2D


@keras.saving.register_keras_serializable("zoo")
class GatedConv2D(Conv2D):
    """phi(features) * sigmoid(gates), both halves of one convolution (Yu et al. 2019, section 3.1).

    A plain convolution treats the pixels of a hole like any others; a gate for every position and
    channel learns which to trust.

    Takes the arguments of `keras.layers.Conv2D`. The kernel has twice `filters` channels: the
    features' first, then the gates'.
    """

    def __init__(self, filters, kernel_size, activation="elu", **kwargs):
        super().__init__(2 * filters, kernel_size, **kwargs)
        self.gated_filters = filters
        self.feature_activation = keras.activations.get(activation)

    def call(self, inputs):
        features, gates = ops.split(super().call(inputs), 2, axis=-1)
        return self.feature_activation(features) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape):
        return (*super().compute_output_shape(input_shape)[:-1], self.gated_filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.gated_filters,
            "activation": keras.activations.serialize(self.feature_activation),
        }
