"""Gradient penalties: gradients inside of a loss that is differentiated itself."""

import keras
from keras import ops

from zoo import backend, distribution


def logits_and_gradient(discriminate, samples):
    """Returns logits, and the gradient of their sum by the samples, from one forward pass.

    Args:
        discriminate: a function from samples to float32 logits.
        samples: float32 tensor (batch, ...).

    Returns:
        Logits (batch, ...) and a gradient of the samples' shape, itself differentiable.
    """

    def summed(samples):
        logits = discriminate(samples)
        return ops.sum(logits), logits

    (_, logits), gradient = backend.input_gradient(summed, samples, differentiable=True)
    return logits, gradient


def squared_norm(gradient):
    """Returns the squared Euclidean norm of each sample's gradient: (batch, ...) -> (batch,)."""
    if keras.backend.standardize_dtype(gradient.dtype) != "float64":
        gradient = ops.cast(gradient, "float32")
    return ops.sum(ops.square(gradient), axis=tuple(range(1, len(gradient.shape))))


def unit_norm_penalty(discriminate, real, fake, seed):
    """Averages (|gradient| - 1)^2 on lines between real and fake (Gulrajani et al. 2017, eq. 3).

    Args:
        discriminate: a function from samples to float32 logits.
        real: float32 tensor (batch, ...).
        fake: float32 tensor of the same shape.
        seed: `keras.random.SeedGenerator`, for the points between.

    Returns:
        A scalar.
    """

    def draw(count):
        shape = (count,) + (1,) * (len(real.shape) - 1)
        return keras.random.uniform(shape, dtype=real.dtype, seed=seed)

    position = distribution.own_rows(draw, ops.shape(real)[0])
    between = real + position * (fake - real)
    _, gradient = logits_and_gradient(discriminate, between)
    # The root's derivative is infinite at 0, which a dead discriminator reaches.
    norm = ops.sqrt(squared_norm(gradient) + 1e-12)
    return ops.mean(ops.square(norm - 1.0))


def r1_penalty(gradient):
    """Returns half the mean squared norm of the real gradients (Mescheder et al. 2018, eq. 9)."""
    return 0.5 * ops.mean(squared_norm(gradient))
