"""The inpainting GAN: fills holes in images (context encoders 2016, DeepFill v2 2019)."""

import keras
from keras import layers, ops

from zoo import backend
from zoo.adversarial.base import AdversarialPair
from zoo.adversarial.family import Batch
from zoo.checks import check_count, check_image_shape, check_seed, check_weight
from zoo.errors import InvalidInputError
from zoo.layers.pull_push import LEVELS
from zoo.layers.spectral import SpectralConv2D
from zoo.masks import Mixture, draw, draw_in_step, get_masks, serialize
from zoo.models import tiling
from zoo.models.augmentation import random_flip
from zoo.models.image_coding import ImageCoding
from zoo.models.inpainting_networks import Blocks, build_discriminator, build_generator

RECONSTRUCTION = {"l1": ops.abs, "l2": ops.square}
"""What is averaged of the difference to the original."""


@keras.saving.register_keras_serializable("zoo")
class InpaintingGAN(ImageCoding, AdversarialPair):
    """Fills the holes of images: encoder-decoder generator, patch discriminator.

    The generator takes an image and its mask. From a smooth first guess of what is missing
    (`PullPush`), gated convolutions go down to a small resolution, dilated ones see far there, and
    a way back with skip connections draws what the guess lacks. It is shown in the hole only: known
    pixels stay the image's own. The discriminator judges patches of the completed image, the mask
    beside it, under spectral normalization.

    Args:
        image_shape: (H, W, C) of training images; H and W are multiples of 2^`halvings`, at least
            16. `inpaint` takes other sizes.
        base_filters: int, width at half resolution; it doubles with each further halving, and is
            half as much at full resolution.
        halvings: int, how often the encoder halves.
        dilations: ints, dilation rates of the convolutions at the smallest resolution.
        first_guess: bool, start from `PullPush`'s guess and draw what it lacks; otherwise holes are
            0, and drawn whole.
        gated: bool, gated convolutions (Yu et al. 2019) or plain ones (Pathak et al. 2016).
        skip_connections: bool, from the encoder to the decoder.
        spectral_norm: bool, in the discriminator.
        seed: int, for initial weights and training masks. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for an argument out of range.

    Example:

    ```python
    model = zoo.InpaintingGAN(image_shape=(64, 64, 3), base_filters=32)
    model.compile(masks="free_form")
    model.fit(images, batch_size=64, epochs=20)       # images: uint8 (N, 64, 64, 3)
    restored = model.inpaint(photos, holes)           # uint8 (N, H, W, 3), bool (N, H, W)
    ```
    """

    def __init__(
        self,
        image_shape=(64, 64, 3),
        base_filters=32,
        halvings=3,
        dilations=(1, 2, 4, 2),
        first_guess=True,
        gated=True,
        skip_connections=True,
        spectral_norm=True,
        seed=None,
        name="inpainting_gan",
    ):
        check_image_shape(image_shape)
        check_count("base_filters", base_filters, minimum=2)
        check_count("halvings", halvings)
        check_seed(seed)
        for rate in dilations if isinstance(dilations, (tuple, list)) else [None]:
            check_count("dilations", rate)
        step = 2**halvings
        if min(image_shape[:2]) < 16 or any(side % step for side in image_shape[:2]):
            raise InvalidInputError(
                f"An image's height and width must be at least 16 and multiples of {step}, to be "
                f"halved {halvings} times. Received: {image_shape[0]}x{image_shape[1]}"
            )
        self.config = {
            "image_shape": tuple(image_shape),
            "base_filters": base_filters,
            "halvings": halvings,
            "dilations": tuple(dilations),
            "first_guess": first_guess,
            "gated": gated,
            "skip_connections": skip_connections,
            "spectral_norm": spectral_norm,
        }
        blocks = Blocks(self.config, seed)
        super().__init__(
            generator=build_generator(self.config, blocks),
            discriminator=build_discriminator(self.config, blocks),
            sample_shape=tuple(image_shape),
            seed=seed,
            name=name,
        )
        self.multiple = step
        # How far a pixel can matter, in pixels: the guess's reach, and that of the convolutions.
        self.reach = 2 * 2**LEVELS + step * (sum(dilations) + 4)
        self.low, self.high = -1.0, 1.0

    # ---------------------------------------------------------------- compile

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss="hinge",
        *,
        masks="mixture",
        reconstruction="l1",
        hole_weight=1.0,
        known_weight=0.2,
        adversarial_weight=0.01,
        feature_weight=0.0,
        flip=False,
        **kwargs,
    ):
        """Sets how the two networks train.

        The generator minimizes `hole_weight` * reconstruction in the hole + `known_weight` *
        reconstruction of known pixels + `adversarial_weight` * adversarial loss +
        `feature_weight` * feature matching. Reconstructions are means over pixels and channels, in
        the range [-1, 1].

        Args:
            generator_optimizer: as in `AdversarialModel.compile`.
            discriminator_optimizer: likewise.
            loss: likewise; hinge, as DeepFill v2.
            masks: name in `zoo.masks.MASKS`, or a `zoo.masks.Masks`: the holes to train on, drawn
                anew for each batch.
            reconstruction: `"l1"` (DeepFill v2) or `"l2"` (context encoders).
            hole_weight: float, weight of the reconstruction in the hole.
            known_weight: float, weight of the reconstruction of known pixels.
            adversarial_weight: float. With 0 here and for `feature_weight`, pass
                `discriminator_steps=0` as well to spare its time.
            feature_weight: float, weight of the mean absolute difference between the
                discriminator's features of completed and of original images (Wang et al. 2018,
                pix2pixHD, equation 4).
            flip: bool, mirror training images from left to right at random.
            **kwargs: more of `AdversarialModel.compile`: `r1_penalty`, `average_decay`,
                `discriminator_steps`, `jit_compile` ...

        Raises:
            InvalidInputError: for an unknown name, or a number out of range.
        """
        if reconstruction not in RECONSTRUCTION:
            raise InvalidInputError(
                f"`reconstruction` must be one of {', '.join(map(repr, RECONSTRUCTION))}. "
                f"Received: reconstruction={reconstruction!r}"
            )
        weights = {
            "hole_weight": hole_weight,
            "known_weight": known_weight,
            "adversarial_weight": adversarial_weight,
            "feature_weight": feature_weight,
        }
        for key, weight in weights.items():
            check_weight(key, weight)
        self.masks = get_masks(masks)
        self.reconstruction = reconstruction
        self.weights_of_losses = weights
        self.flip = bool(flip)
        super().compile(generator_optimizer, discriminator_optimizer, loss, **kwargs)

    def get_compile_config(self):
        """How the model was compiled, for `.keras` files."""
        if not self.compiled:
            return {}
        return {
            **super().get_compile_config(),
            "masks": serialize(self.masks),
            "reconstruction": self.reconstruction,
            **self.weights_of_losses,
            "flip": self.flip,
        }

    # ------------------------------------------------------------------- step

    def prepare_batch(self, data, training=True):
        """Images of a batch of `fit`, and the masks of what is missing.

        Masks that come along (batch, H, W) are used; other labels are dropped, and masks drawn.
        """
        images, holes, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.check_samples(images)
        images = ops.cast(self.encode(images), "float32")
        if training and self.flip:
            images = random_flip(images, self.seed_generator)
        if holes is not None and tuple(holes.shape[1:]) == self.sample_shape[:2]:
            holes = ops.cast(ops.cast(holes, "bool"), "float32")[..., None]
        else:
            count, size = ops.shape(images)[0], self.sample_shape[:2]
            holes = draw_in_step(self.masks, count, size, self.seed_generator)
        return Batch(images, holes)

    def generate_like(self, batch, training=True):
        """What the generator draws for images with holes: (batch, H, W, C)."""
        inputs = [batch.real, batch.condition]
        return backend.call_network(self.generator, inputs, training)

    def present(self, fake, batch):
        """The completed image: what was drawn in the hole, the image's own pixels elsewhere."""
        return batch.real + batch.condition * (fake - batch.real)

    def judge(self, samples, batch, training=True):
        """Logits of patches (batch, h, w, 1)."""
        inputs = [samples, batch.condition]
        return backend.call_network(self.discriminator, inputs, training)

    def generator_loss(self, fake, batch, training=True):
        """Reconstruction, adversarial loss and feature matching; see `compile`."""
        weights = self.weights_of_losses
        error = RECONSTRUCTION[self.reconstruction](fake - batch.real)
        holes = batch.condition
        in_hole = _mean_where(error, holes)
        loss = weights["hole_weight"] * in_hole
        if weights["known_weight"]:
            loss += weights["known_weight"] * _mean_where(error, 1.0 - holes)
        if weights["adversarial_weight"]:
            adversarial, _ = super().generator_loss(fake, batch, training)
            loss += weights["adversarial_weight"] * adversarial
        if weights["feature_weight"]:
            loss += weights["feature_weight"] * self._feature_distance(fake, batch, training)
        return loss, {"reconstruction_loss": in_hole}

    def _feature_distance(self, fake, batch, training):
        ours = self._features(self.present(fake, batch), batch, training)
        theirs = self._features(batch.real, batch, training)
        distances = [
            ops.mean(ops.abs(ops.cast(a - ops.stop_gradient(b), "float32")))
            for a, b in zip(ours, theirs, strict=True)
        ]
        return sum(distances) / len(distances)

    def _features(self, images, batch, training):
        """What the discriminator's hidden layers make of images."""
        outputs = ops.concatenate([images, batch.condition], axis=-1)
        features = []
        for layer in self.discriminator.layers:
            if not isinstance(layer, (layers.InputLayer, layers.Concatenate)):
                spectral = isinstance(layer, SpectralConv2D)
                outputs = layer(outputs, training=training) if spectral else layer(outputs)
                features.append(outputs)
        return features[:-1]

    def extra_losses(self):
        return ("reconstruction_loss",)

    def symbolic_inputs(self):
        shape = (None, *self.sample_shape)
        return [keras.KerasTensor(shape), keras.KerasTensor((*shape[:-1], 1))]

    # -------------------------------------------------------------- restoring

    def call(self, inputs, training=False):
        """Completed images (batch, H, W, C) of [images, masks (batch, H, W, 1)]."""
        images, holes = inputs
        drawn = self.sampling_network()([images, holes], training=training)
        return images + holes * (drawn - images)

    def draw_batch(self, images, masks):
        """Completed images, of uint8 (batch, H, W, C) and bool (batch, H, W)."""
        holes = masks[..., None]
        inputs = [self.encode(images), ops.cast(holes, "float32")]
        drawn = backend.call_network(self.sampling_network(), inputs, training=False)
        return ops.where(holes, self.decode(drawn), images)

    def inpaint(self, images, masks, batch_size=64):
        """Fills the holes of images.

        Args:
            images: uint8 (N, H, W, C) or one image (H, W, C), H and W from 16 to 2,048 pixels.
            masks: bool, or uint8 of 0 and 255: (N, H, W), or (H, W) for all images. True or 255
                where a pixel is missing; what the image holds there has no influence.
            batch_size: int, images of 64x64 pixels per forward pass; of larger ones fewer.
                Memory beyond the result stays flat in N, H and W.

        Returns:
            uint8 ndarray of the images' shape. Known pixels are bit-identical.

        Raises:
            InvalidInputError: for images or masks of another type or shape.

        Example:

        ```python
        model = zoo.load("inpaint_scenes64")
        restored = model.inpaint(photo, mask)       # uint8 (H, W, 3), bool (H, W)
        ```
        """
        return tiling.inpaint(self, images, masks, batch_size)

    def preview(self, images, count, seed=0):
        """Restored images (count, H, W, C), of the first of `images` with holes drawn by a seed."""
        images = images[:count]
        kind = self.masks if self.compiled else Mixture()
        return self.inpaint(images, draw(kind, len(images), images.shape[1:3], seed))


def _mean_where(error, where):
    """Mean of (batch, H, W, C) over the pixels that `where` (batch, H, W, 1) marks; 0 if none."""
    pixels = ops.maximum(ops.sum(where), 1.0)
    return ops.sum(error * where) / (pixels * error.shape[-1])
