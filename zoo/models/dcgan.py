"""DCGAN: a GAN of convolutions (Radford, Metz & Chintala 2015)."""

import keras

from zoo.adversarial.base import own_arguments
from zoo.models.dcgan_networks import Blocks, checked_config, discriminator_layers, generator_layers
from zoo.models.image_coding import ImageCoding
from zoo.models.unconditional import AdversarialModel


@keras.saving.register_keras_serializable("zoo")
class DCGAN(AdversarialModel):
    """Deep convolutional GAN of Radford et al. 2015, for images of any size that halves cleanly.

    The discriminator halves the image k times, its shorter side down to 4-7 pixels, with widths
    `base_filters`, 2 `base_filters`, 4 `base_filters` ...; the generator mirrors it, from a
    projection of the latents (k = 2 for 28x28, 3 for 32x32, 4 for 64x64). All weights start from
    N(0, 0.02).

    Args:
        image_shape: (H, W, C); the shorter of H and W is 4, 5, 6 or 7 times a power of two, at
            least 16, the longer one a multiple of that power: 64x64, 32x64 or 48x200, for example.
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
        spectral_norm: bool, spectral normalization of the discriminator's convolutions and dense
            layers (Miyato et al. 2018, arXiv:1802.05957).
        seed: int, for the initial weights and the latents of training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for a size that doesn't halve cleanly (it names the nearest that do),
            or an argument out of range.

    Example:

    ```python
    images = np.zeros((8, 32, 32, 3), "uint8")  # yours
    model = zoo.DCGAN(image_shape=(32, 32, 3), base_filters=4)
    model.compile()
    model.fit(images, batch_size=8, epochs=1)
    samples = model.generate(16, seed=0)  # uint8 array of shape (16, 32, 32, 3)
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        base_filters: int = 64,
        kernel_size: int = 5,
        wide_stem: bool = True,
        batch_norm_momentum: float = 0.9,
        discriminator_batch_norm: bool = False,
        dropout: float = 0.3,
        negative_slope: float = 0.2,
        spectral_norm: bool = False,
        seed: int | None = None,
        name: str = "dcgan",
    ):
        config = checked_config(own_arguments(locals()), seed)
        blocks = Blocks(config, seed)
        super().__init__(
            generator=_build_generator(config, blocks),
            discriminator=_build_discriminator(config, blocks),
            latent_dim=latent_dim,
            seed=seed,
            name=name,
        )
        self.config, self.image_shape = config, config["image_shape"]
        self.coding = ImageCoding(self.image_shape)


def _build_generator(config, blocks):
    inputs = keras.Input((config["latent_dim"],))
    return keras.Sequential([inputs, *generator_layers(config, blocks)], name="generator")


def _build_discriminator(config, blocks):
    stack = [keras.Input(config["image_shape"]), *discriminator_layers(config, blocks)]
    logit = blocks.dense(1, spectral=config["spectral_norm"], dtype="float32")
    return keras.Sequential([*stack, logit], name="discriminator")
