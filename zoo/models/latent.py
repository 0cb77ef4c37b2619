"""The part that all models that draw from latents share, with classes or without."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend, distribution
from zoo.adversarial.base import BaseGAN
from zoo.checks import check_count, check_one_output
from zoo.errors import InvalidInputError
from zoo.latents import sample_latent
from zoo.models.drawing import batch_slices, draw_batches


class LatentModel(BaseGAN):
    """Base of the models that draw from latents.

    Args:
        generator: built `keras.Model`.
        discriminator: built `keras.Model`.
        sample_shape: tuple, of one sample.
        latent_dim: int, number of latent variables.
        seed: int, for the latents drawn during training. `None` draws one.
        name: str.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        sample_shape: tuple[int, ...],
        latent_dim: int,
        seed: int | None = None,
        name: str | None = None,
    ):
        super().__init__(generator, discriminator, sample_shape, seed=seed, name=name)
        self.latent_dim = latent_dim

    def call(self, inputs, training=False):
        """Returns samples (batch, *sample_shape) of what the generator takes."""
        return self.sampling_network()(inputs, training=training)

    def generator_input(self, batch):
        return distribution.own_rows(self.draw_latents, ops.shape(batch.real)[0])

    def draw_latents(self, batch_size):
        """Draws latents of a training step: float32 tensor (batch_size, latent_dim), N(0, 1)."""
        shape = (batch_size, self.latent_dim)
        return keras.random.normal(shape, dtype="float32", seed=self.seed_generator)

    def sample_latent(
        self,
        count: int,
        seed=None,
        truncation: float | None = None,
        psi: float | None = None,
    ) -> np.ndarray:
        """Draws latents for `generate`, the same numbers on every backend.

        Args:
            count: int, how many.
            seed: int, or `None` for fresh ones; a `numpy.random.Generator` continues its stream.
            truncation: float over 0, the largest distance of a number from 0; see
                `zoo.latents.sample_latent`.
            psi: float in (0, 1] that the latents are scaled by; see there.

        Returns:
            float32 array of shape `(count, latent_dim)`, from N(0, 1).
        """
        return sample_latent(count, self.latent_dim, seed, truncation, psi)

    def sample_inputs(self, count: int, seed=None) -> tuple[np.ndarray, ...]:
        """Draws what the generator takes: arrays of `count` rows each."""
        return (self.sample_latent(count, seed),)

    def draw_batch(self, *inputs):
        """Returns a batch of what `generate` returns, from what the generator takes."""
        inputs = list(inputs) if len(inputs) > 1 else inputs[0]
        samples = backend.call_network(self.sampling_network(), inputs, training=False)
        return self.coding.decode(samples)

    def draw_samples(self, inputs, batch_size: int) -> np.ndarray:
        """Draws samples from many inputs; memory beyond the result doesn't grow with their number.

        Args:
            inputs: tuple of arrays of shape `(count, ...)`, what the generator takes.
            batch_size: int, samples per forward pass.

        Returns:
            Array of shape `(count, *sample_shape)`.
        """
        check_count("batch_size", batch_size)
        count = len(inputs[0])
        parts = list(batch_slices(count, batch_size))
        samples: Any = None
        drawn = draw_batches(self, (tuple(item[part] for item in inputs) for part in parts))
        for part, batch in zip(parts, drawn, strict=True):
            if samples is None:
                samples = np.empty((count, *batch.shape[1:]), batch.dtype)
            samples[part] = batch
        return samples

    def latents_for(self, count, seed, latents, **truncation):
        """Returns the latents that `generate` draws from, checked."""
        given = {name: value for name, value in truncation.items() if value is not None}
        if latents is None:
            check_count("count", count)
            return self.sample_latent(count, seed, **given)  # which can be one of a subclass
        if given:
            name = next(iter(given))
            raise InvalidInputError(
                f"`{name}` is of latents to draw. Received: {name} and `latents`"
            )
        if count is not None or seed is not None:
            raise InvalidInputError("Pass `count` and `seed`, or `latents`; not both.")
        shape = tuple(getattr(latents, "shape", ()))
        if len(shape) != 2 or shape[0] < 1 or shape[1] != self.latent_dim:
            raise InvalidInputError(
                f"`latents` must be an array of shape (count, {self.latent_dim}). "
                f"Received: shape {shape}"
            )
        return latents

    def get_config(self) -> dict:
        return {**super().get_config(), "latent_dim": self.latent_dim}


def build_networks(generator, discriminator, latents, condition=None):
    """Creates all variables of two networks, and checks that the networks fit each other.

    Args:
        generator: `keras.Model`.
        discriminator: `keras.Model`.
        latents: `keras.KerasTensor` (None, latent_dim), what the generator takes.
        condition: `keras.KerasTensor` that both networks take beside it, if any.

    Returns:
        The shape of a sample.

    Raises:
        InvalidInputError: if the networks don't fit each other.
    """

    def beside(inputs):
        return inputs if condition is None else [inputs, condition]

    try:
        # Symbolic, so that nothing is computed, nor compiled.
        samples = generator(beside(latents))
        check_one_output(generator=samples)
        logits = discriminator(beside(samples))
    except InvalidInputError:
        raise
    except Exception as error:
        classes = "" if condition is None else f" and one-hot classes (batch, {condition.shape[1]})"
        raise InvalidInputError(
            f"`generator` must take latents of shape (batch, latent_dim){classes}, and "
            f"`discriminator` what it returns{classes}. With latent_dim={latents.shape[1]} they "
            f"failed with: {error}"
        ) from error
    check_one_output(discriminator=logits)
    shape = tuple(samples.shape[1:])
    if None in shape or logits.shape[:1] != (None,):
        raise InvalidInputError(
            "`generator` must make samples of one fixed shape, and `discriminator` keep the "
            f"batch axis. Received: samples {samples.shape}, logits {logits.shape}"
        )
    return shape
