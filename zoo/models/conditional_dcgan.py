"""A class-conditional DCGAN with a projection discriminator (Miyato & Koyama 2018)."""

import keras
from keras import layers

from zoo.adversarial.base import own_arguments
from zoo.models.conditional import ConditionalModel
from zoo.models.dcgan_networks import Blocks, checked_config, discriminator_layers, generator_layers
from zoo.models.image_coding import ImageCoding


@keras.saving.register_keras_serializable("zoo")
class ConditionalDCGAN(ConditionalModel):
    """`zoo.DCGAN` for labeled images: draws images of the classes that it is given.

    The generator takes the class beside the latents (Mirza & Osindero 2014). The discriminator
    adds to its logit the product of its features and a learned vector of the class, the projection
    of Miyato & Koyama 2018 (cGANs with Projection Discriminator, arXiv:1802.05637, equation 3).

    Args:
        image_shape: as in `zoo.DCGAN`, like all that are not listed.
        classes: int of at least 2, how many there are.
        dropout: float in [0, 1), after each of the discriminator's convolutions; 0 by default.

    Raises:
        InvalidInputError: for a size that doesn't halve cleanly (it names the nearest that do),
            or an argument out of range.

    Example:

    ```python
    images, labels = np.zeros((8, 28, 28, 1), "uint8"), np.arange(8)  # yours
    model = zoo.ConditionalDCGAN(image_shape=(28, 28, 1), classes=10, base_filters=4)
    model.compile()
    model.fit(images, labels, batch_size=8, epochs=1)
    samples = model.generate(labels=[7, 7, 3], seed=0)  # uint8 array of shape (3, 28, 28, 1)
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        base_filters: int = 64,
        kernel_size: int = 5,
        wide_stem: bool = True,
        batch_norm_momentum: float = 0.9,
        dropout: float = 0.0,
        negative_slope: float = 0.2,
        spectral_norm: bool = False,
        seed: int | None = None,
        name: str = "conditional_dcgan",
    ):
        config = checked_config(own_arguments(locals()), seed)
        blocks = Blocks(config, seed)
        super().__init__(
            generator=_build_generator(config, blocks),
            discriminator=_build_discriminator(config, blocks),
            latent_dim=latent_dim,
            classes=classes,
            seed=seed,
            name=name,
        )
        self.config, self.image_shape = config, config["image_shape"]
        self.coding = ImageCoding(self.image_shape)


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
