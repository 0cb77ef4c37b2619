"""Helpers of several areas' tests: a small pair of networks, its batches, and arrays of tensors."""

import keras
import numpy as np
from keras import layers, ops

import zoo

BATCH = 8
"""Samples per step."""
LATENT_DIM = 3


class FixedLatents(zoo.AdversarialModel):
    """Draws the same latents in every step, so that a step can be computed by hand."""

    fixed = None

    def draw_latents(self, batch_size):
        return ops.convert_to_tensor(self.fixed)[:batch_size]


class Batches(keras.utils.PyDataset):
    """Hands over the batches of a list."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def values(variables):
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


def same(before, after):
    return [np.array_equal(x, y) for x, y in zip(before, after, strict=True)]


def build(model_class=zoo.AdversarialModel, dropout=0.0, **settings):
    """Builds two small networks with everything that has state: batch normalization, dropout."""
    keras.utils.set_random_seed(1)
    generator = keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(6, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(),
            layers.Dense(2),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(6, "tanh"),
            # Right after the first layer it would undo any shift of the samples: the gradient of
            # the generator's last bias would be pure rounding error, which Adam blows up.
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(),
            layers.Dropout(dropout, seed=5),
            layers.Dense(1),
        ]
    )
    model = model_class(generator, discriminator, LATENT_DIM, seed=2)
    settings.setdefault("generator_optimizer", keras.optimizers.Adam(1e-2))
    settings.setdefault("discriminator_optimizer", keras.optimizers.Adam(1e-2))
    model.compile(**settings)
    return model


def batches(count, poisoned=(), value=np.nan):
    """Returns batches of points around (2, 2), with one poisoned point in some of them."""
    points = normal(count * BATCH, 2, seed=3) + 2.0
    for index in poisoned:
        points[index * BATCH, 0] = value
    return np.split(points, count)


def array(tensor):
    """Returns a tensor, variable or array as a NumPy array, even if it requires gradients."""
    return ops.convert_to_numpy(ops.stop_gradient(ops.convert_to_tensor(tensor)))
