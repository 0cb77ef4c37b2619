"""Initial weights from NumPy: the same seed gives the same weights on every backend.

Keras' own initializers draw from the backend, whose numbers differ; on JAX each shape also costs a
compilation.
"""

import keras
import numpy as np

from zoo.layers.parameter_limit import count_parameters


class _NumPyInitializer(keras.initializers.Initializer):
    """Base: a function of shape and a NumPy generator."""

    def __init__(self, seed=None):
        # Drawn now if not given: a copy made from the configuration starts from the same numbers.
        self.seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed

    def __call__(self, shape, dtype=None):
        count_parameters(shape)
        values = self.draw(np.random.default_rng(self.seed), shape)
        return keras.ops.convert_to_tensor(np.asarray(values, "float32"), dtype=dtype)

    def draw(self, rng, shape):
        """Float array of a shape."""
        raise NotImplementedError

    def get_config(self):
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class Normal(_NumPyInitializer):
    """N(mean, stddev)."""

    def __init__(self, mean=0.0, stddev=0.02, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, rng, shape):
        return self.mean + self.stddev * rng.standard_normal(shape)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class GlorotUniform(_NumPyInitializer):
    """Uniform, with the variance of Glorot & Bengio 2010, for kernels (..., inputs, outputs)."""

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
