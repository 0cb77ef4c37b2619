"""The fused Adam: Keras' own formula, whatever the gradient's layout in memory."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend
from zoo.backend import adam

RATE, BETA_1, BETA_2, EPSILON = 1e-2, 0.5, 0.99, 1e-3
STEPS = 3


def expected(value, gradients):
    """Kingma & Ba 2015, with epsilon where Keras has it."""
    first = second = np.zeros_like(value)
    for step, gradient in enumerate(gradients, start=1):
        first = BETA_1 * first + (1 - BETA_1) * gradient
        second = BETA_2 * second + (1 - BETA_2) * gradient**2
        rate = RATE * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        value = value - rate * first / (np.sqrt(second) + EPSILON)
    return value


def train(optimizer, variable, gradients):
    optimizer.build([variable])
    for gradient in gradients:
        # (b, a) in memory, seen as (a, b): a convolution's gradient looks like that on PyTorch.
        gradient = ops.transpose(ops.convert_to_tensor(np.ascontiguousarray(gradient.T)))
        backend.apply_gradients(optimizer, [gradient], [variable])


@pytest.mark.parametrize(
    "options",
    [{}, {"global_clipnorm": 1e9}, {"weight_decay": 1e-12}, {"clipvalue": 1e9}],
    ids=["plain", "clipnorm", "decay", "clipvalue"],
)
def test_an_update_is_that_of_the_paper(options):
    rng = np.random.default_rng(0)
    value = rng.normal(size=(3, 4)).astype("float32")
    gradients = rng.normal(size=(STEPS, 3, 4)).astype("float32")
    variable = keras.Variable(value)
    optimizer = keras.optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON, **options)
    assert adam.is_plain(optimizer, [variable]) == (not options)
    train(optimizer, variable, gradients)
    assert int(ops.convert_to_numpy(optimizer.iterations)) == STEPS
    np.testing.assert_allclose(
        ops.convert_to_numpy(variable), expected(value, gradients), rtol=1e-5, atol=1e-6
    )


def test_a_schedule_is_followed():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.0])
    variable = keras.Variable(np.ones((2, 3), "float32"))
    optimizer = keras.optimizers.Adam(schedule)
    assert adam.is_plain(optimizer, [variable])
    values = []
    for steps in (1, 1, 1, 1):
        train(optimizer, variable, np.ones((steps, 2, 3), "float32"))
        values.append(ops.convert_to_numpy(variable).copy())
    assert (values[0] < 1).all()
    np.testing.assert_array_equal(values[-1], values[-2])


@pytest.mark.parametrize("kind", ["AdamW", "RMSprop"])
def test_others_are_not_taken_for_it(kind):
    variable = keras.Variable(np.ones((2, 2), "float32"))
    optimizer = getattr(keras.optimizers, kind)(1e-3)
    assert not adam.is_plain(optimizer, [variable])
    constrained = keras.Variable(np.ones((2, 2), "float32"))
    constrained.constraint = keras.constraints.NonNeg()
    assert not adam.is_plain(keras.optimizers.Adam(), [constrained])
