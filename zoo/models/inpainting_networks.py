"""The inpainting GAN's networks."""

import keras
import numpy as np
from keras import layers, ops

from zoo.layers.fast import Conv2D
from zoo.layers.gated import GatedConv2D
from zoo.layers.initializers import Constant, GlorotUniform
from zoo.layers.pull_push import PullPush
from zoo.layers.spectral import SpectralConv2D


def build_generator(config, blocks):
    """Builds the generator, [images, masks] -> whole images, from `InpaintingGAN`'s arguments."""
    channels, base = config["image_shape"][-1], config["base_filters"]
    images = keras.Input((None, None, channels), name="images")
    holes = keras.Input((None, None, 1), name="masks")
    if config["first_guess"]:
        guess = PullPush(name="guess")([images, holes])
    else:
        guess = ops.where(holes > 0.5, 0.0, images)
    x = layers.Concatenate()([guess, holes])
    x = blocks.convolution(base // 2)(x)
    skips = [x]
    widths = [base // 2] + [base * 2**level for level in range(config["halvings"])]
    for level, filters in enumerate(widths[1:], start=1):
        x = blocks.convolution(filters, strides=2)(x)
        if 1 < level < config["halvings"]:
            x = blocks.convolution(filters)(x)
        skips.append(x)
    for rate in config["dilations"]:
        x = layers.Add()([x, blocks.convolution(widths[-1], dilation_rate=rate)(x)])
    for filters, skip in zip(widths[-2::-1], skips[-2::-1], strict=True):
        x = blocks.projection(filters)(x)
        x = layers.UpSampling2D(2, data_format="channels_last")(x)
        if config["skip_connections"]:
            x = layers.Add()([x, skip])
        x = blocks.convolution(filters)(x)
    # In float32 under a mixed policy too: eight bits of mantissa would show as bands.
    x = blocks.output(channels)(x)
    if config["first_guess"]:
        x = layers.Add(dtype="float32")([guess, x])
    else:
        x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([images, holes], x, name="generator")


def build_discriminator(config, blocks):
    """Builds the discriminator, [images, masks] -> logits of patches."""
    images = keras.Input((None, None, config["image_shape"][-1]), name="images")
    holes = keras.Input((None, None, 1), name="masks")
    x = layers.Concatenate()([images, holes])
    base = config["base_filters"]
    for filters in (base, 2 * base, 4 * base):
        x = blocks.judging(filters, strides=2, activation=blocks.leaky())(x)
    x = blocks.judging(1, dtype="float32")(x)
    return keras.Model([images, holes], x, name="discriminator")


class Blocks:
    """Makes the layers of both networks, each with a seed of its own."""

    def __init__(self, config, seed):
        self.config = config
        self.seeds = np.random.default_rng(seed)

    def _options(self):
        return {
            "padding": "same",
            "data_format": "channels_last",
            "kernel_initializer": GlorotUniform(seed=int(self.seeds.integers(2**31))),
            "bias_initializer": Constant(0.0),
        }

    def convolution(self, filters, kernel_size=3, **kwargs):
        layer = GatedConv2D if self.config["gated"] else Conv2D
        return layer(filters, kernel_size, activation="elu", **self._options(), **kwargs)

    def projection(self, filters):
        return Conv2D(filters, 1, **self._options())

    def output(self, channels):
        return Conv2D(channels, 3, dtype="float32", **self._options())

    def judging(self, filters, **kwargs):
        layer = SpectralConv2D if self.config["spectral_norm"] else Conv2D
        return layer(filters, 4, **self._options(), **kwargs)

    def leaky(self):
        return layers.LeakyReLU(negative_slope=0.2)
