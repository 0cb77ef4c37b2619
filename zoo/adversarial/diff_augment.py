"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, DiffAugment)."""

import keras
from keras import ops

from zoo.checks import read_policy
from zoo.errors import InvalidInputError

LARGEST_SHIFT = 0.125
"""Of a translation, as a share of the image's side."""
CUTOUT = 0.5
"""Side of the square that is hidden, as a share of the image's."""


class DiffAugment:
    """Augments all that a discriminator sees in training, real and generated, in both updates.

    With few images a discriminator learns them by heart. Augmenting the real ones alone would teach
    the generator to draw augmented images; augmenting all, by functions that gradients pass
    through, doesn't (Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training,
    arXiv:2006.10738). Each image has its own draws:

    - color: brightness + U(-0.5, 0.5), saturation * U(0, 2), contrast * U(0.5, 1.5), in this order,
      of values in [-1, 1].
    - translation: by up to an eighth of each side, in whole pixels.
    - cutout: a square of half the image's sides is hidden; its center is anywhere in the image.

    Where nothing is left to see, there is the middle of the range, the 0 of the paper's code.

    Args:
        policy: what `zoo.checks.read_policy` reads.
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

    def __init__(self, policy, sample_shape, low=-1.0, high=1.0):
        self.policy = read_policy(policy)
        if len(sample_shape) != 3:
            raise InvalidInputError(
                "`diff_augment` is for images, samples of shape (height, width, channels). "
                f"Received: samples of shape {tuple(sample_shape)}; leave `diff_augment` out. "
                "`instance_noise` goes with any data."
            )
        self.middle, self.half_range = (low + high) / 2, (high - low) / 2

    def __call__(self, images, condition, seed):
        """Augments images, and with them what is known of each pixel.

        A condition that is a map of the images' size (the mask of an inpainting model) is moved as
        its image is, and is 0 where the image shows nothing: no pixel that is not seen counts as
        one that the generator drew. Any other condition, a class, stays as it is.

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
            # One call of the generator for each: launches cost more than numbers.
            draws = keras.random.uniform((ops.shape(images)[0], draws), dtype="float32", seed=seed)
            draws = ops.split(draws, draws.shape[1], axis=1)
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
    """Moves images; what comes in is 0.

    Two products with matrices of zeros and ones: fast on every backend, and differentiable as often
    as anybody likes, which a gather isn't everywhere.

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
"""Each with the number of its draws."""


def _sides(tensor):
    """Height and width of images or of maps; `None` of anything else."""
    return tuple(tensor.shape[1:3]) if len(tensor.shape) == 4 else None


def _shift_matrix(draws, side):
    """Matrices (batch, side, side) that move by -largest ... largest: 1 at [i, i - shift]."""
    largest = int(side * LARGEST_SHIFT + 0.5)
    shift = _integer(draws, 2 * largest + 1) - largest
    index = ops.arange(side, dtype="int32")
    source = index[None, :, None] - shift[:, :, None]
    return ops.cast(ops.equal(source, index[None, None, :]), "float32")


def _hidden(draws, side):
    """1 where a stretch of half the side lies, cut off at both ends: (batch, side)."""
    size = int(side * CUTOUT + 0.5)
    # A stretch of an even length has its center between two pixels: one place more.
    start = _integer(draws, side + 1 - size % 2) - size // 2
    index = ops.arange(side, dtype="int32")[None, :]
    return ops.cast(ops.logical_and(index >= start, index < start + size), "float32")


def _integer(draws, count):
    """Uniform in 0 ... count - 1, of a draw in [0, 1)."""
    # float32 rounds the product of the largest draw up to `count`.
    return ops.minimum(ops.cast(ops.floor(draws * count), "int32"), count - 1)
