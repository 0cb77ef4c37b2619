"""Drawing samples: from latents through a generator to arrays."""

import keras
import numpy as np

from zoo import backend
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.latents import sample_latent


class GenerativeModel(keras.Model):
    """A Keras model around a generator, with a moving average of it if one is kept.

    Args:
        generator: `keras.Model`, latents (batch, latent_dim) -> samples (batch, ...).
        latent_dim: number of latent variables, drawn from N(0, 1).
        name: str.
    """

    def __init__(self, generator, latent_dim, name=None):
        super().__init__(name=name)
        check_count("latent_dim", latent_dim)
        self.latent_dim = latent_dim
        self.generator = generator
        self.average_generator = None

    def call(self, latents, training=False):
        """Samples (batch, *sample_shape) of latents (batch, latent_dim)."""
        return self.sampling_network()(latents, training=training)

    def sampling_network(self):
        """The generator that `generate` uses: the moving average, if one is kept."""
        return self.generator if self.average_generator is None else self.average_generator

    def sample_latent(self, count, seed=None):
        """Latents for `generate`, the same numbers on every backend.

        Args:
            count: int, how many.
            seed: int, or `None` for fresh ones.

        Returns:
            float32 ndarray (count, latent_dim), from N(0, 1).
        """
        return sample_latent(count, self.latent_dim, seed)

    def generate(self, count=None, seed=None, *, latents=None, batch_size=128):
        """Draws samples.

        Memory beyond the result stays flat in `count`.

        Args:
            count: int, how many.
            seed: int. The same seed gives the same samples, on every backend; the first of many
                are the same as few. `None` draws fresh ones.
            latents: float array (count, latent_dim) to use in place of `count` and `seed`.
            batch_size: int, samples per forward pass.

        Returns:
            ndarray (count, *sample_shape).

        Raises:
            InvalidInputError: for a count that isn't a positive integer, or wrong latents.

        Example:

        ```python
        images = zoo.load("dcgan_mnist").generate(64, seed=0)     # uint8 (64, 28, 28, 1)
        ```
        """
        check_count("batch_size", batch_size)
        latents = self._latents_for(count, seed, latents)
        backend.synchronize(self)
        network = self.sampling_network()
        count, batch_size = len(latents), min(len(latents), batch_size)
        samples = None
        for start in range(0, count, batch_size):
            # The last batch is filled up with the ones before it: one shape, one compilation.
            stop = min(start + batch_size, count)
            batch = self.decode(network.predict_on_batch(latents[stop - batch_size : stop]))
            if samples is None:
                samples = np.empty((count, *batch.shape[1:]), batch.dtype)
            samples[stop - batch_size : stop] = batch
        return samples

    def _latents_for(self, count, seed, latents):
        if latents is None:
            check_count("count", count)
            return self.sample_latent(count, seed)
        if count is not None or seed is not None:
            raise InvalidInputError("Pass `count` and `seed`, or `latents`; not both.")
        shape = tuple(getattr(latents, "shape", ()))
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.latent_dim:
            raise InvalidInputError(
                f"`latents` must be an array of shape (count, {self.latent_dim}). "
                f"Received: shape {shape}"
            )
        return latents

    def decode(self, samples):
        """What the generator makes -> what `generate` returns; the identity here."""
        return samples
