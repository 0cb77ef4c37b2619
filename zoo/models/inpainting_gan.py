"""The inpainting GAN: fills holes in images (context encoders 2016, DeepFill v2 2019)."""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend, losses
from zoo.adversarial.base import BaseGAN, own_arguments
from zoo.adversarial.feeding import to_host
from zoo.adversarial.step import Batch
from zoo.checks import check_count, check_image_shape, check_seed, check_weight
from zoo.errors import InvalidInputError
from zoo.layers.pull_push import enlarge, pull_push
from zoo.layers.spline import fill_with_spline
from zoo.masks import Masks, Mixture, draw, draw_in_step, get_masks, serialize
from zoo.models import tiling
from zoo.models.image_coding import ImageCoding
from zoo.models.inpainting_loss import InpaintingLoss, feature_distance
from zoo.models.inpainting_networks import Blocks, build_discriminator, build_generator
from zoo.models.random_views import random_flip, random_zoom

NETWORK_ERROR = 8.0
"""What a network is wrong by even where a photograph is smooth, in gray levels."""


@keras.saving.register_keras_serializable("zoo")
class InpaintingGAN(BaseGAN):
    """Fills the holes of images: encoder-decoder generator, patch discriminator.

    The generator takes an image and its mask. It starts from a smooth first guess of what is
    missing (`PullPush`) and draws what the guess lacks: gated convolutions go down to a small
    resolution, dilated ones see far there, and a decoder with skip connections leads back. Only
    the hole takes its output; known pixels stay unchanged. The discriminator takes the completed
    image and the mask, has spectral normalization, and returns a logit for each patch.

    Args:
        image_shape: (H, W, C) of training images; H and W are multiples of 2^`halvings`, at least
            16. `inpaint` takes other sizes.
        base_filters: int, width at half resolution; it doubles with each further halving, and is
            half as much at full resolution.
        halvings: int, how often the encoder halves.
        dilations: ints, dilation rates of the convolutions at the smallest resolution.
        first_guess: bool, start from `PullPush`'s guess and draw what it lacks; otherwise holes
            are 0, and drawn from scratch.
        gated: bool, gated convolutions (Yu et al. 2019) or plain ones (Pathak et al. 2016).
        skip_connections: bool, from the encoder to the decoder.
        spectral_norm: bool, in the discriminator.
        seed: int, for initial weights and training masks. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: for an argument out of range.

    Example:

    ```python
    images = np.zeros((8, 16, 16, 3), "uint8")  # yours
    model = zoo.InpaintingGAN(image_shape=(16, 16, 3), base_filters=4)
    model.compile(masks="free_form")
    model.fit(images, batch_size=8, epochs=1)
    holes = zoo.masks.draw("free_form", len(images), (16, 16), seed=0)  # bool (8, 16, 16)
    restored = model.inpaint(images, holes)  # uint8 array of the images' shape
    ```
    """

    extra_losses = ("reconstruction_loss",)

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        base_filters: int = 32,
        halvings: int = 3,
        dilations: tuple[int, ...] = (1, 2, 4, 2),
        first_guess: bool = True,
        gated: bool = True,
        skip_connections: bool = True,
        spectral_norm: bool = True,
        seed: int | None = None,
        name: str = "inpainting_gan",
    ):
        config = own_arguments(locals())
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
        config |= {"image_shape": tuple(image_shape), "dilations": tuple(dilations)}
        blocks = Blocks(config, seed)
        super().__init__(
            generator=build_generator(config, blocks),
            discriminator=build_discriminator(config, blocks),
            sample_shape=config["image_shape"],
            seed=seed,
            name=name,
        )
        self.config, self.image_shape = config, config["image_shape"]
        self.coding = ImageCoding(self.image_shape)
        self.masks: Masks = Mixture()  # what `compile` takes by default

    @property
    def largest_hole(self) -> int:
        """How thick the holes are that the model trains on, in pixels, at most.

        `inpaint` shrinks photographs until their holes are no thicker.
        """
        return self.masks.thickest(*self.image_shape[:2])

    # ---------------------------------------------------------------- compile

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss: str | losses.AdversarialLoss = "hinge",
        *,
        masks: str | Masks = "mixture",
        reconstruction: str = "l1",
        hole_weight: float = 1.0,
        known_weight: float = 0.2,
        adversarial_weight: float = 0.01,
        feature_weight: float = 0.0,
        flip: bool = False,
        zoom: float = 1.0,
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
                anew for each batch that comes without masks.
            reconstruction: `"l1"` (DeepFill v2) or `"l2"` (context encoders).
            hole_weight: float, weight of the reconstruction in the hole.
            known_weight: float, weight of the reconstruction of known pixels.
            adversarial_weight: float. With 0 here and for `feature_weight`, pass
                `discriminator_steps=0` as well: nothing needs the discriminator then.
            feature_weight: float, weight of the mean absolute difference between the
                discriminator's features of completed and of original images (Wang et al. 2018,
                pix2pixHD, equation 4).
            flip: bool, mirror training images from left to right at random.
            zoom: float of at least 1: enlarge a random part of half of the training images, up to
                so much. Photographs of more pixels are smoother than small images.
            **kwargs: other arguments of `AdversarialModel.compile`: `r1_penalty`,
                `average_decay`, `discriminator_steps`, `jit_compile` ...

        Raises:
            InvalidInputError: for an unknown name, or a number out of range.
        """
        masks = get_masks(masks)
        check_weight("zoom", zoom, minimum=1)
        inpainting_loss = InpaintingLoss(
            reconstruction, hole_weight, known_weight, adversarial_weight, feature_weight
        )
        super().compile(generator_optimizer, discriminator_optimizer, loss, **kwargs)
        self.masks, self.inpainting_loss, self.flip = masks, inpainting_loss, bool(flip)
        self.zoom = float(zoom)

    def get_compile_config(self) -> dict:
        """Returns how the model was compiled, for `.keras` files."""
        if not self.compiled:
            return {}
        return {
            **super().get_compile_config(),
            "masks": serialize(self.masks),
            **asdict(self.inpainting_loss),
            "flip": self.flip,
            "zoom": self.zoom,
        }

    # ------------------------------------------------------------------------- step

    def prepare_batch(self, data, training=True):
        """Returns the images of a batch of `fit`, and the masks of what is missing.

        Masks that come along, of shape (batch, H, W) or (batch, H, W, 1), are 0 where a pixel is
        known. They are mirrored and enlarged with their images; without them, masks are drawn.
        """
        _, holes, _ = keras.utils.unpack_x_y_sample_weight(data)
        batch = super().prepare_batch(data)
        images = batch.real
        if holes is not None:
            self._check_masks_shape(holes)
            checks = [x for x in (batch.sound, are_masks(holes)) if x is not None]
            batch = batch._replace(sound=ops.all(ops.stack(checks)) if checks else None)
            holes = ops.cast(ops.cast(holes, "bool"), "float32")
            holes = ops.reshape(holes, (-1, *self.sample_shape[:2], 1))
        if training and self.flip:
            images, holes = random_flip(images, holes, self.seed_generator)
        if training and self.zoom > 1.0:
            images, holes = random_zoom(images, holes, self.zoom, self.seed_generator)
        if holes is None:
            count, size = ops.shape(images)[0], self.sample_shape[:2]
            holes = draw_in_step(self.masks, count, size, self.seed_generator)
        return batch._replace(real=images, condition=holes)

    @property
    def data_rule(self):
        return f"{super().data_rule}, with masks that are bool or 0 and 255"

    def check_arrays(self, samples, labels):
        """Checks the images and masks among the arrays that `fit` is given."""
        super().check_arrays(samples, labels)
        if labels is not None:
            self._check_masks_shape(labels)
            labels = to_host(labels)
            ones = labels.dtype.kind == "f" and np.isin(labels, (0, 1)).all()
            shape = (len(labels), *self.sample_shape[:2])
            tiling.check_masks(labels.astype("uint8") if ones else labels, shape)

    def _check_masks_shape(self, masks):
        height, width = size = self.sample_shape[:2]
        shape = tuple(getattr(masks, "shape", ()))
        if shape[1:] not in (size, (*size, 1)):
            raise InvalidInputError(
                "What comes with training images must be their masks, one each, of shape "
                f"(batch, {height}, {width}) or (batch, {height}, {width}, 1); without any, masks "
                "are drawn. For one mask for all images, pass `np.broadcast_to(mask, "
                f"(len(images), {height}, {width}))`. "
                f"Received: {f'shape {shape}' if shape else type(masks).__name__}"
            )

    def generator_input(self, batch):
        return batch.real

    def composite(self, fake, batch):
        """Returns the completed image: drawn in the hole, the image's own pixels elsewhere."""
        return batch.real + batch.condition * (fake - batch.real)

    def generator_loss(self, fake, batch, adversarial_loss, training=True):
        """Returns the `InpaintingLoss`; see `compile`."""

        def distance():
            completed = self.composite(fake, batch)
            return feature_distance(self.discriminator, completed, batch, training)

        return self.inpainting_loss(fake, batch, adversarial_loss, distance)

    def symbolic_inputs(self):
        shape = (None, *self.sample_shape)
        return [keras.KerasTensor(shape), keras.KerasTensor((*shape[:-1], 1))]

    # -------------------------------------------------------------- restoring

    def call(self, inputs, training=False):
        """Returns completed images (batch, H, W, C) of [images, masks (batch, H, W, 1)]."""
        drawn = self.sampling_network()(inputs, training=training)
        return self.composite(drawn, Batch(*inputs))

    def draw_batch(self, images, masks):
        """Returns completed images, of uint8 (batch, H, W, C) and bool (batch, H, W)."""
        holes = masks[..., None]
        inputs = [self.coding.encode(images), ops.cast(holes, "float32")]
        drawn = backend.call_network(self.sampling_network(), inputs, training=False)
        return ops.where(holes, self.coding.decode(drawn), images)

    def refine_batch(self, images, masks, smaller, drawn=None):
        """Fills the holes of one size of photographs: a step of `zoo.models.pyramid`.

        Args:
            images: float32 (batch, S, S, C), in 0..255.
            masks: bool (batch, S, S).
            smaller: float32 (batch, S / 2, S / 2, C), in 0..255: the same at half the size, whole.
            drawn: bool (batch, S, S), where the network has a part in the result; or `None`.

        Returns:
            float32 tensor (batch, S, S, C), in 0..255.
        """
        holes = ops.expand_dims(masks, -1)
        images, smaller = self.coding.scale(images), self.coding.scale(smaller)
        enlarged = enlarge(smaller, images)
        # What the enlarged picture lacks of the known pixels goes on smoothly into the hole.
        lacking = ops.where(holes, 0.0, images - enlarged)
        surface = self._clip(enlarged + fill_with_spline(lacking, holes))
        if drawn is not None:
            holes = ops.cast(holes, "float32")
            # Each by the inverse of its expected squared error: both are wrong the more the more
            # detail there is, and the network by a little where there is none.
            detail = ops.mean(ops.square(lacking), axis=-1, keepdims=True)
            detail = pull_push(detail, holes)
            floor = NETWORK_ERROR * (self.coding.high - self.coding.low) / 255
            share = detail / (2 * detail + floor**2)
            share = share * ops.cast(ops.expand_dims(drawn, -1), "float32")
            surface = surface + share * (self._clip(self._draw_mirrored(images, holes)) - surface)
        return self.coding.unscale(surface)

    def _clip(self, images):
        return ops.clip(images, self.coding.low, self.coding.high)

    def _draw_mirrored(self, images, holes):
        """Returns the mean of what the network draws of images and of their mirror images."""

        def mirrored(x):
            x = ops.concatenate([x, ops.flip(x, axis=1)], axis=0)
            return ops.concatenate([x, ops.flip(x, axis=2)], axis=0)

        inputs = [mirrored(images), mirrored(holes)]
        drawn = backend.call_network(self.sampling_network(), inputs, training=False)
        drawn = ops.cast(drawn, "float32")
        for axis in (2, 1):
            first, second = ops.split(drawn, 2, axis=0)
            drawn = (first + ops.flip(second, axis=axis)) / 2
        return drawn

    def inpaint(
        self,
        images,
        masks,
        batch_size: int = 64,
        progress: Callable[[float], Any] | bool | None = None,
    ) -> np.ndarray:
        """Fills the holes of images.

        Images no larger than `image_shape` are drawn in one pass. Larger ones are photographs, and
        restored from coarse to fine: see `zoo.models.pyramid`.

        Args:
            images: uint8 (N, H, W, C) or one image (H, W, C), H and W from 16 to 8,192 pixels.
            masks: bool, or uint8 of 0 and 255: (N, H, W), or (H, W) for all images. True or 255
                where a pixel is missing; what the image holds there has no influence.
            batch_size: int, images of 64x64 pixels per forward pass, where they are drawn in one.
            progress: `True` for Keras' progress bar; or a function that is called with the share
                that is done, from 0 to 1.

        Returns:
            uint8 array of the images' shape. Known pixels are bit-identical. Memory beyond it is
            at most about three times that of one image.

        Raises:
            InvalidInputError: for images or masks of another type or shape.

        Example:

        ```python
        photo, hole = np.zeros((50, 40, 3), "uint8"), np.zeros((50, 40), bool)  # yours
        hole[20:30, 10:20] = True
        restored = zoo.load("inpaint_scenes64").inpaint(photo, hole)  # uint8 (50, 40, 3)
        ```
        """
        if progress is True:
            bar = keras.utils.Progbar(100, unit_name="percent")
            return tiling.inpaint(
                self, images, masks, batch_size, lambda share: bar.update(int(100 * share))
            )
        return tiling.inpaint(self, images, masks, batch_size, progress or None)

    def preview(self, images, count: int, seed: int | None = 0) -> np.ndarray:
        """Returns the first `count` of `images` restored, with holes drawn by a seed."""
        images = images[:count]
        return self.inpaint(images, draw(self.masks, len(images), images.shape[1:3], seed))


def are_masks(masks):
    """Returns whether all values are a mask's, a scalar bool tensor; `None` for bool.

    Integers are 0 and 1, or 0 and 255; floats are 0 and 1.
    """
    dtype = keras.backend.standardize_dtype(masks.dtype)
    if dtype == "bool":
        return None
    masks = ops.cast(masks, "float32")
    missing = ops.max(masks) if "int" in dtype else ops.ones(())
    plain = ops.all(ops.logical_or(ops.equal(masks, 0.0), ops.equal(masks, missing)))
    known = functools.reduce(ops.logical_or, (ops.equal(missing, x) for x in (0.0, 1.0, 255.0)))
    return ops.logical_and(plain, known)
