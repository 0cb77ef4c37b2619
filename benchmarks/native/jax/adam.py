"""Adam on trees of arrays."""

import jax
import jax.numpy as jnp

from benchmarks.native.base import BETA_1, BETA_2, EPSILON, LEARNING_RATE


def init(weights):
    """Returns the initial moments: zeros, trees like `weights`."""
    return jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights)


def update(weights, gradients, moments, count):
    """Returns an update of Kingma & Ba 2015, in the faster form at the end of their section 2.

    Args:
        weights: tree of float32 arrays.
        gradients: tree like it.
        moments: from `init` or the last update.
        count: int scalar, number of updates, this one included.

    Returns:
        New weights and moments.
    """
    first, second = moments
    count = count.astype("float32")
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - BETA_1), first, gradients)
    second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - BETA_2), second, gradients)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second
    )
    return weights, (first, second)
