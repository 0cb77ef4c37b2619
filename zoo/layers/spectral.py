"""Spectral normalization of convolutions and of dense layers (Miyato et al. 2018).

Keras' own `SpectralNormalization` assigns the normalized kernel to the trainable variable inside
the forward pass. That breaks a step that differentiates two forward passes of one network: the
second overwrites what the gradient of the first needs. `Normalizations` lets a step do it ahead of
the passes. In the zoo's layers the variable keeps its value, and the kernel is divided on its way.
"""

import contextlib
import functools

import keras
from keras import layers, ops

from zoo.layers.fast import Conv2D
from zoo.layers.initializers import Normal

EPSILON = 1e-12


class SpectralKernel:
    """Mixin for a layer whose kernel (..., outputs) counts as a matrix (rest, outputs).

    One step of the power iteration per call in training keeps the estimate of the singular vector
    of its largest singular value (Algorithm 1).
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.direction = self.add_weight(
            shape=(self.kernel.shape[-1],),
            initializer=Normal(stddev=1.0, seed=self.kernel_initializer.get_config().get("seed")),
            trainable=False,
            # On torch, Keras assigns to the cast copy of a variable that casts itself.
            autocast=False,
            name="direction",
        )

    def divided_kernel(self, training):
        """Returns the kernel, divided by its largest singular value."""
        kernel = ops.convert_to_tensor(self.kernel)
        matrix = ops.reshape(ops.cast(kernel, "float32"), (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        right = ops.cast(self.direction, "float32")
        left = _normalize(ops.matmul(fixed, right))
        right = _normalize(ops.matmul(left, fixed))
        if training:
            self.direction.assign(right)
        # Gradients pass through the singular value, not through its vectors (equation 12).
        left, right = ops.stop_gradient(left), ops.stop_gradient(right)
        largest = ops.sum(left * ops.matmul(matrix, right))
        return kernel / ops.cast(largest, kernel.dtype)

    # Keras' layers store their kernel and bias by themselves, and nothing else.

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["direction"] = self.direction

    def load_own_variables(self, store):
        self.kernel.assign(store["0"])
        if self.use_bias:
            self.bias.assign(store["1"])
        self.direction.assign(store["direction"])


@keras.saving.register_keras_serializable("zoo")
class SpectralConv2D(SpectralKernel, Conv2D):
    """`keras.layers.Conv2D` whose kernel is divided by its largest singular value.

    The kernel (h, w, inputs, filters) counts as a matrix (h w inputs, filters).
    """

    def call(self, inputs, training=False):
        outputs = self.convolve(inputs, self.divided_kernel(training))
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable("zoo")
class SpectralDense(SpectralKernel, layers.Dense):
    """`keras.layers.Dense` whose kernel (inputs, units) is divided by its largest singular value.

    Example:

    ```python
    discriminator = keras.Sequential([SpectralDense(64, "relu"), SpectralDense(1)])
    ```
    """

    def call(self, inputs, training=False):
        outputs = ops.matmul(inputs, self.divided_kernel(training))
        if self.use_bias:
            outputs = outputs + self.bias
        return outputs if self.activation is None else self.activation(outputs)


class Normalizations:
    """Keras' `SpectralNormalization` layers in networks, at any depth.

    Found once, since Keras walks through all layers for it.
    """

    def __init__(self, *networks):
        self.layers = {
            id(network): [
                layer
                for layer in network._flatten_layers()
                if isinstance(layer, layers.SpectralNormalization)
            ]
            for network in networks
        }

    @contextlib.contextmanager
    def ahead(self, network):
        """Normalizes the kernels of a network once, and not again in the passes of the block."""
        found = self.layers[id(network)]
        for layer in found:
            _normalize_kernel(layer)
            layer.call = functools.partial(_call_as_it_is, layer)
        try:
            yield
        finally:
            for layer in found:
                del layer.call


def _normalize_kernel(layer):
    """Does what a call in training does ahead of the pass."""
    direction, kernel = ops.cond(
        ops.all(ops.equal(layer.kernel.value, 0)),
        lambda: (layer.vector_u.value, layer.kernel.value),
        layer.normalized_weights,
    )
    layer.vector_u.assign(ops.stop_gradient(direction))
    layer.kernel.assign(ops.stop_gradient(kernel))


def _call_as_it_is(layer, inputs, training=False):
    del training
    return type(layer).call(layer, inputs, training=False)


def _normalize(vector):
    return vector / (ops.norm(vector) + EPSILON)
