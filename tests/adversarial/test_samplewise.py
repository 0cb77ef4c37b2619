"""Two batches go through as one only where no sample can tell."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from zoo.adversarial.step import is_samplewise
from zoo.layers.spectral import SpectralConv2D, SpectralDense


class Custom(layers.Dense):
    """Somebody's own layer may do anything."""


def centered(x):
    """An activation function that looks at the whole batch."""
    return x - ops.mean(x, axis=0)


def network(*middle):
    return keras.Sequential([keras.Input((4, 4, 2)), *middle, layers.Flatten(), layers.Dense(1)])


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        ([layers.Conv2D(3, 2), layers.LeakyReLU(), layers.Dropout(0.1)], True),
        ([layers.BatchNormalization()], False),
        ([layers.GroupNormalization(2)], False),
        ([SpectralConv2D(2, 3)], False),
        ([SpectralDense(3)], False),
        ([Custom(3)], False),
        ([keras.Sequential([layers.Dense(3)])], False),
        ([layers.Dense(3, "gelu"), layers.Activation(layers.LeakyReLU())], True),
        ([layers.Dense(3, centered)], False),
        ([layers.Activation(centered)], False),
        ([layers.Dense(3, "softmax")], False),
        ([layers.Dropout(0.1, noise_shape=(1, 4, 4, 2))], False),
        ([type("Dense", (layers.Dense,), {"__module__": layers.Dense.__module__})(3)], False),
    ],
    ids=[
        *("plain", "batch norm", "group norm", "spectral", "spectral dense", "custom", "nested"),
        *("activations", "own activation", "own activation layer", "softmax", "shared mask"),
        "same name",
    ],
)
def test_known_layers_only(middle, expected):
    assert is_samplewise(network(*middle)) is expected


def test_families():
    assert is_samplewise(zoo.VanillaGAN((28, 28, 1), hidden_units=(4,)).discriminator)
    assert is_samplewise(zoo.DCGAN(base_filters=2).discriminator)
    normalized = zoo.DCGAN(base_filters=2, discriminator_batch_norm=True)
    assert not is_samplewise(normalized.discriminator)
    assert not is_samplewise(zoo.InpaintingGAN((16, 16, 3), base_filters=2).discriminator)


def test_one_pass_trains_as_two_do():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 28, 28, 1), "uint8")
    results = []
    for together in (True, False):
        model = zoo.VanillaGAN((28, 28, 1), hidden_units=(8, 4), seed=0)
        model.samplewise = together
        model.compile()
        losses = [model.train_on_batch(batch, return_dict=True) for batch in images]
        results.append([[step[name] for name in sorted(step)] for step in losses])
    np.testing.assert_allclose(*results, rtol=1e-5)
