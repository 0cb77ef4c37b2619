"""Initial weights from NumPy: the same seed gives the same weights on every backend.

Keras' own initializers draw from the backend, whose numbers differ; on JAX each shape also costs a
compilation. Since every weight of a family comes from here, this is also where
`zoo.hub.loading` bounds the size of models that strangers describe.
"""

import contextlib
import contextvars
import math

import keras
import numpy as np

from zoo.errors import InvalidInputError

MAX_PARAMETERS = 100_000_000
"""Twenty times the largest model that ships; 400 MB in float32."""

_left = contextvars.ContextVar("parameters that may still be made", default=None)


@contextlib.contextmanager
def limited_parameters(limit=MAX_PARAMETERS):
    """Bounds the number of weights that are initialized within the block.

    A bound for configurations of strangers: `zoo.hub.loading` builds a model from a card within
    this block unless the configuration is the registered one. It raises before the memory is taken,
    and changes no model that stays below it.

    Args:
        limit: int, weights in all.

    Raises:
        InvalidInputError: From the initializer of the weight that exceeds the limit.
    """
    token = _left.set(limit)
    try:
        yield
    finally:
        _left.reset(token)


def count_parameters(shape):
    """Counts a weight that is about to be made, within `limited_parameters`."""
    left = _left.get()
    if left is None:
        return
    left -= math.prod(int(side) for side in shape)
    if left < 0:
        raise InvalidInputError(
            "The card's configuration, which isn't the registered one, asks for a model of more "
            f"than {MAX_PARAMETERS:,} weights. Received: a weight of shape {tuple(shape)}. Build "
            "it yourself if you trust it: zoo.load(NAME, weights=PATH, **configuration)"
        )
    _left.set(left)


class _NumPyInitializer(keras.initializers.Initializer):
    """Base of initializers that are functions of a shape and a NumPy generator."""

    def __init__(self, seed=None):
        # Drawn now if not given: a copy made from the configuration starts from the same numbers.
        self.seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed

    def __call__(self, shape, dtype=None):
        count_parameters(shape)
        values = self.draw(np.random.default_rng(self.seed), shape)
        return keras.ops.convert_to_tensor(np.asarray(values, "float32"), dtype=dtype)

    def draw(self, rng, shape):
        """Returns a float array of the shape."""
        raise NotImplementedError

    def get_config(self):
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class Normal(_NumPyInitializer):
    """Normal distribution of a mean and a standard deviation."""

    def __init__(self, mean=0.0, stddev=0.02, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, rng, shape):
        return self.mean + self.stddev * rng.standard_normal(shape)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class GlorotUniform(_NumPyInitializer):
    """Uniform distribution with the variance of Glorot & Bengio 2010.

    For kernels of shape `(..., inputs, outputs)`.
    """

    def draw(self, rng, shape):
        positions = np.prod(shape[:-2])
        limit = np.sqrt(6.0 / (positions * (shape[-2] + shape[-1])))
        return rng.uniform(-limit, limit, shape)


@keras.saving.register_keras_serializable("zoo")
class Constant(_NumPyInitializer):
    """One value everywhere: 0 for biases, 1 for variances."""

    def __init__(self, value=0.0):
        super().__init__(seed=0)
        self.value = value

    def draw(self, rng, shape):
        return np.full(shape, self.value)

    def get_config(self):
        return {"value": self.value}
