"""JAX: what layers compute, XLA's way."""

import math

import jax
from jax import numpy as jnp
from keras import ops

from zoo.backend import keras_convolution
from zoo.backend.jax import convolution, distribution

REPLICA_STRIDE = 1_013_904_223
"""Between the seeds of two replicas' dropout."""


def lay_out_kernel(variable):
    """Leaves a convolution's kernel as it is: compilers choose their own layout."""
    del variable


def convolve(inputs, kernel, strides, dilation_rate, bias):
    """Computes a convolution of (batch, height, width, channels), plus a bias unless `None`."""
    _, height, width, _ = inputs.shape
    whole = height % strides[0] == 0 and width % strides[1] == 0
    if _on_cpu() and max(strides) > 1 and whole:
        outputs = convolution.convolve(inputs, kernel, strides)
    else:
        outputs = keras_convolution.convolve(inputs, kernel, strides, dilation_rate)
    return outputs if bias is None else outputs + bias


def convolve_transposed(inputs, kernel, strides):
    """Computes a transposed convolution of (batch, height, width, channels)."""
    if _on_cpu():
        return convolution.convolve_transposed(inputs, kernel, strides)
    return keras_convolution.convolve_transposed(inputs, kernel, strides)


def batch_normalize(inputs, gamma, beta, epsilon):
    """Returns normalized inputs, and mean and (biased) variance over all axes but the last."""
    # Keras' formula. That of `keras.ops` rounds in another way: trainings would not repeat.
    x = inputs.astype(gamma.dtype)
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    variance = jnp.mean(jnp.square(x - mean), axes)
    scale = jax.lax.rsqrt(variance + epsilon) * gamma
    return x * scale + (beta - mean * scale), mean, variance


def normalize(inputs, gamma, beta, mean, variance, epsilon):
    """Returns inputs normalized by a given mean and variance."""
    inputs = ops.cast(inputs, gamma.dtype)
    return ops.batch_normalization(inputs, mean, variance, -1, beta, gamma, epsilon)


def move_toward(variable, value, share):
    """Replaces a share of a variable by a value: a moving average's update."""
    variable.assign(variable * (1.0 - share) + ops.stop_gradient(value) * share)


def random_bits(shape, seed_generator):
    """Draws an int16 tensor, uniform over all values, from a seed of Keras' `SeedGenerator`."""
    number = jnp.asarray(distribution.replica()[0], "uint32")
    seed = seed_generator.next() + jnp.stack([number * jnp.uint32(REPLICA_STRIDE), 0 * number])
    size = math.prod(shape)
    # Half as many words as values. Another generator would change what a seed draws, and with it
    # where an interrupted run with dropout ends.
    _, words = jax.lax.rng_bit_generator(
        jnp.concatenate([seed, seed]),
        (-(-size // 2),),
        "uint32",
        algorithm=jax.lax.RandomAlgorithm.RNG_PHILOX,
    )
    return jax.lax.bitcast_convert_type(words, "int16").reshape(-1)[:size].reshape(shape)


def fourier_threshold():
    """Returns how many times fewer products make a convolution's Fourier form faster here."""
    return 1.9 if _on_cpu() else math.inf


def _on_cpu():
    return jax.default_backend() == "cpu"
