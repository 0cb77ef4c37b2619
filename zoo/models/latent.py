"""What models that draw from latents have in common, under classes or not."""

import keras
import numpy as np

from zoo.adversarial.base import AdversarialPair
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.latents import sample_latent
from zoo.models.batches import batch_slices
from zoo.models.drawing import draw_batches


class LatentModel(AdversarialPair):
    """What models that draw from latents have in common.

    Args:
        generator: built `keras.Model`.
        discriminator: built `keras.Model`.
        sample_shape: tuple, of one sample.
        latent_dim: number of latent variables.
        seed: int, for the latents drawn during training. `None` draws one.
        name: str.
    """

    def __init__(self, generator, discriminator, sample_shape, latent_dim, seed=None, name=None):
        super().__init__(generator, discriminator, sample_shape, seed=seed, name=name)
        self.latent_dim = latent_dim

    def draw_latents(self, batch_size):
        """Latents of a training step: float32 tensor (batch_size, latent_dim) from N(0, 1)."""
        return keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)

    def sample_latent(self, count, seed=None):
        """Latents for `generate`, the same numbers on every backend.

        Args:
            count: int, how many.
            seed: int, or `None` for fresh ones; a `numpy.random.Generator` goes on where it stands.

        Returns:
            float32 ndarray (count, latent_dim), from N(0, 1).
        """
        return sample_latent(count, self.latent_dim, seed)

    def sample_inputs(self, count, seed=None):
        """What the generator takes, drawn at random: a tuple of ndarrays, `count` rows each."""
        return (self.sample_latent(count, seed),)

    def draw_samples(self, inputs, batch_size):
        """`draw_batch` of many inputs; memory beyond the result stays flat in their number.

        Args:
            inputs: tuple of ndarrays (count, ...), what the generator takes.
            batch_size: int, samples per forward pass.

        Returns:
            ndarray (count, *sample_shape).
        """
        check_count("batch_size", batch_size)
        count = len(inputs[0])
        parts = list(batch_slices(count, batch_size))
        samples = None
        drawn = draw_batches(self, (tuple(item[part] for item in inputs) for part in parts))
        for part, batch in zip(parts, drawn, strict=True):
            if samples is None:
                samples = np.empty((count, *batch.shape[1:]), batch.dtype)
            samples[part] = batch
        return samples

    def latents_for(self, count, seed, latents):
        """The latents that `generate` is asked for, checked."""
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


def build_networks(generator, discriminator, latents, condition=None):
    """Creates all variables of two networks that fit each other.

    Args:
        generator: `keras.Model`.
        discriminator: `keras.Model`.
        latents: `keras.KerasTensor` (None, latent_dim), what the generator takes.
        condition: `keras.KerasTensor` that both networks take beside it, if any.

    Returns:
        The shape of a sample.

    Raises:
        InvalidInputError: if they don't.
    """

    def beside(inputs):
        return inputs if condition is None else [inputs, condition]

    try:
        # Symbolic, so that nothing is computed, nor compiled.
        samples = generator(beside(latents))
        logits = discriminator(beside(samples))
    except Exception as error:
        classes = "" if condition is None else f" and one-hot classes (batch, {condition.shape[1]})"
        raise InvalidInputError(
            f"`generator` must take latents of shape (batch, latent_dim){classes}, and "
            f"`discriminator` what it returns{classes}. With latent_dim={latents.shape[1]} they "
            f"failed with: {error}"
        ) from error
    shape = tuple(samples.shape[1:])
    if None in shape or logits.shape[:1] != (None,):
        raise InvalidInputError(
            "`generator` must make samples of one fixed shape, and `discriminator` keep the "
            f"batch axis. Received: samples {samples.shape}, logits {logits.shape}"
        )
    return shape
