"""Keras' layers, computed in the way that is fast on the current backend.

Each is the same function of the same weights as Keras' layer of its name, and can replace it in any
network. Configurations that have no fast way run Keras' own code.
"""

import keras
from keras import ops

from zoo import backend, distribution
from zoo.layers.convolution import convolve, convolve_transposed

RANDOM_VALUES = 2**16
"""Number of values of a random number of `backend.random_bits`."""
LEAST_EPSILON = 1.1e-5
"""Smallest epsilon that the kernels of TensorFlow and cuDNN apply as it is."""


@keras.saving.register_keras_serializable("zoo")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, by `zoo.layers.convolution` with "same" padding and channels last."""

    def build(self, input_shape):
        super().build(input_shape)
        backend.lay_out_kernel(self.kernel)

    def call(self, inputs):
        outputs = self.convolve(inputs, self.kernel)
        return outputs if self.activation is None else self.activation(outputs)

    def convolve(self, inputs, kernel):
        """Convolves with any kernel of the layer's shape, and adds the layer's bias."""
        bias = ops.convert_to_tensor(self.bias) if self.use_bias else None
        if _is_same(self):
            kernel = ops.convert_to_tensor(kernel)
            return convolve(inputs, kernel, self.strides, self.dilation_rate, bias)
        outputs = self.convolution_op(inputs, kernel)
        if bias is not None and self.data_format == "channels_first":
            bias = ops.reshape(bias, (1, -1, 1, 1))
        return outputs if bias is None else outputs + bias


@keras.saving.register_keras_serializable("zoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, by `zoo.layers.convolution` where padding is "same"."""

    def build(self, input_shape):
        super().build(input_shape)
        backend.lay_out_kernel(self.kernel)

    def call(self, inputs):
        plain = self.dilation_rate == (1, 1) and self.output_padding is None
        shrinks = any(k < s for k, s in zip(self.kernel_size, self.strides, strict=True))
        if not _is_same(self) or not plain or shrinks:
            return super().call(inputs)
        outputs = convolve_transposed(inputs, ops.convert_to_tensor(self.kernel), self.strides)
        if self.use_bias:
            outputs = outputs + self.bias
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable("zoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, whose gradient can be differentiated on every backend.

    On TensorFlow Keras stops the gradient of the mean inside the variance, which makes gradient
    penalties wrong. The speed is Keras': measured on one CPU core, with Keras' layer a step of the
    DCGAN at 28x28 takes 1.00 times as long on PyTorch and JAX and 1.01 times on TensorFlow, one of
    the dense GAN 1.02 times on PyTorch and 1.00 times on JAX.
    """

    def call(self, inputs, training=None, mask=None):
        plain = self.scale and self.center and not self.renorm and not self.synchronized
        plain = plain and not distribution.is_synchronized()
        # TensorFlow's kernel takes no other parameters, and Keras computes in float32 at least.
        plain = plain and self.epsilon >= LEAST_EPSILON and self.variable_dtype == "float32"
        last = self.axis in (-1, len(inputs.shape) - 1)
        if mask is not None or not plain or not last or (training and not self.trainable):
            return super().call(inputs, training=training, mask=mask)
        gamma, beta = ops.convert_to_tensor(self.gamma), ops.convert_to_tensor(self.beta)
        if not training:
            mean, variance = map(ops.convert_to_tensor, (self.moving_mean, self.moving_variance))
            outputs = backend.normalize(inputs, gamma, beta, mean, variance, self.epsilon)
            return ops.cast(outputs, self.compute_dtype)
        outputs, mean, variance = backend.batch_normalize(inputs, gamma, beta, self.epsilon)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            backend.move_toward(moving, value, 1.0 - self.momentum)
        return ops.cast(outputs, self.compute_dtype)


@keras.saving.register_keras_serializable("zoo")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, from 16 random bits a value: the rate is met to 1 in 131,072.

    Measured on one CPU core: with Keras' layer, a step of the DCGAN at 28x28 takes 1.12 times as
    long on PyTorch, and 1.03 times on TensorFlow; on JAX both are as fast.
    """

    def call(self, inputs, training=False):
        dropped = round(self.rate * RANDOM_VALUES)
        some = 0 < dropped < RANDOM_VALUES
        if not training or not some or self.noise_shape is not None:
            return super().call(inputs, training=training)
        bits = backend.random_bits(ops.shape(inputs), self.seed_generator)
        kept = ops.cast(bits >= dropped - RANDOM_VALUES // 2, inputs.dtype)
        return inputs * (kept * (RANDOM_VALUES / (RANDOM_VALUES - dropped)))


def _is_same(layer):
    return (
        layer.padding == "same"
        and layer.data_format == "channels_last"
        and getattr(layer, "groups", 1) == 1
    )
