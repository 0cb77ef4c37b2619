"""The inpainting GAN as an expert would write it by hand in each framework, without Keras.

One file per framework, each with a class `Loop`: the network, the losses and the step of
`zoo.InpaintingGAN` as it is compiled by default, with hinge loss, L1 reconstruction, spectral
normalization, and one forward pass of the generator for both updates. Nothing is computed twice:
the first guess has no weights, so nothing is differentiated through it, and the largest singular
value is the norm that the power iteration divides by.
"""

import collections

import numpy as np

from benchmarks.native.base import NativeLoop

NEGATIVE_SLOPE = 0.2
HOLE_WEIGHT, KNOWN_WEIGHT, ADVERSARIAL_WEIGHT = 1.0, 0.2, 0.01  # of the generator's losses
LEVELS = 6  # halvings of the first guess
GUESS_EPSILON, NORM_EPSILON = 1e-6, 1e-12
FIXED = ("first_guess", "gated", "skip_connections", "spectral_norm")
"""Options of `zoo.InpaintingGAN` that the loops require."""


class InpaintingLoop(NativeLoop):
    """A `NativeLoop` of images and masks (batch, H, W), True where a pixel is missing.

    `put` takes both. Nothing is drawn: `step` ignores `draws`.

    Args:
        config: `model.config` of a `zoo.InpaintingGAN`.
        generator_weights: float32 arrays, from `model.generator.get_weights()`.
        discriminator_weights: float32 arrays, from `model.discriminator.get_weights()`.
        variant: how the framework runs the step, one of its `VARIANTS`.
        precision: "float32" or "mixed_bfloat16".
        seed: int, for the order of the images.

    Raises:
        ValueError: for an architecture that the loop doesn't support, or an unknown precision.
    """

    def __init__(
        self,
        config,
        generator_weights,
        discriminator_weights,
        variant,
        precision="float32",
        seed=0,
    ):
        check_config(config)
        self.halvings, self.dilations = config["halvings"], config["dilations"]
        self.dtype = "bfloat16" if precision == "mixed_bfloat16" else "float32"
        super().__init__(config, generator_weights, discriminator_weights, variant, precision, seed)

    def build(self, generator_weights, discriminator_weights):
        # Keras lists a layer's weights together: kernel, bias, and the power iteration's direction.
        self.build_layers(
            list(zip(generator_weights[::2], generator_weights[1::2], strict=True)),
            list(zip(discriminator_weights[::3], discriminator_weights[1::3], strict=True)),
            discriminator_weights[2::3],
        )

    def build_layers(self, generator, discriminator, directions):
        """Creates the loop's state.

        Args:
            generator: (kernel, bias) of each convolution, in the order of the forward pass.
            discriminator: likewise.
            directions: of the power iteration, one (filters,) for each of the discriminator's.
        """
        raise NotImplementedError

    def restoring_weights(self):
        """Returns the generator's weights in the form that `complete` takes."""
        raise NotImplementedError

    def complete(self, weights, batch):
        """Starts restoring a batch, and returns the argument of `fetch`."""
        raise NotImplementedError

    def fetch(self, result):
        """Returns the images that `complete` started, a uint8 array of shape `(batch, H, W, C)`."""
        raise NotImplementedError

    def restore(self, images, masks, batch_size):
        """Fills the holes of images.

        Args:
            images: uint8 array of shape `(N, H, W, C)`, of the size that the loop trains on.
            masks: bool array of shape `(N, H, W)`, True where a pixel is missing.
            batch_size: images per forward pass.

        Returns:
            uint8 array of shape `(N, H, W, C)`. Known pixels are bit-identical.
        """
        restored = images.copy()
        damaged = np.flatnonzero(masks.any(axis=(1, 2)))
        batch_size = min(batch_size, len(damaged))
        weights, started = self.restoring_weights(), collections.deque()
        for start in range(0, len(damaged), max(batch_size, 1)):
            # The last batch is filled up with earlier images: one shape, one compilation.
            stop = min(start + batch_size, len(damaged))
            chosen = damaged[stop - batch_size : stop]
            batch = self.put(images[chosen], masks[chosen])
            started.append((chosen, self.complete(weights, batch)))
            if len(started) > 1:  # one is read while the device computes the next
                self._take(restored, started)
        while started:
            self._take(restored, started)
        return restored

    def _take(self, restored, started):
        chosen, result = started.popleft()
        restored[chosen] = self.fetch(result)


def encode_decode(x, layers, halvings, dilations, gated, grow):
    """Computes the generator from its input to its last feature maps.

    Args:
        x: a framework's tensor, the first guess beside the mask.
        layers: iterator over (kernel, bias); the output layer's remain.
        halvings: int.
        dilations: ints.
        gated: `(x, layer, stride=1, dilation=1)`, a gated convolution.
        grow: `(x, layer, skip)`, a 1x1 convolution, doubled in size, plus `skip`.
    """
    x = gated(x, next(layers))
    skips = []
    for level in range(1, halvings + 1):
        skips.append(x)
        x = gated(x, next(layers), stride=2)
        if 1 < level < halvings:
            x = gated(x, next(layers))
    for rate in dilations:
        x = x + gated(x, next(layers), dilation=rate)
    for skip in reversed(skips):
        x = grow(x, next(layers), skip)
        x = gated(x, next(layers))
    return x


def check_config(config):
    """Raises `ValueError` for an architecture that the loops don't support."""
    missing = [name for name in FIXED if not config[name]]
    if missing:
        raise ValueError(
            f"The hand-written loops require {', '.join(FIXED)}. Received: "
            f"{', '.join(f'{name}=False' for name in missing)}"
        )
    sides = config["image_shape"][:2]
    # Other sizes are odd at some level of the first guess.
    if any(side % 2**LEVELS and side not in (16, 32) for side in sides):
        raise ValueError(
            f"An image's height and width must be 16, 32 or multiples of {2**LEVELS}, to halve "
            f"evenly. Received: {sides[0]}x{sides[1]}"
        )
