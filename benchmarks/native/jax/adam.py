"""Adam on trees of arrays."""

import jax
import jax.numpy as jnp

from benchmarks.native.base import BETA_1, BETA_2, EPSILON, LEARNING_RATE
from benchmarks.native.jax.packing import Packing


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
    count = count.astype("float32")
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)

    def change(weight, gradient, first, second):
        first = first + (gradient - first) * (1 - BETA_1)
        second = second + (gradient * gradient - second) * (1 - BETA_2)
        return weight - rate * first / (jnp.sqrt(second) + EPSILON), first, second

    packing = Packing(weights)  # all vectors take one kernel
    changed = map(change, *map(packing.pack, (weights, gradients, *moments)))
    weights, *moments = map(packing.unpack, zip(*changed, strict=True))
    return weights, tuple(moments)
