"""Base of all hand-written loops: their interface, and batches from NumPy arrays."""

import numpy as np

VARIANTS = {"jax": ("jit",), "tensorflow": ("graph", "xla"), "torch": ("eager", "compile")}
"""Framework -> the ways of running a step in it."""

PRECISIONS = ("float32", "mixed_bfloat16")
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-7  # Adam's, the zoo's defaults


class NativeLoop:
    """Two networks, their optimizers and a step, which subclasses define; the rest is here.

    Args:
        config: dict, `model.config` of the zoo's model.
        generator_weights: float32 arrays, from `model.generator.get_weights()`.
        discriminator_weights: float32 arrays, from `model.discriminator.get_weights()`.
        variant: one of the framework's `VARIANTS`.
        precision: `"float32"`, or `"mixed_bfloat16"`: networks in bfloat16, but weights, batch
            statistics, images, logits, losses and the optimizer in float32.
        seed: int, for latents, dropout and the order of the images.

    Raises:
        ValueError: for an unknown precision.
    """

    def __init__(self, config, generator_weights, discriminator_weights, variant, precision, seed):
        check_name("precision", precision, PRECISIONS)
        self.config = config
        self.variant = variant
        self.mixed = precision == "mixed_bfloat16"
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.build(generator_weights, discriminator_weights)

    def build(self, generator_weights, discriminator_weights):
        """Creates the networks, the optimizers and the compiled functions."""
        raise NotImplementedError

    def put(self, *arrays):
        """Starts copying a batch to the device, and returns it in the form that `step` takes.

        Args:
            *arrays: uint8 images of shape `(batch, H, W, C)`, and masks if the loop takes any.
        """
        raise NotImplementedError

    def step(self, batch, draws=None):
        """Updates the discriminator, then the generator.

        Args:
            batch: result of `put`.
            draws: latents, float32 array of shape `(batch, latent_dim)`; `None` draws them.

        Returns:
            The discriminator's and the generator's loss: scalars on the device, possibly not
            computed yet.
        """
        raise NotImplementedError

    def generate(self, count, latents=None):
        """Draws images in inference mode.

        Args:
            count: number of images.
            latents: float32 array of shape `(count, latent_dim)`; `None` draws them.

        Returns:
            uint8 images of shape `(count, H, W, C)` on the device, possibly not computed yet.
        """
        raise NotImplementedError

    def read(self, array):
        """Returns an array of the device as a NumPy array."""
        raise NotImplementedError

    def synchronize(self):
        """Waits for all computations that were started."""
        raise NotImplementedError

    def run(self, images, batch_size, epochs=1, masks=None):
        """Trains on NumPy arrays in random order, and waits for the result.

        Args:
            images: uint8 array of shape `(N, H, W, C)`.
            batch_size: images per step; the last step of an epoch takes the rest.
            epochs: int.
            masks: bool array of shape `(N, H, W)`, for loops whose `put` takes masks.

        Returns:
            The losses of the last step, two floats; those of other steps are never read.
        """
        arrays = [images] if masks is None else [images, masks]
        for _ in range(epochs):
            order = self.rng.permutation(len(images))
            for start in range(0, len(images), batch_size):
                indices = order[start : start + batch_size]
                losses = self.step(self.put(*(array[indices] for array in arrays)))
        self.synchronize()
        return tuple(float(loss) for loss in losses)

    def sample(self, count, batch_size, latents=None):
        """Draws images in inference mode.

        Args:
            count: number of images.
            batch_size: images per forward pass.
            latents: float32 array of shape `(count, latent_dim)`; `None` draws them.

        Returns:
            uint8 array of shape `(count, H, W, C)`.
        """
        if latents is not None:
            starts = range(0, count, batch_size)
            pieces = [latents[start : start + batch_size] for start in starts]
            parts = [self.generate(len(piece), piece) for piece in pieces]
        else:
            # The last batch is full and cut afterwards: one shape, one compilation.
            parts = [self.generate(batch_size) for _ in range(-(-count // batch_size))]
        return np.concatenate([self.read(part) for part in parts])[:count]


def check_name(argument: str, name: str, names) -> None:
    """Raises `ValueError` unless `name` is one of `names`."""
    if name not in names:
        raise ValueError(
            f"`{argument}` must be one of {', '.join(map(repr, names))}. "
            f"Received: {argument}={name!r}"
        )
