"""A DCGAN that is told the class: projection discriminator (Miyato & Koyama 2018)."""

import keras
from keras import layers

from zoo.checks import check_count
from zoo.models.conditional import ConditionalModel
from zoo.models.dcgan_networks import Blocks, checked_config, discriminator_layers, generator_layers
from zoo.models.image_coding import RANGES, ImageCoding


@keras.saving.register_keras_serializable("zoo")
class ConditionalDCGAN(ImageCoding, ConditionalModel):
    """`zoo.DCGAN` for labeled images: which class is drawn can be asked for.

    The generator takes the class beside the latents (Mirza & Osindero 2014). The discriminator
    adds to its logit the product of its features and a learned vector of the class, the projection
    of Miyato & Koyama 2018 (cGANs with Projection Discriminator, arXiv:1802.05637, equation 3).

    Args:
        image_shape: (H, W, C); H and W are 4, 5, 6 or 7 times the same power of two, at least 16.
        classes: int of at least 2, how many there are.
        latent_dim: int, number of latent variables.
        base_filters: int, the discriminator's first width.
        kernel_size: int, side of all kernels.
        wide_stem: bool, as in `zoo.DCGAN`.
        batch_norm_momentum: float in [0, 1), of the generator's moving statistics.
        dropout: float in [0, 1), after each of the discriminator's convolutions.
        negative_slope: float in [0, 1), of the LeakyReLUs.
        spectral_norm: bool, spectral normalization of the discriminator's convolutions and dense
            layers (Miyato et al. 2018, arXiv:1802.05957).
        seed: int, for the initial weights and the latents of training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for a size that doesn't halve cleanly (it names the nearest that do),
            or an argument out of range.

    Example:

    ```python
    model = zoo.ConditionalDCGAN(image_shape=(28, 28, 1), classes=10)
    model.compile()
    model.fit(images, labels, batch_size=64)          # uint8 (N, 28, 28, 1), integers (N,)
    model.generate(3, labels=[7, 7, 3], seed=0)       # uint8 (3, 28, 28, 1)
    ```
    """

    def __init__(
        self,
        image_shape=(28, 28, 1),
        classes=10,
        latent_dim=100,
        base_filters=64,
        kernel_size=5,
        wide_stem=True,
        batch_norm_momentum=0.9,
        dropout=0.0,
        negative_slope=0.2,
        spectral_norm=False,
        seed=None,
        name="conditional_dcgan",
    ):
        check_count("classes", classes, minimum=2)
        config = {
            "image_shape": image_shape,
            "classes": classes,
            "latent_dim": latent_dim,
            "base_filters": base_filters,
            "kernel_size": kernel_size,
            "wide_stem": wide_stem,
            "batch_norm_momentum": batch_norm_momentum,
            "dropout": dropout,
            "negative_slope": negative_slope,
            "spectral_norm": spectral_norm,
        }
        config = checked_config(config, seed)
        blocks = Blocks(config, seed)
        super().__init__(
            generator=_build_generator(config, blocks),
            discriminator=_build_discriminator(config, blocks),
            latent_dim=latent_dim,
            classes=classes,
            seed=seed,
            name=name,
        )
        self.low, self.high = RANGES["tanh"]
        self.config = config


def _build_generator(config, blocks):
    latents, classes = keras.Input((config["latent_dim"],)), keras.Input((config["classes"],))
    outputs = layers.Concatenate()([latents, classes])
    for layer in generator_layers(config, blocks):
        outputs = layer(outputs)
    return keras.Model([latents, classes], outputs, name="generator")


def _build_discriminator(config, blocks):
    images, classes = keras.Input(config["image_shape"]), keras.Input((config["classes"],))
    features = images
    for layer in discriminator_layers(config, blocks):
        features = layer(features)
    spectral = config["spectral_norm"]
    logit = blocks.dense(1, spectral, dtype="float32")(features)
    embedding = blocks.dense(features.shape[-1], spectral, use_bias=False)(classes)
    projection = layers.Dot(axes=1, dtype="float32")([features, embedding])
    return keras.Model(
        [images, classes], layers.Add(dtype="float32")([logit, projection]), name="discriminator"
    )
