"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, DiffAugment)."""

import functools

import keras
from keras import ops

from zoo import distribution
from zoo.checks import read_policy
from zoo.errors import InvalidInputError

LARGEST_SHIFT = 0.125
"""The largest translation, as a share of the image's side."""
CUTOUT = 0.5
"""Side of the hidden square, as a share of the image's."""


class DiffAugment:
    """Augments all that a discriminator sees in training, real and generated, in both updates.

    A discriminator memorizes a small data set. Augmenting the real images alone would teach the
    generator to draw augmented ones; augmenting all images, by differentiable functions, does not
    (Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training,
    arXiv:2006.10738). Each image has its own draws:

    - color: brightness + U(-0.5, 0.5), saturation * U(0, 2), contrast * U(0.5, 1.5), in this order,
      of values in [-1, 1].
    - translation: by up to an eighth of each side, in whole pixels.
    - cutout: a square of half the image's sides is hidden; its center is anywhere in the image.

    Hidden pixels take the middle of the range, which is 0 in the paper's code.

    Args:
        policy: the augmentations, as `zoo.checks.read_policy` reads them.
        sample_shape: tuple, (H, W, C).
        low: float, the value of black.
        high: float, the value of white.

    Raises:
        InvalidInputError: for an unknown policy, or samples that aren't images.

    Example:

    ```python
    augment = DiffAugment("color,translation,cutout", (28, 28, 1))
    shown, _ = augment(images, None, keras.random.SeedGenerator(0))  # float32 (batch, 28, 28, 1)
    ```
    """

    def __init__(
        self,
        policy: str | tuple[str, ...],
        sample_shape: tuple[int, ...],
        low: float = -1.0,
        high: float = 1.0,
    ):
        self.policy = read_policy(policy)
        if len(sample_shape) != 3:
            raise InvalidInputError(
                "`diff_augment` is for images, samples of shape (height, width, channels); "
                "`instance_noise` works on any data. "
                f"Received: samples of shape {tuple(sample_shape)}"
            )
        self.middle, self.half_range = (low + high) / 2, (high - low) / 2

    def __call__(self, images, condition, seed):
        """Augments images, and their masks with them.

        A condition that is a map of the images' size (the mask of an inpainting model) is moved
        with its image, and is 0 where the image is hidden: no hidden pixel counts as one that the
        generator drew. Any other condition, a class, stays unchanged.

        Args:
            images: tensor (batch, H, W, C).
            condition: tensor (batch, ...) or `None`.
            seed: `keras.random.SeedGenerator`.

        Returns:
            float32 images, and the condition.
        """
        images = (ops.cast(images, "float32") - self.middle) / self.half_range
        is_map = condition is not None and _sides(condition) == _sides(images)
        for name in self.policy:
            function, draws = AUGMENTATIONS[name]
            # One call of the generator for all draws: launches cost more than numbers.
            draw = functools.partial(_uniform, draws, seed)
            numbers = distribution.own_rows(draw, ops.shape(images)[0])
            draws = ops.split(numbers, draws, axis=1)
            images = function(images, *draws)
            if is_map and function is not color:
                condition = function(condition, *draws)
        return images * self.half_range + self.middle, condition


def color(images, brightness, saturation, contrast):
    """Changes the brightness, the saturation and the contrast of images.

    Args:
        images: float32 tensor (batch, H, W, C), of values in [-1, 1].
        brightness: float32 tensor (batch, 1) in [0, 1): a half changes nothing.
        saturation: likewise.
        contrast: likewise.

    Returns:
        Tensor of the same shape; its values may leave the range, as in the paper's code.
    """
    brightness, saturation, contrast = (
        ops.reshape(draws, (-1, 1, 1, 1)) for draws in (brightness, saturation, contrast)
    )
    images = images + (brightness - 0.5)
    if images.shape[-1] > 1:
        gray = ops.mean(images, axis=-1, keepdims=True)
        images = gray + (images - gray) * (2.0 * saturation)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (contrast + 0.5)


def translation(images, down, right):
    """Moves images; pixels that come into view are 0.

    Two products with matrices of zeros and ones: fast on every backend, and differentiable any
    number of times, which a gather isn't everywhere.

    Args:
        images: float32 tensor (batch, H, W, C).
        down: float32 tensor (batch, 1) in [0, 1): a half moves nothing.
        right: likewise.

    Returns:
        Tensor of the same shape.
    """
    height, width = _sides(images)
    rows, columns = _shift_matrix(down, height), _shift_matrix(right, width)
    images = ops.einsum("bij,bjwc->biwc", rows, images)
    return ops.einsum("bij,bhjc->bhic", columns, images)


def cutout(images, down, right):
    """Hides a rectangle of half the sides of each image behind zeros.

    Args:
        images: float32 tensor (batch, H, W, C).
        down: float32 tensor (batch, 1) in [0, 1), where the rectangle's center is.
        right: likewise.

    Returns:
        Tensor of the same shape.
    """
    height, width = _sides(images)
    rows, columns = _hidden(down, height), _hidden(right, width)
    hidden = rows[:, :, None, None] * columns[:, None, :, None]
    return images * (1.0 - hidden)


AUGMENTATIONS = {"color": (color, 3), "translation": (translation, 2), "cutout": (cutout, 2)}
"""Each augmentation, and how many draws it takes."""


def _uniform(draws, seed, count):
    return keras.random.uniform((count, draws), dtype="float32", seed=seed)


def _sides(tensor):
    """Returns height and width of images or maps; `None` for anything else."""
    return tuple(tensor.shape[1:3]) if len(tensor.shape) == 4 else None


def _shift_matrix(draws, side):
    """Returns matrices (batch, side, side) that move by up to `largest`: 1 at [i, i - shift]."""
    largest = int(side * LARGEST_SHIFT + 0.5)
    shift = _integer(draws, 2 * largest + 1) - largest
    index = ops.arange(side, dtype="int32")
    source = index[None, :, None] - shift[:, :, None]
    return ops.cast(ops.equal(source, index[None, None, :]), "float32")


def _hidden(draws, side):
    """Returns (batch, side): 1 on a stretch of half the side, cut off at both ends."""
    size = int(side * CUTOUT + 0.5)
    # A stretch of an even length has its center between two pixels: one place more.
    start = _integer(draws, side + 1 - size % 2) - size // 2
    index = ops.arange(side, dtype="int32")[None, :]
    return ops.cast(ops.logical_and(index >= start, index < start + size), "float32")


def _integer(draws, count):
    """Turns a draw in [0, 1) into an integer, uniform in 0 ... count - 1."""
    # float32 rounds the product of the largest draw up to `count`.
    return ops.minimum(ops.cast(ops.floor(draws * count), "int32"), count - 1)
