"""Training loops as an expert would write them by hand, without Keras: the zoo's measure.

One file per framework, with one class `Loop` in each: the 28x28 DCGAN as
`zoo.DCGAN(image_shape=(28, 28, 1), kernel_size=5)` is, the non-saturating loss, Adam, and one
forward pass of the generator per step. The width follows from the weights.
"""

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-7  # Adam's
MOMENTUM, VARIANCE_EPSILON = 0.9, 1e-3  # of batch normalization; the moving statistics keep 0.9
NEGATIVE_SLOPE = 0.2
GRID = 7  # side of the smallest feature map

NORMALIZATION = ("gamma", "beta", "mean", "variance")
GENERATOR = [
    "projection",
    *(f"{name}1" for name in NORMALIZATION),
    "kernel1",
    *(f"{name}2" for name in NORMALIZATION),
    "kernel2",
    *(f"{name}3" for name in NORMALIZATION),
    "kernel3",
    "bias3",
]
"""Names of the generator's weights, in the order of Keras' `get_weights()`."""

DISCRIMINATOR = ["kernel1", "bias1", "kernel2", "bias2", "kernel3", "bias3"]
"""Names of the discriminator's weights, in the same order."""


class NativeLoop:
    """What the three loops have in common: their signatures, and batches from a NumPy array.

    Args:
        generator_weights: float32 ndarrays, as `model.generator.get_weights()` returns them.
        discriminator_weights: likewise.
        dropout: float, rate after each of the discriminator's convolutions.
        seed: int, for latents, dropout and the order of the images.
    """

    def __init__(self, generator_weights, discriminator_weights, dropout=0.3, seed=0):
        self.dropout = dropout
        self.rng = np.random.default_rng(seed)
        generator = dict(zip(GENERATOR, generator_weights, strict=True))
        moving = [name for name in GENERATOR if name.startswith(("mean", "variance"))]
        statistics = {name: generator.pop(name) for name in moving}
        discriminator = dict(zip(DISCRIMINATOR, discriminator_weights, strict=True))
        self.build(generator, statistics, discriminator, seed)

    def build(self, generator, statistics, discriminator, seed):
        """Makes the loop's state of arrays by name; `statistics` are the moving ones."""
        raise NotImplementedError

    def step(self, images, latents=None):
        """Updates the discriminator, then the generator.

        Args:
            images: uint8 ndarray (batch, 28, 28, 1).
            latents: float32 ndarray (batch, latent_dim); `None` draws them.

        Returns:
            The discriminator's and the generator's loss: scalars that may not be computed yet.
        """
        raise NotImplementedError

    def synchronize(self, arrays=None):
        """Waits until arrays of the framework are computed; by default, the loop's own state."""
        raise NotImplementedError

    def run(self, images, batch_size, epochs=1):
        """Trains on uint8 images (N, 28, 28, 1) in random order, and waits for the result.

        Returns:
            The losses of the last step, as two floats. No step before it is read on the host.
        """
        for _ in range(epochs):
            order = self.rng.permutation(len(images))
            for start in range(0, len(images), batch_size):
                losses = self.step(images[order[start : start + batch_size]])
        self.synchronize()
        return tuple(float(loss) for loss in losses)
