"""From latents to samples: a generator of latents, trained and drawn from."""

import keras
import numpy as np

from zoo import backend
from zoo.adversarial import AdversarialPair
from zoo.batches import batch_slices
from zoo.checks import check_count
from zoo.drawing import draw_batches
from zoo.errors import InvalidInputError
from zoo.latents import sample_latent


@keras.saving.register_keras_serializable("zoo")
class AdversarialModel(AdversarialPair):
    """A generator and a discriminator that train against each other (Goodfellow et al. 2014).

    Takes anybody's Keras networks, on data of any shape. Everything of `fit` works: callbacks,
    `validation_data`, `jit_compile`, mixed precision, NumPy arrays, `tf.data`, torch `DataLoader`
    and `PyDataset` inputs.

    Args:
        generator: `keras.Model`, latents (batch, latent_dim) -> samples (batch, ...).
        discriminator: `keras.Model`, samples (batch, ...) -> logits (batch, ...), real over fake.
            No sigmoid at its end: the losses are written on logits.
        latent_dim: number of latent variables, drawn from N(0, 1).
        seed: int, for the latents drawn during training. `None` draws one.

    Raises:
        InvalidInputError: if the networks don't fit each other.

    Example:

    ```python
    layers = keras.layers
    generator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(1)])
    gan = zoo.AdversarialModel(generator, discriminator, latent_dim=2)
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    gan.fit(points, batch_size=256, epochs=10)      # points: float32 (N, 2)
    gan.generate(1000, seed=0)                      # float32 (1000, 2)
    ```
    """

    def __init__(self, generator, discriminator, latent_dim, seed=None, name=None):
        check_count("latent_dim", latent_dim)
        shape = _build_networks(generator, discriminator, latent_dim)
        super().__init__(generator, discriminator, shape, seed=seed, name=name)
        self.latent_dim = latent_dim

    def call(self, latents, training=False):
        """Samples (batch, *sample_shape) of latents (batch, latent_dim)."""
        return self.sampling_network()(latents, training=training)

    def generate_like(self, batch, training=True):
        """As many generated samples as there are real ones, from fresh latents."""
        latents = self.draw_latents(keras.ops.shape(batch.real)[0])
        return backend.call_network(self.generator, latents, training)

    def draw_latents(self, batch_size):
        """Latents of a training step: float32 tensor (batch_size, latent_dim) from N(0, 1)."""
        return keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)

    def symbolic_inputs(self):
        """`keras.KerasTensor` of latents."""
        return keras.KerasTensor((None, self.latent_dim))

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
        parts = list(batch_slices(len(latents), batch_size))
        samples = None
        drawn = draw_batches(self, ((latents[part],) for part in parts))
        for part, batch in zip(parts, drawn, strict=True):
            if samples is None:
                samples = np.empty((len(latents), *batch.shape[1:]), batch.dtype)
            samples[part] = batch
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

    def draw_batch(self, latents):
        """A batch of what `generate` returns, of latents (batch, latent_dim)."""
        return self.decode(backend.call_network(self.sampling_network(), latents, training=False))

    def decode(self, samples):
        """What the generator makes -> what `generate` returns; the identity here."""
        return samples

    def preview(self, images, count, seed=0):
        """Samples that show how far training is; real `images` are of no use here."""
        del images
        return self.generate(count, seed=seed)

    def get_config(self):
        """Both networks, for `.keras` files."""
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent_dim": self.latent_dim,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("generator", "discriminator"):
            if key in config:
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects=custom_objects
                )
        return cls(**config)


def _build_networks(generator, discriminator, latent_dim):
    """Creates all variables; returns the shape of a sample."""
    try:
        # Symbolic, so that nothing is computed, nor compiled.
        samples = generator(keras.KerasTensor((None, latent_dim)))
        logits = discriminator(samples)
    except Exception as error:
        raise InvalidInputError(
            "`generator` must take latents of shape (batch, latent_dim) and `discriminator` "
            f"what it returns. With latent_dim={latent_dim} they failed with: {error}"
        ) from error
    shape = tuple(samples.shape[1:])
    if None in shape or logits.shape[:1] != (None,):
        raise InvalidInputError(
            "`generator` must make samples of one fixed shape, and `discriminator` keep the "
            f"batch axis. Received: samples {samples.shape}, logits {logits.shape}"
        )
    return shape
