"""What all hand-written loops have in common: their signatures, and batches from NumPy arrays."""

import numpy as np

VARIANTS = {"jax": ("jit",), "tensorflow": ("graph", "xla"), "torch": ("eager", "compile")}
"""Framework -> the ways to run a step in it."""

PRECISIONS = ("float32", "mixed_bfloat16")
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-7  # Adam's, the zoo's defaults


class NativeLoop:
    """Two networks, their optimizers, and a step; the rest of a loop is written here.

    Args:
        config: dict, `model.config` of the zoo's model.
        generator_weights: float32 ndarrays, as `model.generator.get_weights()` returns them.
        discriminator_weights: likewise.
        variant: one of the framework's `VARIANTS`.
        precision: `"float32"`, or `"mixed_bfloat16"`: networks in bfloat16, but weights, batch
            statistics, images, logits, losses and the optimizer in float32.
        seed: int, for latents, dropout and the order of the images.
    """

    def __init__(self, config, generator_weights, discriminator_weights, variant, precision, seed):
        if precision not in PRECISIONS:
            raise ValueError(
                f"`precision` must be one of {', '.join(PRECISIONS)}. Received: {precision!r}"
            )
        self.config = config
        self.variant = variant
        self.mixed = precision == "mixed_bfloat16"
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.build(generator_weights, discriminator_weights)

    def build(self, generator_weights, discriminator_weights):
        """Makes the networks, the optimizers and whatever is compiled."""
        raise NotImplementedError

    def put(self, *arrays):
        """ndarrays of one batch, uint8 images (batch, H, W, C) first -> what `step` takes.

        On the device; the copy may still be under way.
        """
        raise NotImplementedError

    def step(self, batch, draws=None):
        """Updates the discriminator, then the generator.

        Args:
            batch: what `put` made.
            draws: float32 ndarray (batch, latent_dim), the latents; `None` draws them.

        Returns:
            The discriminator's and the generator's loss: scalars on the device that may not be
            computed yet.
        """
        raise NotImplementedError

    def generate(self, count, latents=None):
        """Images in inference mode: uint8 (count, H, W, C) on the device, maybe not computed yet.

        Args:
            count: int, how many.
            latents: float32 ndarray (count, latent_dim); `None` draws them.
        """
        raise NotImplementedError

    def read(self, array):
        """An array of the device -> ndarray."""
        raise NotImplementedError

    def synchronize(self):
        """Waits until everything that was asked for is computed."""
        raise NotImplementedError

    def run(self, images, batch_size, epochs=1, masks=None):
        """Trains on NumPy arrays in random order, and waits for the result.

        Args:
            images: uint8 ndarray (N, H, W, C).
            batch_size: int, images per step; the last step of an epoch takes what is left.
            epochs: int.
            masks: bool ndarray (N, H, W, 1), for loops whose `put` takes masks.

        Returns:
            The losses of the last step, as two floats. No step before it is read on the host.
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
            count: int, how many.
            batch_size: int, images per forward pass.
            latents: float32 ndarray (count, latent_dim); `None` draws them.

        Returns:
            uint8 ndarray (count, H, W, C).
        """
        if latents is not None:
            starts = range(0, count, batch_size)
            pieces = [latents[start : start + batch_size] for start in starts]
            parts = [self.generate(len(piece), piece) for piece in pieces]
        else:
            # A full last batch, cut afterwards: one shape, one compilation.
            parts = [self.generate(batch_size) for _ in range(-(-count // batch_size))]
        return np.concatenate([self.read(part) for part in parts])[:count]
