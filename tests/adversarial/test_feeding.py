"""What `fit` makes of arrays: every sample once an epoch, in a new order or in theirs."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo import backend
from zoo.adversarial.epochs import EpochWatch
from zoo.adversarial.feeding import ArrayBatches, EpochOrder, array_batches

COUNT = 21
ORDER_OF_SEED_0 = [10, 18, 16, 4, 2, 12, 6, 19, 3, 11, 8, 0, 17, 13, 7, 20, 5, 14, 9, 1, 15]
POINTS = np.stack([np.arange(COUNT), -np.arange(COUNT)], axis=1).astype("float32")


class Recorder(zoo.AdversarialModel):
    """Keeps the first coordinate of what each step is given, and the labels that come along."""

    def prepare_batch(self, data, training=True):
        batch = super().prepare_batch(data, training)
        self.seen.append([int(value) for value in np.asarray(batch.real)[:, 0]])
        _, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.labels.append(None if labels is None else [int(v) for v in np.asarray(labels)])
        return batch


def fit(*data, **kwargs):
    keras.utils.set_random_seed(0)
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model = Recorder(generator, discriminator, latent_dim=2, seed=0)
    model.seen, model.labels = [], []
    # On JAX, a batch in an eager step is an array, as it is on the other backends.
    model.compile(run_eagerly=True)
    model.fit(*data, verbose=0, **kwargs)
    return model


def flat(batches):
    return [sample for batch in batches for sample in batch]


@pytest.mark.parametrize("batch_size", [4, 7, 100])
def test_an_epoch_has_every_sample_once_in_a_new_order(batch_size):
    seen = fit(POINTS, batch_size=batch_size, epochs=2).seen
    steps = -(-COUNT // batch_size)
    assert len(seen) == 2 * steps
    assert {len(batch) for batch in seen} <= {batch_size, COUNT % batch_size, COUNT}
    first, second = (flat(seen[i * steps : (i + 1) * steps]) for i in (0, 1))
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert first != sorted(first)


def test_in_order():
    seen = fit(POINTS, batch_size=8, shuffle=False, epochs=2).seen
    assert flat(seen) == 2 * list(range(COUNT))


def test_the_default_batch_size_is_that_of_keras():
    points = np.repeat(POINTS, 3, axis=0)
    assert [len(batch) for batch in fit(points).seen] == [32, 31]


def test_labels_come_with_their_samples():
    model = fit(POINTS, np.arange(COUNT), batch_size=5)
    assert model.labels == model.seen


def test_equal_seeds_give_equal_orders():
    assert fit(POINTS, batch_size=4).seen == fit(POINTS, batch_size=4).seen


ARGUMENTS = {"x": POINTS, "y": None, "batch_size": 5, "shuffle": True}


@pytest.mark.parametrize(
    "changes",
    [
        {"x": [POINTS]},
        {"y": [1] * COUNT},
        {"shuffle": "batch"},
        {"batch_size": 2.5},
        {"y": np.arange(COUNT - 1)},
        {"x": None},
    ],
    ids=str,
)
def test_what_only_keras_makes_batches_of_is_left_to_it(changes):
    assert array_batches(None, **ARGUMENTS) is not None
    assert array_batches(None, **{**ARGUMENTS, **changes}) is None


def keras_arguments(monkeypatch, **kwargs):
    """What `keras.Model.fit` is called with."""
    received = {}
    monkeypatch.setattr(keras.Model, "fit", lambda self, **kwargs: received.update(kwargs))
    monkeypatch.setattr(backend, "feed", lambda batches: ("fed", batches.batch_size))
    fit(POINTS, **kwargs)
    return received


@pytest.mark.parametrize("changes", [{"validation_split": 0.5}, {"steps_per_epoch": 2}], ids=str)
def test_settings_that_only_keras_knows_leave_the_arrays_to_it(monkeypatch, changes):
    received = keras_arguments(monkeypatch, **changes)
    assert received["x"] is POINTS
    assert received.items() >= changes.items()


def test_validation_keeps_the_batch_size(monkeypatch):
    received = keras_arguments(monkeypatch, batch_size=5, validation_data=POINTS, epochs=2)
    assert EpochWatch in map(type, received["callbacks"])
    assert received["validation_data"] == (POINTS,)
    names = ("x", "y", "batch_size", "shuffle", "validation_batch_size", "epochs")
    assert [received[name] for name in names] == [("fed", 5), None, None, False, 5, 2]


def test_floats_are_those_of_keras():
    changes = {"x": POINTS.astype("float64"), "y": np.arange(COUNT)}
    batches = array_batches(None, **{**ARGUMENTS, **changes})
    assert [array.dtype for array in batches.arrays] == ["float32", np.arange(1).dtype]


def test_the_order_is_the_same_on_every_backend():
    # Written down from one run; a NumPy that draws others would change what a seed gives.
    assert flat(fit(POINTS, batch_size=8).seen) == ORDER_OF_SEED_0


def test_the_order_follows_from_the_models_state():
    model = fit(POINTS, batch_size=8)
    state = model.get_state_tree(value_format="numpy_array")
    model.seen.clear()
    model.fit(POINTS, batch_size=8, verbose=0)
    first = list(model.seen)
    model.set_state_tree(state)
    model.seen.clear()
    model.fit(POINTS, batch_size=8, initial_epoch=5, epochs=6, verbose=0)
    assert model.seen == first


@pytest.mark.parametrize("batch_size", [4, 100])
def test_samples_are_augmented_before_the_step_sees_them(batch_size):
    drawn = []

    def augment(samples, rng):
        drawn.append(int(rng.integers(2**31)))
        return samples + 1000

    model = fit(POINTS, batch_size=batch_size)
    order = EpochOrder(model, COUNT)
    batches = ArrayBatches([POINTS, np.arange(COUNT)], batch_size, order, augment)
    model.seen.clear()
    model.labels.clear()
    model.fit(batches, verbose=0)
    assert sorted(flat(model.seen)) == list(range(1000, 1000 + COUNT))
    assert [[value - 1000 for value in batch] for batch in model.seen] == model.labels
    assert len(set(drawn)) >= -(-COUNT // batch_size)
