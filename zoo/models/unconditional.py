"""A GAN of any two Keras networks, which draws samples from latents."""

import keras
import numpy as np

from zoo.checks import check_count
from zoo.models.latent import LatentModel, build_networks


@keras.saving.register_keras_serializable("zoo")
class AdversarialModel(LatentModel):
    """A generator and a discriminator that train against each other (Goodfellow et al. 2014).

    Takes any Keras networks, for data of any shape. All of `fit` works: callbacks,
    `validation_data`, `jit_compile`, mixed precision, NumPy arrays, `tf.data`, torch `DataLoader`
    and `PyDataset` inputs.

    Args:
        generator: `keras.Model`, latents (batch, latent_dim) -> samples (batch, ...).
        discriminator: `keras.Model`, samples (batch, ...) -> logits (batch, ...), real over fake.
            No sigmoid at its end: the losses are written on logits.
        latent_dim: int, number of latent variables, drawn from N(0, 1).
        seed: int, for the latents drawn during training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: if the networks don't fit each other.

    Example:

    ```python
    points = np.random.default_rng(0).normal(size=(512, 2))  # yours
    layers = keras.layers
    generator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(1)])
    gan = zoo.AdversarialModel(generator, discriminator, latent_dim=2)
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    gan.fit(points, batch_size=256, epochs=1)
    samples = gan.generate(1000, seed=0)  # float32 array of shape (1000, 2)
    ```
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_dim: int,
        seed: int | None = None,
        name: str | None = None,
    ):
        check_count("latent_dim", latent_dim)
        shape = build_networks(generator, discriminator, keras.KerasTensor((None, latent_dim)))
        super().__init__(generator, discriminator, shape, latent_dim, seed=seed, name=name)

    def symbolic_inputs(self):
        return keras.KerasTensor((None, self.latent_dim))

    def generate(
        self,
        count: int | None = None,
        seed: int | None = None,
        *,
        latents=None,
        truncation: float | None = None,
        psi: float | None = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Draws samples.

        Memory beyond the result does not grow with `count`.

        Args:
            count: int, how many.
            seed: int. The same seed gives the same samples on every backend, and a larger count
                only adds to them. `None` draws fresh ones.
            latents: float array of shape `(count, latent_dim)` to use in place of `count` and
                `seed`.
            truncation: float over 0: latents have no number further from 0, for samples that are
                more alike; see `zoo.latents.sample_latent`. `None` keeps all.
            psi: float in (0, 1]: latents are scaled by it toward their mean, 0, for samples that
                are more alike. `None` leaves them.
            batch_size: int, samples per forward pass.

        Returns:
            Array of shape `(count, *sample_shape)`: uint8 images, or what the generator makes.

        Raises:
            InvalidInputError: for a count that isn't a positive integer, or wrong latents.

        Example:

        ```python
        images = zoo.load("dcgan_mnist").generate(64, seed=0)  # uint8 (64, 28, 28, 1)
        ```
        """
        latents = self.latents_for(count, seed, latents, truncation=truncation, psi=psi)
        return self.draw_samples((latents,), batch_size)

    def preview(self, images, count: int, seed: int | None = 0) -> np.ndarray:
        """Returns samples that show the progress of training; real `images` are not used."""
        del images
        return self.generate(count, seed=seed)
