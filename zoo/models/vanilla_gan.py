"""A GAN of fully connected layers (Goodfellow et al. 2014)."""

import keras
import numpy as np
from keras import layers

from zoo.adversarial.base import own_arguments
from zoo.checks import check_count, check_fraction, check_image_shape, check_seed
from zoo.errors import InvalidInputError
from zoo.layers.fast import BatchNormalization, Dropout
from zoo.layers.initializers import Constant, GlorotUniform
from zoo.layers.spectral import SpectralDense
from zoo.models.image_coding import RANGES, ImageCoding
from zoo.models.unconditional import AdversarialModel


@keras.saving.register_keras_serializable("zoo")
class VanillaGAN(AdversarialModel):
    """GAN of fully connected layers, for small images (Goodfellow et al. 2014).

    The generator widens from the latents to the image, the discriminator mirrors it.

    Args:
        image_shape: (H, W, C).
        latent_dim: int, number of latent variables.
        hidden_units: ints, widths of the generator's hidden layers; the discriminator has them
            in reverse.
        batch_norm: bool, batch normalization after the generator's hidden layers.
        batch_norm_momentum: float in [0, 1), of the moving statistics.
        output_activation: `"tanh"` (images in [-1, 1]) or `"sigmoid"` ([0, 1]).
        dropout: float in [0, 1), after each of the discriminator's hidden layers.
        negative_slope: float in [0, 1), of the LeakyReLUs.
        spectral_norm: bool, spectral normalization of the discriminator's layers (Miyato et al.
            2018, arXiv:1802.05957).
        seed: int, for the initial weights and the latents of training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for an argument out of range.

    Example:

    ```python
    images = np.zeros((8, 28, 28, 1), "uint8")  # yours
    model = zoo.VanillaGAN(image_shape=(28, 28, 1), hidden_units=(32, 64))
    model.compile()
    model.fit(images, batch_size=8, epochs=1)
    samples = model.generate(16, seed=0)  # uint8 array of shape (16, 28, 28, 1)
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        hidden_units: tuple[int, ...] = (256, 512, 1024),
        batch_norm: bool = True,
        batch_norm_momentum: float = 0.9,
        output_activation: str = "tanh",
        dropout: float = 0.0,
        negative_slope: float = 0.2,
        spectral_norm: bool = False,
        seed: int | None = None,
        name: str = "vanilla_gan",
    ):
        config = own_arguments(locals())
        check_image_shape(image_shape)
        check_count("latent_dim", latent_dim)
        if not isinstance(hidden_units, (tuple, list)) or not hidden_units:
            raise InvalidInputError(
                "`hidden_units` must be the widths of one layer or more, (256, 512) for example. "
                f"Received: hidden_units={hidden_units!r}"
            )
        for units in hidden_units:
            check_count("hidden_units", units)
        check_fraction("batch_norm_momentum", batch_norm_momentum)
        check_fraction("dropout", dropout)
        check_fraction("negative_slope", negative_slope)
        check_seed(seed)
        if output_activation not in RANGES:
            raise InvalidInputError(
                f"`output_activation` must be one of {', '.join(map(repr, RANGES))}. "
                f"Received: output_activation={output_activation!r}"
            )
        config |= {"image_shape": tuple(image_shape), "hidden_units": tuple(hidden_units)}
        seeds = np.random.default_rng(seed)
        super().__init__(
            generator=_build_generator(config, seeds),
            discriminator=_build_discriminator(config, seeds),
            latent_dim=latent_dim,
            seed=seed,
            name=name,
        )
        self.config, self.image_shape = config, config["image_shape"]
        self.coding = ImageCoding(self.image_shape, *RANGES[output_activation])


def _build_generator(config, seeds):
    stack = [keras.Input((config["latent_dim"],))]
    for units in config["hidden_units"]:
        # The normalization would subtract a bias again.
        stack.append(_dense(units, seeds, use_bias=not config["batch_norm"]))
        if config["batch_norm"]:
            stack.append(_normalization(config["batch_norm_momentum"]))
        stack.append(layers.LeakyReLU(negative_slope=config["negative_slope"]))
    stack += [
        _dense(np.prod(config["image_shape"]).item(), seeds),
        # In float32 under a mixed policy too: eight bits of mantissa would show as bands.
        layers.Activation(config["output_activation"], dtype="float32"),
        layers.Reshape(config["image_shape"], dtype="float32"),
    ]
    return keras.Sequential(stack, name="generator")


def _build_discriminator(config, seeds):
    stack = [
        keras.Input(config["image_shape"]),
        layers.Flatten(data_format="channels_last"),
    ]
    layer = SpectralDense if config["spectral_norm"] else layers.Dense
    for units in reversed(config["hidden_units"]):
        stack += [
            _dense(units, seeds, layer),
            layers.LeakyReLU(negative_slope=config["negative_slope"]),
        ]
        if config["dropout"]:
            seed = int(seeds.integers(2**31))
            stack.append(Dropout(config["dropout"], seed=seed))
    stack.append(_dense(1, seeds, layer, dtype="float32"))
    return keras.Sequential(stack, name="discriminator")


def _dense(units, seeds, layer=layers.Dense, **kwargs):
    seed = int(seeds.integers(2**31))
    return layer(
        units,
        kernel_initializer=GlorotUniform(seed=seed),
        bias_initializer=Constant(0.0),
        **kwargs,
    )


def _normalization(momentum):
    return BatchNormalization(
        momentum=momentum,
        gamma_initializer=Constant(1.0),
        beta_initializer=Constant(0.0),
        moving_mean_initializer=Constant(0.0),
        moving_variance_initializer=Constant(1.0),
    )
