"""The layers that a DCGAN's two networks are made of (Radford, Metz & Chintala 2015)."""

import numpy as np
from keras import layers

from zoo.checks import check_count, check_fraction, check_image_shape, check_seed
from zoo.errors import InvalidInputError
from zoo.layers.fast import BatchNormalization, Conv2D, Conv2DTranspose, Dropout
from zoo.layers.initializers import Constant, Normal
from zoo.layers.spectral import SpectralConv2D, SpectralDense

CLEAN_SIDES = {grid * 2**k: 2**k for k in range(2, 16) for grid in (4, 5, 6, 7)}
"""Lengths of an image's shorter side, from 16 -> the power of two that they are 4-7 times of."""


def checked_config(config, seed):
    """Returns the arguments of a DCGAN, class-conditional or not, once they are checked.

    Raises:
        InvalidInputError: for one that is out of range.
    """
    check_image_shape(config["image_shape"])
    for name, least in (("latent_dim", 1), ("base_filters", 1), ("kernel_size", 2), ("classes", 2)):
        if name in config:
            check_count(name, config[name], minimum=least)
    for name in ("batch_norm_momentum", "dropout", "negative_slope"):
        check_fraction(name, config[name])
    check_seed(seed)
    return {**config, "image_shape": tuple(config["image_shape"])}


def generator_layers(config, blocks):
    """Returns the generator's layers, from a vector to images in [-1, 1]."""
    height, width, channels = config["image_shape"]
    widths = _widths(config)
    scale = 2 ** len(widths)
    projected = widths[-1] * (2 if config["wide_stem"] else 1)
    grid = (height // scale, width // scale, projected)
    stack = [
        blocks.dense(np.prod(grid).item(), use_bias=False),
        blocks.normalization(),
        blocks.activation(),
        layers.Reshape(grid),
    ]
    hidden = [(widths[-1], 1)] if config["wide_stem"] else []
    hidden += [(filters, 2) for filters in reversed(widths[:-1])]
    for filters, strides in hidden:
        # The normalization would subtract a bias again.
        convolution = blocks.convolution(Conv2DTranspose, filters, strides, use_bias=False)
        stack += [convolution, blocks.normalization(), blocks.activation()]
    stack += [
        blocks.convolution(Conv2DTranspose, channels, strides=2),
        # In float32 under a mixed policy too: eight bits of mantissa would show as bands.
        layers.Activation("tanh", dtype="float32"),
    ]
    return stack


def discriminator_layers(config, blocks):
    """Returns the discriminator's layers, from images to flat features: all but the logit."""
    layer = SpectralConv2D if config["spectral_norm"] else Conv2D
    stack = []
    for depth, filters in enumerate(_widths(config)):
        normalized = config.get("discriminator_batch_norm") and depth > 0
        stack.append(blocks.convolution(layer, filters, strides=2, use_bias=not normalized))
        if normalized:
            stack.append(blocks.normalization())
        stack.append(blocks.activation())
        if config["dropout"]:
            stack.append(blocks.dropout())
    return [*stack, layers.Flatten(data_format="channels_last")]


class Blocks:
    """Makes the layers of both networks, as the paper initializes them.

    Each draws its own seed: with a common one, layers would start from the same numbers.
    """

    def __init__(self, config, seed):
        self.config = config
        self.seeds = np.random.default_rng(seed)

    def _seed(self):
        return int(self.seeds.integers(2**31))

    def normal(self, mean=0.0):
        return Normal(mean, 0.02, seed=self._seed())

    def dense(self, units, spectral=False, **kwargs):
        layer = SpectralDense if spectral else layers.Dense
        return layer(
            units, kernel_initializer=self.normal(), bias_initializer=Constant(0.0), **kwargs
        )

    def convolution(self, layer, filters, strides, use_bias=True):
        return layer(
            filters,
            self.config["kernel_size"],
            strides=strides,
            padding="same",
            data_format="channels_last",
            use_bias=use_bias,
            kernel_initializer=self.normal(),
            bias_initializer=Constant(0.0),
        )

    def normalization(self):
        return BatchNormalization(
            momentum=self.config["batch_norm_momentum"],
            gamma_initializer=self.normal(mean=1.0),
            beta_initializer=Constant(0.0),
            moving_mean_initializer=Constant(0.0),
            moving_variance_initializer=Constant(1.0),
        )

    def activation(self):
        return layers.LeakyReLU(negative_slope=self.config["negative_slope"])

    def dropout(self):
        return Dropout(self.config["dropout"], seed=self._seed())


def _widths(config):
    """Returns the discriminator's widths, from the image down."""
    halvings = count_halvings(config["image_shape"])
    return [config["base_filters"] * 2**i for i in range(halvings)]


def count_halvings(image_shape):
    """Returns how often an image halves until its shorter side has 4-7 pixels.

    Raises:
        InvalidInputError: if the shorter side isn't 4, 5, 6 or 7 times 2^k, k > 1, or the longer
            one no multiple of that 2^k.
    """
    height, width = image_shape[:2]
    shorter, longer = sorted((height, width))
    if longer % CLEAN_SIDES.get(shorter, longer + 1):
        sizes = [
            (side, near)
            for side in _nearest(shorter, CLEAN_SIDES)
            for near in _nearest(longer, range(side, longer + 2 * side, CLEAN_SIDES[side]))
        ]
        sizes = [size if height <= width else size[::-1] for size in sizes]
        raise InvalidInputError(
            "An image's shorter side must be 4, 5, 6 or 7 times a power of two, at least 16, and "
            "its longer side a multiple of that power, so that both halve cleanly. "
            f"Received: {height}x{width}. Near it: {', '.join(f'{h}x{w}' for h, w in sizes)}"
        )
    return CLEAN_SIDES[shorter].bit_length() - 1


def _nearest(side, clean):
    """Returns the largest clean side up to this one, and the smallest above it."""
    return [
        *[value for value in clean if value <= side][-1:],
        *[value for value in clean if value > side][:1],
    ]
