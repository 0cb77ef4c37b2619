"""The moving average of a generator: its recursion, and that it is a copy."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import array
from zoo.adversarial.average import copy_network, update_average
from zoo.errors import InvalidInputError


def make_network():
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=1),
            layers.Dense(1),
        ],
        name="generator",
    )
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in network.get_weights()])
    return network


def floats(network):
    return [v for v in network.variables if keras.backend.is_float_dtype(v.dtype)]


def fill(network, value):
    for variable in floats(network):
        variable.assign(ops.full(variable.shape, value))


@pytest.fixture
def network():
    return make_network()


@pytest.fixture
def average(network):
    return copy_network(network, keras.KerasTensor((None, 2)))


# ----------------------------------------------------------------------------------- copy


def test_a_copy_computes_the_same(network, average):
    latents = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
    np.testing.assert_array_equal(array(average(latents)), array(network(latents)))
    assert len(average.variables) == len(network.variables)


@pytest.mark.parametrize("changed", ["network", "average"])
def test_changing_one_leaves_the_other(network, average, changed):
    one, other = (network, average) if changed == "network" else (average, network)
    before = [array(v).copy() for v in other.variables]
    fill(one, 7.0)
    for variable, old in zip(other.variables, before, strict=True):
        np.testing.assert_array_equal(array(variable), old)


def test_a_copy_is_not_trainable(network, average):
    assert average.trainable_variables == []
    # Two kernels, two biases, gamma and beta.
    assert len(network.trainable_variables) == 6


def test_statistics_stay_still_in_a_copy(average):
    before = [array(v).copy() for v in floats(average)]
    average(np.full((4, 2), 9.0, "float32"), training=True)
    for variable, old in zip(floats(average), before, strict=True):
        np.testing.assert_array_equal(array(variable), old)


def test_a_subclassed_network_with_a_configuration_is_copied():
    @keras.saving.register_keras_serializable("tests")
    class Mine(keras.Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units, self.dense = units, keras.layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

        def get_config(self):
            return {"units": self.units}

    network = Mine(3)
    network(ops.zeros((1, 2)))
    copy = copy_network(network, keras.KerasTensor((None, 2)))
    assert type(copy) is Mine
    np.testing.assert_array_equal(copy.get_weights()[0], network.get_weights()[0])


def test_a_network_without_a_configuration_is_refused():
    class Opaque(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

    network = Opaque(3)
    network(ops.zeros((1, 2)))
    with pytest.raises(InvalidInputError, match=r"get_config.*register.*Keras said") as caught:
        copy_network(network, keras.KerasTensor((None, 2)))
    assert caught.value.__cause__ is not None


# --------------------------------------------------------------------------------- update


@pytest.mark.parametrize(
    ("decay", "iterations", "effective"),
    [
        (0.999, 0, 1 / 10),
        (0.999, 1, 2 / 11),
        (0.999, 90, 91 / 100),
        (0.999, 100_000, 0.999),
        (0.5, 7, 8 / 17),
        (0.5, 8, 0.5),
        (0.5, 9, 0.5),
        (0.0, 100, 0.0),
    ],
)
def test_an_update_moves_by_one_minus_the_decay_of_that_step(
    network, average, decay, iterations, effective
):
    fill(average, 1.0)
    fill(network, 3.0)
    update_average(average, network, decay, iterations)
    for variable in floats(average):
        np.testing.assert_allclose(
            array(variable), 3.0 - 2.0 * effective, rtol=1e-5, err_msg=variable.path
        )
    for variable in floats(network):
        assert (array(variable) == 3.0).all()


def test_updates_follow_the_recursion(network, average):
    rng, decay = np.random.default_rng(2), 0.7
    expected = 4.0
    fill(average, expected)
    for iterations in range(1, 8):
        value = rng.normal()
        fill(network, value)
        update_average(average, network, decay, iterations)
        effective = min(decay, (1 + iterations) / (10 + iterations))
        expected = effective * expected + (1 - effective) * value
    for variable in floats(average):
        np.testing.assert_allclose(array(variable), expected, rtol=1e-4, atol=1e-6)


def test_batch_statistics_are_averaged_too(network, average):
    fill(average, 0.0)
    normalization = network.layers[1]
    normalization.moving_mean.assign(ops.full((3,), 2.0))
    update_average(average, network, 0.5, 1000)
    np.testing.assert_allclose(array(average.layers[1].moving_mean), 1.0)


def test_seeds_are_left_alone(network, average):
    state = average.layers[2].seed_generator.state
    before = array(state).copy()
    network.layers[2](np.ones((1, 3), "float32"), training=True)  # draws, so its seed moves on
    update_average(average, network, 0.5, 10)
    np.testing.assert_array_equal(array(state), before)


def test_iterations_may_be_an_optimizers_variable(network, average):
    optimizer, weight = keras.optimizers.SGD(0.1), keras.Variable([1.0])
    optimizer.apply([ops.convert_to_tensor([1.0])], [weight])
    fill(average, 1.0)
    fill(network, 3.0)
    update_average(average, network, 0.999, optimizer.iterations)
    np.testing.assert_allclose(array(floats(average)[0]), 3.0 - 2.0 * 2 / 11, rtol=1e-5)
