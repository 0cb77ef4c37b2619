"""Random changes of training images, inside the step."""

import keras
from keras import ops


def random_flip(images, seed):
    """Mirrors each image from left to right with probability one half.

    Args:
        images: tensor (batch, H, W, C).
        seed: `keras.random.SeedGenerator`.

    Returns:
        Tensor of the same shape and type.
    """
    coins = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=seed)
    return ops.where(coins < 0.5, images, ops.flip(images, axis=2))
