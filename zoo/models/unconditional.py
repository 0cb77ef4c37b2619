"""From latents to samples: a generator of latents, trained and drawn from."""

import keras

from zoo import backend
from zoo.checks import check_count
from zoo.models.latent import LatentModel, build_networks


@keras.saving.register_keras_serializable("zoo")
class AdversarialModel(LatentModel):
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
        shape = build_networks(generator, discriminator, keras.KerasTensor((None, latent_dim)))
        super().__init__(generator, discriminator, shape, latent_dim, seed=seed, name=name)

    def call(self, latents, training=False):
        """Samples (batch, *sample_shape) of latents (batch, latent_dim)."""
        return self.sampling_network()(latents, training=training)

    def generate_like(self, batch, training=True):
        """As many generated samples as there are real ones, from fresh latents."""
        latents = self.draw_latents(keras.ops.shape(batch.real)[0])
        return backend.call_network(self.generator, latents, training)

    def symbolic_inputs(self):
        """`keras.KerasTensor` of latents."""
        return keras.KerasTensor((None, self.latent_dim))

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
        return self.draw_samples((self.latents_for(count, seed, latents),), batch_size)

    def draw_batch(self, latents):
        """A batch of what `generate` returns, of latents (batch, latent_dim)."""
        return self.decode(backend.call_network(self.sampling_network(), latents, training=False))

    def preview(self, images, count, seed=0):
        """Samples that show how far training is; real `images` are of no use here."""
        del images
        return self.generate(count, seed=seed)
