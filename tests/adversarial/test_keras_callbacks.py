"""Keras' own callbacks do with two networks and two optimizers what they are for."""

import csv
import importlib.util

import keras
import numpy as np
import pytest

import zoo
from tests.helpers import BATCH, LATENT_DIM, FixedLatents, build, normal, values
from zoo.errors import MissingDependencyError

POINTS = normal(4 * BATCH, 2, seed=3) + 2.0
FIT = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
LOSSES = ("generator_loss", "discriminator_loss")


def fixed_model(**settings):
    """A model whose training has nothing random in it."""
    model = build(FixedLatents, **settings)
    model.fixed = normal(BATCH, LATENT_DIM, seed=4)
    return model


@pytest.fixture(scope="module")
def shared_model():
    return fixed_model()


def losses(history):
    return [history.history[name] for name in LOSSES]


def rates(model):
    pair = (model.optimizer.generator_optimizer, model.optimizer.discriminator_optimizer)
    return [float(optimizer.learning_rate) for optimizer in pair]


class WeightsOfEpochs(keras.callbacks.Callback):
    """Keeps the weights that train, as they are when each epoch begins and at the end."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_begin(self, epoch, logs=None):
        self.weights.append(values(self.model.trainable_variables))

    def on_train_end(self, logs=None):
        self.on_epoch_begin(None)

    def moved(self):
        """Whether the weights of both networks moved in each epoch."""
        pairs = zip(self.weights, self.weights[1:], strict=False)
        return [
            any(not np.array_equal(x, y) for x, y in zip(before, after, strict=True))
            for before, after in pairs
        ]


def test_early_stopping_on_a_validation_loss_restores_the_best_weights(shared_model):
    # After the first epoch no loss is better by 1e9.
    stopping = keras.callbacks.EarlyStopping(
        "val_generator_loss", mode="min", min_delta=1e9, patience=2, restore_best_weights=True
    )
    model = shared_model
    weights = []
    snapshots = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    callbacks = [snapshots, stopping]
    model.fit(POINTS, validation_data=POINTS[:8], epochs=9, callbacks=callbacks, **FIT)
    assert len(weights) == 3
    for weight, best, last in zip(model.get_weights(), weights[0], weights[2], strict=True):
        np.testing.assert_array_equal(weight, best)
        assert not np.array_equal(weight, last)


@pytest.fixture
def two_rates(shared_model):
    """A model with the two-time-scale rule: the discriminator learns four times as fast."""
    shared_model.optimizer.generator_optimizer.learning_rate = 1e-3
    shared_model.optimizer.discriminator_optimizer.learning_rate = 4e-3
    return shared_model


def test_plateau_lowers_both_rates_and_keeps_their_ratio(two_rates):
    plateau = keras.callbacks.ReduceLROnPlateau(
        "discriminator_loss", mode="min", factor=0.5, patience=1, min_delta=1e9
    )
    history = two_rates.fit(POINTS, epochs=3, callbacks=[plateau], **FIT).history
    # The first epoch is an improvement on nothing, and no other is one by 1e9.
    assert rates(two_rates) == pytest.approx([0.25e-3, 1e-3], rel=1e-5)
    assert history["learning_rate"] == pytest.approx([1e-3, 1e-3, 0.5e-3], rel=1e-5)


def test_a_lowered_rate_is_the_one_that_steps_are_taken_with(two_rates):
    still = keras.callbacks.ReduceLROnPlateau(
        "discriminator_loss", mode="min", factor=0.0, patience=1, min_delta=1e9
    )
    watch = WeightsOfEpochs()
    two_rates.fit(POINTS, epochs=4, callbacks=[watch, still], **FIT)
    assert watch.moved() == [True, True, False, False]


def test_scheduler_sets_the_generators_rate_and_keeps_the_ratio(two_rates):
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.1)
    two_rates.fit(POINTS, epochs=2, callbacks=[scheduler], **FIT)
    assert rates(two_rates) == pytest.approx([1e-5, 4e-5], rel=1e-5)


def test_a_scheduled_rate_is_the_one_that_steps_are_taken_with(two_rates):
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: [1e-3, 0.0, 1e-3][epoch])
    watch = WeightsOfEpochs()
    two_rates.fit(POINTS, epochs=3, callbacks=[watch, scheduler], **FIT)
    assert watch.moved() == [True, False, True]
    assert rates(two_rates) == pytest.approx([1e-3, 4e-3], rel=1e-5)


def test_rates_that_follow_a_schedule_are_not_set():
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    model = fixed_model(discriminator_optimizer=keras.optimizers.Adam(schedule))
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    before = rates(model)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        model.fit(POINTS, callbacks=[scheduler], **FIT)
    assert rates(model) == before


def test_checkpoints_of_weights_and_a_csv_log_that_is_continued(tmp_path, shared_model):
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True
    )
    history = []
    for append in (False, True):
        log = keras.callbacks.CSVLogger(tmp_path / "log.csv", append=append)
        callbacks = [checkpoint, log]
        history.append(shared_model.fit(POINTS, epochs=2, callbacks=callbacks, **FIT))
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "0", "1"]
    for name, *parts in zip(LOSSES, *map(losses, history), strict=True):
        expected = [value for part in parts for value in part]
        assert [float(row[name]) for row in rows] == pytest.approx(expected)
    other = build()
    other.load_weights(tmp_path / "2.weights.h5")
    for weight, expected in zip(other.get_weights(), shared_model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_best_model_is_saved_whole_and_trains_on(tmp_path):
    model = build(average_decay=0.9)
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", "generator_loss", save_best_only=True, mode="max"
    )
    history = model.fit(POINTS, epochs=3, callbacks=[checkpoint], **FIT).history
    best = int(np.argmax(history["generator_loss"]))
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    assert int(loaded.optimizer.iterations) == 4 * (best + 1)
    # From the same point, the loaded model and the one that went on take the same steps.
    again = build(average_decay=0.9)
    again.fit(POINTS, epochs=best + 1, **FIT)
    expected, seen = (losses(one.fit(POINTS, **FIT)) for one in (again, loaded))
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


def test_backup_and_restore_goes_on_as_if_nothing_had_happened(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    expected = fixed_model(average_decay=0.9)
    whole = losses(expected.fit(POINTS, epochs=4, **FIT))
    killed, model = (fixed_model(average_decay=0.9) for _ in range(2))
    callbacks = [keras.callbacks.BackupAndRestore(tmp_path / "backup"), Stop()]
    with pytest.raises(KeyboardInterrupt):
        killed.fit(POINTS, epochs=4, callbacks=callbacks, **FIT)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    rest = model.fit(POINTS, epochs=4, callbacks=[backup], **FIT)
    assert rest.epoch == [2, 3]
    np.testing.assert_allclose(losses(rest), [loss[2:] for loss in whole], rtol=1e-5)
    assert int(model.optimizer.iterations) == 16
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-7)
    assert not (tmp_path / "backup").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")
def test_keras_tensorboard_writes_what_tensorboard_reads(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    model = fixed_model()
    history = model.fit(
        POINTS, epochs=2, validation_data=POINTS[:8], callbacks=[board], **FIT
    ).history
    for folder, prefix in {"train": "", "validation": "val_"}.items():
        found = EventAccumulator(str(tmp_path / folder))
        found.Reload()
        points = found.Tensors("epoch_generator_loss")
        written = [float(make_ndarray(point.tensor_proto)) for point in points]
        assert written == pytest.approx(history[f"{prefix}generator_loss"])


def test_keras_tensorboard_names_what_it_lacks(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find(name)
    )
    board = keras.callbacks.TensorBoard(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"zoo\.TensorBoardLogger"):
        zoo.AdversarialModel.fit(fixed_model(), POINTS, callbacks=[board], **FIT)
    assert not list(tmp_path.iterdir())
