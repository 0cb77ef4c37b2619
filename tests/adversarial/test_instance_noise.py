"""Instance noise: how strong it is, how it fades, and who sees it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import array
from zoo.adversarial.instance_noise import InstanceNoise
from zoo.errors import InvalidInputError


def added(noise, iterations, shape=(200, 50), dtype="float32"):
    samples = ops.zeros(shape, dtype)
    seed = keras.random.SeedGenerator(0)
    noisy = noise(samples, ops.convert_to_tensor(iterations), seed)
    assert keras.backend.standardize_dtype(noisy.dtype) == dtype
    return array(ops.cast(noisy, "float32"))


@pytest.mark.parametrize(
    ("steps", "iterations", "expected"),
    [(None, 0, 0.3), (None, 10**6, 0.3), (100, 0, 0.3), (100, 25, 0.225), (100, 75, 0.075)],
)
def test_the_deviation_falls_linearly(steps, iterations, expected):
    values = added(InstanceNoise(0.3, steps), iterations)
    assert values.std() == pytest.approx(expected, rel=0.02)
    assert abs(values.mean()) < 0.02 * expected + 0.01


@pytest.mark.parametrize("iterations", [100, 101, 10**6])
def test_after_its_steps_there_is_none(iterations):
    assert not added(InstanceNoise(0.3, 100), iterations).any()


def test_samples_keep_their_type():
    assert added(InstanceNoise(0.3), 0, dtype="float16").std() == pytest.approx(0.3, rel=0.02)


class Watched(layers.Layer):
    """A discriminator's first layer that adds up the squares of what it sees."""

    def build(self, input_shape):
        del input_shape
        self.squares = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.passes = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        if training:
            self.squares.assign(self.squares + ops.mean(ops.square(inputs)))
            self.passes.assign(self.passes + 1.0)
        return inputs


def build(**settings):
    """A generator of zeros, on data of zeros: all that the discriminator sees is noise."""
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(64, kernel_initializer="zeros")])
    watched = Watched()
    discriminator = keras.Sequential([keras.Input((64,)), watched, layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=0)
    still = keras.optimizers.SGD(0.0)
    model.compile(still, keras.optimizers.SGD(0.0), **settings)
    return model, watched


@pytest.mark.parametrize("settings", [{}, {"r1_penalty": 0.1}, {"gradient_penalty": 1.0}])
def test_noise_reaches_all_that_the_discriminator_sees_and_fades(settings):
    model, watched = build(instance_noise=0.5, instance_noise_steps=4, **settings)
    zeros = np.zeros((64, 64), "float32")
    # Real and fake of the discriminator's update, fake of the generator's; points in between.
    passes = 4 if "gradient_penalty" in settings else 3
    expected = [0.25 * share**2 for share in (1.0, 0.75, 0.5, 0.25, 0.0)]
    for variance in expected:
        before = [float(array(v)) for v in (watched.squares, watched.passes)]
        model.train_on_batch(zeros)
        squares, count = (
            float(array(v)) - b
            for v, b in zip((watched.squares, watched.passes), before, strict=True)
        )
        assert count == passes
        assert squares / count == pytest.approx(variance, rel=0.1, abs=1e-6)


def test_evaluation_and_models_without_it_see_none():
    model, watched = build()
    model.train_on_batch(np.zeros((8, 64), "float32"))
    assert float(array(watched.squares)) == 0.0
    model, _ = build(instance_noise=100.0)
    logits = model.evaluate(np.zeros((8, 64), "float32"), verbose=0, return_dict=True)
    assert logits["discriminator_loss"] == pytest.approx(2 * np.log(2), rel=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"instance_noise": -0.1},
        {"instance_noise": float("nan")},
        {"instance_noise": 0.1, "instance_noise_steps": 0},
        {"instance_noise": 0.1, "instance_noise_steps": 1.5},
    ],
)
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(InvalidInputError, match="instance_noise"):
        build(**settings)
