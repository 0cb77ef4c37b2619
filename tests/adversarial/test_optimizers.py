"""The pair of optimizers: one for Keras' trainer and its files, two for the step."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.helpers import array, batches, build
from zoo import backend
from zoo.adversarial.optimizers import PairedOptimizer
from zoo.layers.initializers import Normal

SAMPLES = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def number(tensor):
    return array(ops.convert_to_tensor(tensor)).item()


def make_pair(generator_rate=1e-3, discriminator_rate=4e-3):
    return PairedOptimizer(
        keras.optimizers.Adam(generator_rate, beta_1=0.5),
        keras.optimizers.RMSprop(discriminator_rate),
    )


def make_model(seed=0):
    def dense(units, **kwargs):
        return keras.layers.Dense(units, kernel_initializer=Normal(0.0, 0.5, seed), **kwargs)

    generator = keras.Sequential([keras.Input((2,)), dense(4, activation="tanh"), dense(3)])
    discriminator = keras.Sequential([keras.Input((3,)), dense(5, activation="tanh"), dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=seed)
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5), keras.optimizers.RMSprop(0.02))
    return model


@pytest.fixture(scope="module")
def trained():
    model = make_model()
    model.fit(SAMPLES, batch_size=4, epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "trained.weights.h5"
    trained.save_weights(path)
    return path


# ------------------------------------------------------------------------------ variables


def test_variables_are_those_of_both_halves():
    pair = make_pair()
    generator, discriminator = keras.Variable([[1.0, 2.0]]), keras.Variable([3.0])
    pair.build_pair([generator], [discriminator])
    halves = pair.generator_optimizer.variables, pair.discriminator_optimizer.variables
    # Adam: iteration, rate, two moments; RMSprop: iteration, rate, one moment.
    assert [len(variables) for variables in halves] == [4, 3]
    assert [id(v) for v in pair.variables] == [id(v) for v in [*halves[0], *halves[1]]]
    assert {tuple(v.shape) for v in halves[0]} == {(), (1, 2)}
    assert {tuple(v.shape) for v in halves[1]} == {(), (1,)}
    assert pair.built


def test_building_again_keeps_the_slots():
    pair = make_pair()
    variables = [keras.Variable([1.0])], [keras.Variable([2.0])]
    pair.build_pair(*variables)
    slots = [id(v) for v in pair.variables]
    pair.build_pair(*variables)
    pair.build(variables[0] + variables[1])
    assert [id(v) for v in pair.variables] == slots


def test_iterations_are_the_generators_updates():
    pair = make_pair()
    generator, discriminator = keras.Variable([1.0]), keras.Variable([2.0])
    pair.build_pair([generator], [discriminator])
    gradient = ops.convert_to_tensor([1.0])
    for _ in range(3):
        pair.discriminator_optimizer.apply([gradient], [discriminator])
    pair.generator_optimizer.apply([gradient], [generator])
    assert number(pair.iterations) == 1


def test_iterations_with_a_loss_scale_are_the_updates_that_were_made():
    inner = keras.optimizers.SGD(0.1)
    pair = PairedOptimizer(keras.optimizers.LossScaleOptimizer(inner), keras.optimizers.SGD(0.1))
    generator = keras.Variable([1.0])
    pair.build_pair([generator], [keras.Variable([1.0])])
    for gradient in (1.0, np.inf, 1.0):  # an overflow is skipped
        gradients = [ops.convert_to_tensor(np.array([gradient], "float32"))]
        backend.apply_gradients(pair.generator_optimizer, gradients, [generator])
    assert number(pair.iterations) == 2


# -------------------------------------------------------------------------- learning rate


def test_learning_rate_is_the_generators():
    assert number(make_pair(1e-3, 4e-3).learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("rate", [5e-4, 0.1, np.float32(2e-3)])
def test_setting_the_learning_rate_keeps_the_ratio(rate):
    pair = make_pair(1e-3, 4e-3)
    pair.learning_rate = rate
    assert number(pair.generator_optimizer.learning_rate) == pytest.approx(float(rate))
    assert number(pair.discriminator_optimizer.learning_rate) == pytest.approx(4 * float(rate))


def test_setting_the_learning_rate_many_times_does_not_drift():
    pair = make_pair(1e-3, 4e-3)
    for exponent in np.random.default_rng(0).uniform(-8, 0, 300):
        pair.learning_rate = 10.0**exponent
    pair.learning_rate = 1e-3
    assert number(pair.discriminator_optimizer.learning_rate) == pytest.approx(4e-3, rel=1e-3)


def test_a_schedule_for_the_pair_is_refused():
    pair = make_pair()
    with pytest.raises(TypeError, match="pass it to `generator_optimizer`"):
        pair.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    assert number(pair.learning_rate) == pytest.approx(1e-3)


def test_a_rate_of_zero_does_not_lose_the_ratio():
    """As a warm-up from 0 sets it."""
    pair = make_pair(1e-3, 4e-3)
    pair.learning_rate = 0.0
    assert number(pair.discriminator_optimizer.learning_rate) == 0.0
    pair.learning_rate = 2e-3
    assert number(pair.discriminator_optimizer.learning_rate) == pytest.approx(8e-3)


def test_a_rate_that_one_half_refuses_changes_neither():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    pair = PairedOptimizer(keras.optimizers.SGD(0.1), keras.optimizers.SGD(schedule))
    with pytest.raises(TypeError):
        pair.learning_rate = 0.5
    assert number(pair.learning_rate) == pytest.approx(0.1)


# -------------------------------------------------------------------------- serialization


def test_serialization_round_trip():
    pair = make_pair()
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(pair))
    assert type(copy) is PairedOptimizer
    assert copy.get_config() == pair.get_config()
    assert isinstance(copy.generator_optimizer, keras.optimizers.Adam)
    assert copy.generator_optimizer.beta_1 == 0.5
    assert isinstance(copy.discriminator_optimizer, keras.optimizers.RMSprop)
    assert number(copy.discriminator_optimizer.learning_rate) == pytest.approx(4e-3)


def test_configuration_is_plain_data():
    pair = PairedOptimizer(
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    )
    config = json.loads(json.dumps(pair.get_config()))
    assert PairedOptimizer.from_config(config).get_config() == pair.get_config()


# ---------------------------------------------------------------------------------- files


def saved_arrays(path):
    found = {}
    with h5py.File(path) as store:
        store.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_each_slot_is_saved_once(trained, file):
    saved = {
        name: value for name, value in saved_arrays(file).items() if name.startswith("optimizer/")
    }
    assert len(saved) == len(trained.optimizer.variables)
    for half in ("generator_optimizer", "discriminator_optimizer"):
        variables = getattr(trained.optimizer, half).variables
        for index, variable in enumerate(variables):
            value = saved.pop(f"optimizer/{half}/vars/{index}")
            np.testing.assert_array_equal(value, array(variable), err_msg=variable.path)
    assert not saved


def test_loading_restores_slots_counts_and_rates(trained, file):
    fresh = make_model(seed=1)
    fresh.optimizer.learning_rate = 0.5  # as another recipe would
    fresh.load_weights(file)
    pairs = zip(fresh.optimizer.variables, trained.optimizer.variables, strict=True)
    for mine, original in pairs:
        np.testing.assert_array_equal(array(mine), array(original), err_msg=mine.path)
    assert number(fresh.optimizer.iterations) == 4


# ------------------------------------------------------------------------ weight averages


def test_averages_of_either_half_are_written_at_the_end():
    """Keras' own `use_ema`: at the end of `fit` the weights become their average."""
    generator, discriminator = keras.Variable([0.0]), keras.Variable([0.0])
    pair = PairedOptimizer(
        keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), keras.optimizers.SGD(1.0)
    )
    pair.build_pair([generator], [discriminator])
    gradient = ops.convert_to_tensor([-1.0])
    for _ in range(2):
        pair.generator_optimizer.apply([gradient], [generator])
        pair.discriminator_optimizer.apply([gradient], [discriminator])
    assert array(generator).tolist() == [2.0]
    pair.finalize_variable_values([generator, discriminator])
    # Keras' average starts at the first update's 1: (1 + 2) / 2. The other half keeps its weights.
    assert array(generator).tolist() == [1.5]
    assert array(discriminator).tolist() == [2.0]


@pytest.mark.parametrize("averaging", [(True, True), (True, False)], ids=["both", "generator"])
def test_keras_swaps_the_averages_in_for_evaluation(averaging):
    halves = [keras.optimizers.SGD(0.5, use_ema=use, ema_momentum=0.9) for use in averaging]
    model = build(generator_optimizer=halves[0], discriminator_optimizer=halves[1])
    seen = {}

    def note(key):
        kernels = (model.generator.layers[0].kernel, model.discriminator.layers[0].kernel)
        seen[key] = [array(kernel).copy() for kernel in kernels]

    callbacks = [
        keras.callbacks.SwapEMAWeights(),
        Note(note),
    ]
    points = np.concatenate(batches(3))
    model.fit(points, validation_data=points, batch_size=8, verbose=0, callbacks=callbacks)
    for index, use in enumerate(averaging):
        assert np.array_equal(seen["training"][index], seen["validation"][index]) != use
    with pytest.raises(ValueError, match="use_ema"):
        build().fit(points, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights(True)])


class Note(keras.callbacks.Callback):
    def __init__(self, note):
        super().__init__()
        self.note = note

    def on_train_batch_end(self, batch, logs=None):
        _ = self.model  # on JAX, brings the weights up to date
        self.note("training")

    def on_test_begin(self, logs=None):
        self.note("validation")
