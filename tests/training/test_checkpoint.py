"""Checkpoints: they hold everything, resume to the same end, and damage is reported."""

import errno
import json

import h5py
import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.helpers import build, normal, same, values
from zoo import files
from zoo.digest import of_arrays
from zoo.errors import CheckpointError, InvalidInputError
from zoo.hub import checkpoint_files
from zoo.hub.checkpoint_files import (
    list_checkpoints,
    read_checkpoint,
    read_record,
    write_checkpoint,
)
from zoo.training import checkpoint_callback, configuration
from zoo.training.state import capture_state, describe_state, state_variables

POINTS = normal(21, 2, seed=3) + 2.0


def model(**settings):
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 100)
    optimizer = keras.optimizers.Adam(rate, beta_1=0.5)
    defaults = {"generator_optimizer": optimizer, "average_decay": 0.9, "r1_penalty": 0.1}
    return build(dropout=0.3, **{**defaults, **settings})


def fit(trained, folder, epochs, **options):
    callbacks = [zoo.Checkpoint(folder, **options)]
    return trained.fit(POINTS, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)


def names(folder):
    return [path.name for path in list_checkpoints(folder)]


# ------------------------------------------------------------------------------ all of the state


def test_everything_that_a_model_trains_with_is_in_its_state():
    trained = model()
    held = {id(variable) for variable in state_variables(trained).values()}
    needed = [*trained.variables, *trained.optimizer.variables]
    metrics = {id(variable) for metric in trained.metrics for variable in metric.variables}
    assert {id(variable) for variable in needed} <= held | metrics


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_going_on_ends_where_an_uninterrupted_run_ends(tmp_path, precision):
    keras.config.set_dtype_policy(precision)
    try:
        whole, first, second = (model() for _ in range(3))
    finally:
        keras.config.set_dtype_policy("float32")
    history = fit(whole, tmp_path / "whole", 5).history
    fit(first, tmp_path / "parts", 2)
    second.generator.set_weights([0 * array for array in second.generator.get_weights()])
    rest = fit(second, tmp_path / "parts", 5)
    assert rest.epoch == [2, 3, 4]
    assert of_arrays(capture_state(second)) == of_arrays(capture_state(whole))
    assert rest.history["generator_loss"] == history["generator_loss"][2:]
    record = read_record(list_checkpoints(tmp_path / "parts")[-1])
    assert record["epoch"] == 5
    # Loss scaling leaves out a step whose gradients overflow.
    assert record["step"] == 15 or (precision == "mixed_float16" and record["step"] > 10)


def test_a_finished_run_has_nothing_left_to_do_and_a_later_fit_starts_anew(tmp_path):
    trained = model()
    fit(trained, tmp_path, 2)
    before = of_arrays(capture_state(trained))
    assert fit(trained, tmp_path, 2).epoch == []
    assert of_arrays(capture_state(trained)) == before
    assert fit(trained, tmp_path, 3).epoch == [2]
    assert trained.fit(POINTS, epochs=2, verbose=0).epoch == [0, 1]


def test_a_state_is_the_same_on_every_backend():
    described = {
        name: (array.dtype.str, array.shape) for name, array in capture_state(model()).items()
    }
    assert len(described) == 49
    assert {dtype for dtype, _ in described.values()} == {"<f4", "<i8"}
    assert described["random/0000"] == ("<i8", (2,))


# ------------------------------------------------------------------------------- which are kept


@pytest.mark.parametrize(
    ("options", "kept"), [({"keep": 2}, [4, 5]), ({"every": 2, "keep": 9}, [2, 4, 5])]
)
def test_the_latest_are_kept_and_the_last_always(tmp_path, options, kept):
    fit(model(), tmp_path, 5, **options)
    assert [read_record(path)["epoch"] for path in list_checkpoints(tmp_path)] == kept


def test_where_epochs_are_short_saving_takes_no_more_than_its_share(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoint_callback.time, "perf_counter", lambda: clock[0])
    saved = []

    class Slow(zoo.Checkpoint):
        def save(self, epoch, logs=None):
            clock[0] += 2.0
            saved.append(epoch)

    class Epoch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            clock[0] += 1.5

    callbacks = [Epoch(), Slow(tmp_path, time_fraction=0.25)]
    model().fit(POINTS, batch_size=8, epochs=10, verbose=0, callbacks=callbacks)
    assert saved == [1, 5, 9, 10]  # six seconds apart, and the last


class Score(keras.callbacks.Callback):
    """Puts scores into the logs, and keeps what it saw through a checkpoint."""

    def __init__(self, scores):
        super().__init__()
        self.scores, self.seen = scores, []

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[epoch]
        self.seen.append(epoch)

    def get_state(self):
        return self.seen

    def set_state(self, state):
        self.seen = state


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_the_best_is_kept_as_well_and_known_after_resuming(tmp_path, mode, best):
    scores = [5, 1, 9, 4, 3, 2]
    for epochs in (4, 6):
        score = Score(scores)
        checkpoint = zoo.Checkpoint(
            tmp_path, keep=1, monitor="score", mode=mode, stateful_callbacks=[score]
        )
        trained = model()
        trained.fit(POINTS, epochs=epochs, verbose=0, callbacks=[score, checkpoint])
        assert [read_record(path)["epoch"] for path in list_checkpoints(tmp_path)] == [best, epochs]
        assert checkpoint.best.name == f"epoch_{best:04d}.checkpoint.h5"
        assert score.seen == list(range(epochs))


# -------------------------------------------------------------------------- another configuration


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"r1_penalty": 0.2}, r"compile.r1_penalty: 0.1 then, 0.2 now"),
        ({"loss": "hinge"}, r"compile.loss.*then, .*now"),
        (
            {"generator_optimizer": keras.optimizers.Adam(0.5)},
            r"compile.optimizer.config.generator_optimizer.config.learning_rate",
        ),
    ],
    ids=["penalty", "loss", "rate"],
)
def test_another_configuration_is_refused_by_what_changed(tmp_path, settings, expected):
    fit(model(), tmp_path, 1)
    before = names(tmp_path)
    other = model(**settings)
    state = of_arrays(capture_state(other))
    with pytest.raises(CheckpointError, match=expected):
        fit(other, tmp_path, 2)
    assert names(tmp_path) == before
    assert of_arrays(capture_state(other)) == state


def test_other_networks_are_another_configuration(tmp_path):
    fit(model(), tmp_path, 1)
    small = zoo.VanillaGAN(image_shape=(4, 4, 1), hidden_units=(4,), latent_dim=2)
    small.compile()
    with pytest.raises(CheckpointError, match="latent_dim: 3 then, 2 now"):
        small.fit(np.zeros((4, 4, 4, 1), "uint8"), verbose=0, callbacks=[zoo.Checkpoint(tmp_path)])


def test_the_folder_of_a_class_is_no_part_of_the_configuration():
    def layer(module):
        return configuration.plain({"layers": [{"module": module, "class_name": "Conv2D"}]})

    assert layer("zoo.layers.fast") == layer("zoo.layers")
    assert layer("zoo.adversarial.optimizers") == layer("zoo.optimizers")
    assert layer("keras.layers.fast") != layer("keras.fast")


def functional(swapped=False):
    """A model of nested Functional networks, with automatic names."""
    inner = keras.Input((3,))
    block = keras.Model(inner, keras.layers.Dense(3)(inner))
    z, x = keras.Input((3,)), keras.Input((2,))
    branches = [block(z), keras.layers.Dense(3)(z)]
    mixed = keras.layers.Subtract()(branches[::-1] if swapped else branches)
    generator = keras.Model(z, keras.layers.Dense(2)(mixed))
    discriminator = keras.Model(x, keras.layers.Dense(1)(x))
    made = zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    made.compile()
    return made


def test_automatic_names_are_no_part_of_the_configuration():
    first, again, other = functional(), functional(), functional(swapped=True)
    assert configuration.of_model(first) == configuration.of_model(again)
    assert configuration.of_model(first) != configuration.of_model(other)
    # Checkpoints of format 1 hold them.
    assert configuration.of_model(first, 1) != configuration.of_model(again, 1)


def test_the_backend_is_no_part_of_the_configuration():
    assert "keras.src.backend" not in json.dumps(configuration.of_model(model()))


def test_a_checkpoint_of_format_1_is_resumed(tmp_path, monkeypatch):
    trained = functional()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_files, "FORMAT", 1)
        patch.setattr(checkpoint_callback, "FORMAT", 1)
        fit(trained, tmp_path, 1)
    assert read_record(list_checkpoints(tmp_path)[-1])["format"] == 1
    assert fit(trained, tmp_path, 2).epoch == [1]
    assert fit(functional(), tmp_path, 3).epoch == [2]


def test_a_checkpoint_of_format_1_is_resumed_on_another_backend(tmp_path, monkeypatch):
    trained = model()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_files, "FORMAT", 1)
        patch.setattr(checkpoint_callback, "FORMAT", 1)
        fit(trained, tmp_path, 1)
        path = list_checkpoints(tmp_path)[-1]
        record, arrays = read_checkpoint(path, describe_state(trained))
        # PyTorch's optimizers, as that format records them.
        torch_module = "keras.src.backend.torch.optimizers.torch_adam"
        written = json.dumps(record["configuration"]).replace(
            '"keras.optimizers"', f'"{torch_module}"'
        )
        assert torch_module in written
        write_checkpoint(path, arrays, {**record, "configuration": json.loads(written)})
    assert fit(model(), tmp_path, 2).epoch == [1]


def test_how_it_is_compiled_is_no_part_of_the_configuration(tmp_path):
    fit(model(), tmp_path, 1)
    assert fit(model(run_eagerly=True), tmp_path, 2).epoch == [1]


def test_differences_are_lines():
    before = {"a": 1, "b": {"c": [1], "d": 2}, "gone": None}
    now = {"a": 1, "b": {"c": [2], "d": 2}, "new": 3}
    assert configuration.differences(before, now) == [
        "b.c: [1] then, [2] now",
        "new: None then, 3 now",
    ]


class OwnLoss:
    """A loss with the two documented methods, and no more."""

    def discriminator(self, real_logits, fake_logits):
        return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))

    def generator(self, fake_logits):
        return ops.mean(ops.softplus(-fake_logits))


def test_a_loss_without_configuration_goes_through_checkpoints_and_weights(tmp_path):
    trained, other = model(loss=OwnLoss()), model(loss=OwnLoss())
    fit(trained, tmp_path, 1)
    assert fit(other, tmp_path, 2).epoch == [1]
    other.save_weights(tmp_path / "x.weights.h5")
    trained.load_weights(tmp_path / "x.weights.h5")
    assert all(same(values(trained.generator.variables), values(other.generator.variables)))
    with pytest.raises(InvalidInputError, match="compile=False"):
        trained.compile_from_config(other.get_compile_config())
    with pytest.raises(CheckpointError, match="loss"):
        fit(model(loss="hinge"), tmp_path, 3)


# ------------------------------------------------------------------------------------- trouble


@pytest.mark.parametrize("damage", ["short", "flipped", "empty", "text", "older"])
def test_a_damaged_checkpoint_is_reported_and_the_previous_one_is_used(tmp_path, damage):
    fit(model(), tmp_path, 3)
    last = list_checkpoints(tmp_path)[-1]
    data = last.read_bytes()
    if damage == "flipped":
        # Within the numbers of the largest kernel, where nothing but the hash can tell.
        with h5py.File(last, "r") as file:
            offset = file["discriminator/0000"].id.get_offset()
        data = data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
    elif damage == "older":
        with h5py.File(last, "a") as file:
            record = json.loads(file["record"][()].tobytes())
            del file["record"]
            text = json.dumps({**record, "format": 0}).encode()
            file.create_dataset("record", data=np.frombuffer(text, "uint8"))
        data = last.read_bytes()
    else:
        data = {"short": data[: len(data) // 2], "empty": b"", "text": b"no checkpoint"}[damage]
    last.write_bytes(data)
    trained = model()
    with pytest.warns(UserWarning, match="epoch_0003.*going back to the previous one"):
        history = fit(trained, tmp_path, 3)
    assert history.epoch == [2]
    whole = model()
    fit(whole, tmp_path / "whole", 3)
    assert of_arrays(capture_state(trained)) == of_arrays(capture_state(whole))


def test_where_all_are_damaged_nothing_starts_anew(tmp_path):
    fit(model(), tmp_path, 2)
    for path in list_checkpoints(tmp_path):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="going back"),
        pytest.raises(CheckpointError, match="None of the 2 checkpoints"),
    ):
        fit(model(), tmp_path, 3)
    assert len(names(tmp_path)) == 2


def test_a_full_disk_is_reported_and_the_previous_checkpoint_stays(tmp_path, monkeypatch):
    fit(model(), tmp_path, 2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"epoch 3 can't.*No space left.*epoch_0002.* whole"):
        fit(model(), tmp_path, 3)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_gone_is_made_again(tmp_path):
    class Remove(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                for path in tmp_path.joinpath("run").iterdir():
                    path.unlink()
                tmp_path.joinpath("run").rmdir()

    callbacks = [Remove(), zoo.Checkpoint(tmp_path / "run")]
    with pytest.warns(UserWarning, match="run is gone; creating it again"):
        model().fit(POINTS, epochs=2, verbose=0, callbacks=callbacks)
    assert names(tmp_path / "run") == ["epoch_0002.checkpoint.h5"]


def test_a_folder_that_cant_be_made_is_reported_before_training(tmp_path):
    tmp_path.joinpath("file").write_text("not a folder")
    with pytest.raises(CheckpointError, match="No checkpoint can be written"):
        fit(model(), tmp_path / "file" / "run", 1)


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = tmp_path / ".tmpabc.epoch_0001.checkpoint.h5"
    left.write_bytes(b"half")
    fit(model(), tmp_path, 1)
    assert not left.exists()


def test_a_record_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / f"epoch_0001{checkpoint_files.SUFFIX}"
    with h5py.File(path, "w") as file:
        file.create_dataset("record", data=np.zeros((1 << 20) + 1, "uint8"))
    with pytest.raises(CheckpointError, match="longer than 1048576 bytes"):
        read_record(path)


@pytest.mark.parametrize(
    "arguments",
    [{"every": 0}, {"keep": 0}, {"mode": "best"}, {"time_fraction": 0}, {"largest_share": 0}],
    ids=str,
)
def test_wrong_arguments(arguments):
    with pytest.raises(InvalidInputError):
        zoo.Checkpoint("run", **arguments)


def test_earlier_names_of_arguments_still_count():
    checkpoint = zoo.Checkpoint("run", along=[Score([])], largest_share=0.5)
    assert (len(checkpoint.stateful_callbacks), checkpoint.time_fraction) == (1, 0.5)


def test_the_model_samples_from_what_was_restored(tmp_path):
    trained = model()
    fit(trained, tmp_path, 2)
    other = model()
    fit(other, tmp_path, 2)
    for a, b in zip(values(trained.variables), values(other.variables), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(trained.generate(5, seed=1), other.generate(5, seed=1))
