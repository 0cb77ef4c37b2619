"""DCGAN: a GAN of convolutions (Radford, Metz & Chintala 2015)."""

import keras
import numpy as np
from keras import layers

from zoo.checks import check_count, check_fraction, check_image_shape, check_seed
from zoo.errors import InvalidInputError
from zoo.images import ImageModel
from zoo.initializers import Constant, Normal
from zoo.layers import BatchNormalization, Conv2D, Conv2DTranspose, Dropout

SMALLEST_GRIDS = (4, 5, 6, 7)
"""Sides of the smallest feature map: an image's side is one of these times a power of two."""


@keras.saving.register_keras_serializable("zoo")
class DCGAN(ImageModel):
    """Deep convolutional GAN of Radford et al. 2015, for images of any size that halves cleanly.

    The discriminator halves the image k times, down to 4-7 pixels, with widths `base_filters`,
    2 `base_filters`, 4 `base_filters` ...; the generator mirrors it, from a projection of the
    latents (k = 2 for 28x28, 3 for 32x32, 4 for 64x64). All weights start from N(0, 0.02).

    Args:
        image_shape: (H, W, C); H and W are 4, 5, 6 or 7 times the same power of two, at least 16.
        latent_dim: int, number of latent variables.
        base_filters: int, the discriminator's first width.
        kernel_size: int, side of all kernels.
        wide_stem: bool. `True` projects the latents to twice the discriminator's last width and
            follows with a convolution of stride 1, as the texts on 28x28 and 32x32 images do;
            `False` projects to the discriminator's last width, as the paper does for 64x64.
        batch_norm_momentum: float in [0, 1), of the moving statistics.
        discriminator_batch_norm: bool, batch normalization in the discriminator too, after all
            convolutions but the first, as in the paper.
        dropout: float in [0, 1), after each of the discriminator's convolutions.
        negative_slope: float in [0, 1), of the LeakyReLUs.
        seed: int, for the initial weights and the latents of training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for a size that doesn't halve cleanly (it names the nearest that do),
            or an argument out of range.

    Example:

    ```python
    model = zoo.DCGAN(image_shape=(64, 64, 3), base_filters=64, kernel_size=4)
    model.compile()
    model.fit(images, batch_size=128, epochs=20)      # images: uint8 (N, 64, 64, 3)
    model.generate(16, seed=0)                        # uint8 (16, 64, 64, 3)
    ```
    """

    def __init__(
        self,
        image_shape=(28, 28, 1),
        latent_dim=100,
        base_filters=64,
        kernel_size=5,
        wide_stem=True,
        batch_norm_momentum=0.9,
        discriminator_batch_norm=False,
        dropout=0.3,
        negative_slope=0.2,
        seed=None,
        name="dcgan",
    ):
        check_image_shape(image_shape)
        check_count("latent_dim", latent_dim)
        check_count("base_filters", base_filters)
        check_count("kernel_size", kernel_size, minimum=2)
        check_fraction("batch_norm_momentum", batch_norm_momentum)
        check_fraction("dropout", dropout)
        check_fraction("negative_slope", negative_slope)
        check_seed(seed)
        config = {
            "image_shape": tuple(image_shape),
            "latent_dim": latent_dim,
            "base_filters": base_filters,
            "kernel_size": kernel_size,
            "wide_stem": wide_stem,
            "batch_norm_momentum": batch_norm_momentum,
            "discriminator_batch_norm": discriminator_batch_norm,
            "dropout": dropout,
            "negative_slope": negative_slope,
        }
        blocks = _Blocks(config, seed)
        super().__init__(
            generator=_build_generator(config, blocks),
            discriminator=_build_discriminator(config, blocks),
            latent_dim=latent_dim,
            output_activation="tanh",
            config=config,
            seed=seed,
            name=name,
        )


def _build_generator(config, blocks):
    height, width, channels = config["image_shape"]
    widths = _widths(config)
    scale = 2 ** len(widths)
    projected = widths[-1] * (2 if config["wide_stem"] else 1)
    grid = (height // scale, width // scale, projected)
    stack = [
        keras.Input((config["latent_dim"],)),
        blocks.dense(np.prod(grid).item(), use_bias=False),
        blocks.normalization(),
        blocks.activation(),
        layers.Reshape(grid),
    ]
    hidden = [(widths[-1], 1)] if config["wide_stem"] else []
    hidden += [(filters, 2) for filters in reversed(widths[:-1])]
    for filters, strides in hidden:
        # A bias would be taken away again by the normalization's mean.
        convolution = blocks.convolution(Conv2DTranspose, filters, strides, use_bias=False)
        stack += [convolution, blocks.normalization(), blocks.activation()]
    stack += [
        blocks.convolution(Conv2DTranspose, channels, strides=2),
        # In float32 under a mixed policy too: eight bits of mantissa would show as bands.
        layers.Activation("tanh", dtype="float32"),
    ]
    return keras.Sequential(stack, name="generator")


def _build_discriminator(config, blocks):
    stack = [keras.Input(config["image_shape"])]
    for depth, filters in enumerate(_widths(config)):
        normalized = config["discriminator_batch_norm"] and depth > 0
        stack.append(blocks.convolution(Conv2D, filters, strides=2, use_bias=not normalized))
        if normalized:
            stack.append(blocks.normalization())
        stack.append(blocks.activation())
        if config["dropout"]:
            stack.append(blocks.dropout())
    stack += [
        layers.Flatten(data_format="channels_last"),
        blocks.dense(1, dtype="float32"),
    ]
    return keras.Sequential(stack, name="discriminator")


class _Blocks:
    """The layers that both networks are made of, as the paper initializes them.

    Each draws its own seed: with a common one, layers would start from the same numbers.
    """

    def __init__(self, config, seed):
        self.config = config
        self.seeds = np.random.default_rng(seed)

    def _seed(self):
        return int(self.seeds.integers(2**31))

    def normal(self, mean=0.0):
        return Normal(mean, 0.02, seed=self._seed())

    def dense(self, units, **kwargs):
        return layers.Dense(
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
    """The discriminator's widths, from the image down."""
    halvings = count_halvings(config["image_shape"])
    return [config["base_filters"] * 2**i for i in range(halvings)]


def count_halvings(image_shape):
    """How often an image halves until its smaller map has 4-7 pixels a side.

    Raises:
        InvalidInputError: if a side isn't 4, 5, 6 or 7 times 2^k, k > 1, or the sides differ in k.
    """
    height, width = image_shape[:2]
    depths = [_halvings(side) for side in (height, width)]
    if None in depths or depths[0] != depths[1]:
        nearest = " and ".join(
            f"{side}: {', '.join(map(str, _nearest_sides(side)))}"
            for side in dict.fromkeys((height, width))
        )
        raise InvalidInputError(
            "An image's height and width must be 4, 5, 6 or 7 times the same power of two, at "
            f"least 16, so that they halve cleanly. Received: {height}x{width}. "
            f"Nearest sizes to {nearest}"
        )
    return depths[0]


def _halvings(side):
    for halvings in range(2, 16):
        if side in (grid * 2**halvings for grid in SMALLEST_GRIDS):
            return halvings
    return None


def _nearest_sides(side):
    clean = [grid * 2**halvings for halvings in range(2, 16) for grid in SMALLEST_GRIDS]
    below = [value for value in clean if value <= side][-1:]
    above = [value for value in clean if value > side][:1]
    return below + above
