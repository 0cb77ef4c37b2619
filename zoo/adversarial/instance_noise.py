"""Fading noise on what a discriminator sees (Sønderby et al. 2017)."""

import keras
from keras import ops

from zoo import distribution
from zoo.checks import check_count, check_weight


class InstanceNoise:
    """Adds Gaussian noise to all that a discriminator sees in training, real and generated.

    Early on, real and generated samples share no support, and a discriminator that separates them
    perfectly gives no gradient; noise makes them overlap (Sønderby et al. 2017, Amortised MAP
    Inference for Image Super-resolution, arXiv:1610.04490; Arjovsky & Bottou 2017,
    arXiv:1701.04862).

    Args:
        stddev: float of at least 0, standard deviation at the start, in the samples' own units:
            images are in the generator's range, [-1, 1] or [0, 1].
        steps: int, generator updates over which it falls linearly to 0; `None` keeps it constant.

    Raises:
        InvalidInputError: for a number out of range.

    Example:

    ```python
    noise = InstanceNoise(0.1, steps=10_000)
    samples = keras.ops.zeros((8, 2))
    shown = noise(samples, model.optimizer.iterations, keras.random.SeedGenerator(0))
    ```
    """

    def __init__(self, stddev: float, steps: int | None = None):
        check_weight("instance_noise", stddev)
        if steps is not None:
            check_count("instance_noise_steps", steps)
        self.stddev, self.steps = stddev, steps

    def __call__(self, samples, iterations, seed):
        """Returns the samples with noise.

        Args:
            samples: float tensor (batch, ...).
            iterations: integer tensor, the generator's updates so far.
            seed: `keras.random.SeedGenerator`.

        Returns:
            Tensor of the samples' shape and type.
        """

        def draw(count):
            shape = (count, *ops.shape(samples)[1:])
            return keras.random.normal(shape, dtype="float32", seed=seed)

        noise = distribution.own_rows(draw, ops.shape(samples)[0])
        noise = noise * self.strength(iterations)
        return samples + ops.cast(noise, samples.dtype)

    def strength(self, iterations):
        """Returns the standard deviation after this many updates."""
        if self.steps is None:
            return self.stddev
        left = 1.0 - ops.cast(iterations, "float32") / self.steps
        return self.stddev * ops.maximum(left, 0.0)
