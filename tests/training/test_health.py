"""What is reported and done about steps with NaN and about collapse, once an epoch."""

import warnings

import keras
import numpy as np
import pytest

import zoo
from tests.adversarial.test_guard import Batches
from tests.helpers import batches, build, normal, values
from zoo.errors import DivergenceError, InvalidInputError


class Turning(keras.utils.PyDataset):
    """Epochs of batches, each with its own poison."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.now = epochs, -1

    def __len__(self):
        return len(self.epochs[0])

    def on_epoch_begin(self):
        self.now += 1

    def __getitem__(self, index):
        return (self.epochs[max(self.now, 0)][index],)


class Weights(keras.callbacks.Callback):
    """The generator's weights at the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(values(self.model.generator.variables))


def fit(model, poisoned, callbacks):
    """As many epochs of four batches as there are entries, each the poisoned ones."""
    data = Turning([batches(4, poisoned=indices) for indices in poisoned])
    model.fit(data, epochs=len(poisoned), verbose=0, callbacks=callbacks)


def test_skipped_steps_are_reported():
    with pytest.warns(UserWarning, match="epoch 2: NaN or infinity in 1 of 4 steps; they were sk"):
        fit(build(), [[], [2], []], [zoo.HealthCallback(least_diversity=0)])


def test_a_sound_run_reports_nothing():
    fit(build(), [[], []], [zoo.HealthCallback(least_diversity=0)])


def test_an_epoch_of_nothing_but_nan_ends_the_run():
    model = build()
    model.check_arrays = lambda *data: None  # which would refuse the first batch
    with pytest.raises(DivergenceError, match="epoch 1: NaN or infinity in 4 of 4 steps"):
        fit(model, [[0, 1, 2, 3]], [zoo.HealthCallback(least_diversity=0)])
    assert all(np.isfinite(array).all() for array in values(model.generator.variables))


def test_stop():
    with pytest.raises(DivergenceError, match="1 of 4 steps"):
        fit(build(), [[2]], [zoo.HealthCallback("stop")])


def images_of(model, poisoned, fault=3.0):
    """Four batches of images, some of them out of range."""
    images = normal(32, *model.image_shape).clip(-1, 1)
    for index in poisoned:
        images[8 * index] = fault
    return Batches(np.split(images, 4))


@pytest.mark.filterwarnings("ignore:.*batches held other values:UserWarning")
@pytest.mark.parametrize("validate", [False, True])
def test_bad_data_is_not_reported_as_nan(tmp_path, validate):
    model = zoo.VanillaGAN((4, 4, 1), latent_dim=3, hidden_units=(4,), seed=0)
    model.compile()
    validation = {"validation_data": images_of(model, [])} if validate else {}
    rate = float(model.optimizer.learning_rate)

    def fit(poisoned, health, *others):
        callbacks = [health, *others]
        model.fit(
            images_of(model, poisoned), verbose=0, shuffle=False, callbacks=callbacks, **validation
        )

    message = r"epoch 1: data of other values in 2 of 4 steps.*trains on images, uint8 in 0\.\.255"
    with pytest.raises(DivergenceError, match=message):
        fit([1, 3], zoo.HealthCallback("stop"))
    with warnings.catch_warnings(record=True) as seen:
        fit([1, 3], zoo.HealthCallback("skip", least_diversity=0))
        # The data would be the same again: there is nothing to go back for.
        checkpoint = zoo.Checkpoint(tmp_path)
        health = zoo.HealthCallback("rollback", checkpoint, least_diversity=0)
        fit([1, 3], health, checkpoint)
    assert not any("NaN" in str(warning.message) for warning in seen)
    assert float(model.optimizer.learning_rate) == rate
    model.coding.check_range = lambda images: None  # so that the first batch passes
    with pytest.raises(DivergenceError, match="data of other values in 4 of 4 steps"):
        fit([0, 1, 2, 3], zoo.HealthCallback())


def test_both_kinds_of_faults_are_told_apart():
    model = zoo.VanillaGAN((4, 4, 1), latent_dim=3, hidden_units=(4,), seed=0)
    model.compile()
    data, layer = images_of(model, [1]).batches, model.generator.layers[0]

    class Poison(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 3:
                self.model.generator.layers[0].kernel.assign(np.full(layer.kernel.shape, np.nan))

    message = "NaN or infinity in 1 and data of other values in 1 of 4"
    health = zoo.HealthCallback("stop")
    with pytest.raises(DivergenceError, match=message):
        model.fit(Batches(data), shuffle=False, verbose=0, callbacks=[Poison(), health])


@pytest.mark.parametrize("schedule", [False, True])
def test_rollback_goes_back_to_the_last_checkpoint_with_lower_rates(tmp_path, schedule):
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 1000) if schedule else 1e-2
    model = build(
        generator_optimizer=keras.optimizers.Adam(rate),
        discriminator_optimizer=keras.optimizers.Adam(rate),
    )
    checkpoint, seen = zoo.Checkpoint(tmp_path), Weights()
    health = zoo.HealthCallback("rollback", checkpoint, rate_factor=0.25, least_diversity=0)
    before = float(model.optimizer.learning_rate)
    with pytest.warns(UserWarning, match="went back to epoch_0002.checkpoint.h5, with rates 0.25"):
        fit(model, [[], [], [1], []], [health, seen, checkpoint])
    after = float(model.optimizer.learning_rate)
    assert after == pytest.approx(before / 4, rel=0.01)
    assert float(model.optimizer.discriminator_optimizer.learning_rate) == pytest.approx(after)
    for second, third in zip(seen.seen[1], seen.seen[2], strict=True):
        np.testing.assert_array_equal(third, second)
    # What is compiled follows: a quarter of the rate is about a quarter of the way.
    steps = [np.abs(seen.seen[i + 1][0] - seen.seen[i][0]).mean() for i in (0, 2)]
    assert 0.1 < steps[1] / steps[0] < 0.6


def test_a_lowered_rate_stays_after_resuming(tmp_path):
    def model():
        rate = keras.optimizers.schedules.CosineDecay(1e-2, 1000)
        return build(
            generator_optimizer=keras.optimizers.Adam(rate),
            discriminator_optimizer=keras.optimizers.Adam(2e-2),
        )

    first, checkpoint = model(), zoo.Checkpoint(tmp_path)
    health = zoo.HealthCallback("rollback", checkpoint, least_diversity=0)
    with pytest.warns(UserWarning, match="went back"):
        fit(first, [[], [1]], [health, checkpoint])
    second = model()
    second.fit(Batches(batches(4)), epochs=2, verbose=0, callbacks=[zoo.Checkpoint(tmp_path)])
    for half in ("generator_optimizer", "discriminator_optimizer"):
        rates = [float(getattr(x.optimizer, half).learning_rate) for x in (first, second)]
        assert rates[0] == rates[1] < 1.1e-2


def test_a_checkpoint_ahead_of_the_callback_is_refused(tmp_path):
    checkpoint = zoo.Checkpoint(tmp_path)
    health = zoo.HealthCallback("rollback", checkpoint)
    with pytest.raises(InvalidInputError, match="must come after it"):
        fit(build(), [[]], [checkpoint, health])
    # In another `fit` the same callbacks are welcome, in the right order.
    fit(build(), [[]], [health, checkpoint])


def test_without_a_checkpoint_there_is_nothing_to_go_back_to(tmp_path):
    checkpoint = zoo.Checkpoint(tmp_path)
    with pytest.raises(DivergenceError, match="no checkpoint to go back to"):
        fit(build(), [[1]], [zoo.HealthCallback("rollback", checkpoint), checkpoint])


def reported(values, **settings):
    """The epochs in which the callback warns, after logs with these diversities."""
    health = zoo.HealthCallback(least_diversity=0.1, **settings)
    health.on_train_begin()
    epochs = []
    for epoch, diversity in enumerate(values):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            health.on_epoch_end(epoch, {"diversity": diversity})
        epochs += [epoch + 1] * len(seen)
        assert all("may have collapsed" in str(warning.message) for warning in seen)
    return epochs


def test_a_collapse_is_reported_once():
    assert reported([0.02, 0.3, 0.9, 0.05, 0.04, 0.5, 0.01]) == [4, 7]


def test_a_generator_that_never_varies_is_reported_after_ten_epochs():
    assert reported([0.01] * 12) == [10]


def test_the_collapse_of_a_model_is_reported():
    model = build(generator_optimizer=keras.optimizers.SGD(0.0))

    class Collapse(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                kernel, bias = self.model.generator.layers[-1].get_weights()
                self.model.generator.layers[-1].set_weights([0 * kernel, bias])

    with pytest.warns(UserWarning, match="epoch 2: generated samples vary only 0 times"):
        fit(model, [[], []], [Collapse(), zoo.HealthCallback(least_diversity=0.001)])


def test_what_a_rollback_goes_back_to_depends_on_no_clock(tmp_path):
    with pytest.raises(InvalidInputError, match=r"Received: time_fraction=0\.1"):
        zoo.HealthCallback("rollback", zoo.Checkpoint(tmp_path, time_fraction=0.1))


@pytest.mark.parametrize(
    "arguments",
    [{"on_nonfinite": "ignore"}, {"on_nonfinite": "rollback"}, {"rate_factor": 1.5}],
    ids=str,
)
def test_wrong_arguments(arguments):
    with pytest.raises(InvalidInputError):
        zoo.HealthCallback(**arguments)
