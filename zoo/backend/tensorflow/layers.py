"""TensorFlow: what layers compute, by oneDNN's and cuDNN's kernels."""

import math

import tensorflow as tf
from keras import ops

from zoo.backend import keras_convolution
from zoo.backend.tensorflow import distribution

REPLICA_STRIDE = 1_013_904_223
"""Distance between the seeds of two replicas: odd, since they are taken modulo 2^31 - 1."""


def lay_out_kernel(variable):
    """Leaves a convolution's kernel as it is: compilers choose their own layout."""
    del variable


def convolve(inputs, kernel, strides, dilation_rate, bias):
    """Computes a convolution of (batch, height, width, channels), plus a bias unless `None`."""
    outputs = keras_convolution.convolve(inputs, kernel, strides, dilation_rate)
    return outputs if bias is None else tf.nn.bias_add(outputs, bias)


def convolve_transposed(inputs, kernel, strides):
    """Computes a transposed convolution of (batch, height, width, channels)."""
    return keras_convolution.convolve_transposed(inputs, kernel, strides)


def batch_normalize(inputs, gamma, beta, epsilon):
    """Returns normalized inputs, and mean and (biased) variance over all axes but the last."""
    x = inputs
    if x.shape.rank != 4:  # what the fused kernel takes
        x = tf.reshape(x, (-1, 1, 1, x.shape[-1]))
    count = tf.cast(tf.size(x) // tf.shape(x)[-1], gamma.dtype)
    x, mean, unbiased = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon)
    return tf.reshape(x, tf.shape(inputs)), mean, unbiased * ((count - 1) / count)


def normalize(inputs, gamma, beta, mean, variance, epsilon):
    """Returns inputs normalized by a given mean and variance."""
    inputs = ops.cast(inputs, gamma.dtype)
    return ops.batch_normalization(inputs, mean, variance, -1, beta, gamma, epsilon)


def move_toward(variable, value, share):
    """Replaces a share of a variable by a value: a moving average's update."""
    variable.assign(variable * (1.0 - share) + ops.stop_gradient(value) * share)


def random_bits(shape, seed_generator):
    """Draws an int16 tensor, uniform over all values, from a seed of Keras' `SeedGenerator`."""
    seed = seed_generator.next()
    number = tf.cast(distribution.replica()[0], seed.dtype)
    seed = seed + tf.stack([number * REPLICA_STRIDE, 0 * number])
    shape = tf.stack(shape)
    size = tf.reduce_prod(shape)
    # The kernels, and XLA, take seeds of 32 bits.
    seed = tf.cast(seed % tf.int32.max, tf.int32)
    words = tf.random.stateless_uniform(
        [(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32
    )
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.int16), [-1])[:size], shape)


def fourier_threshold():
    """Returns how many times fewer products make a convolution's Fourier form faster here."""
    return math.inf if tf.config.list_physical_devices("GPU") else 2.5
