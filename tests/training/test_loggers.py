"""TensorBoard and Weights & Biases: each epoch once, whatever was interrupted."""

import csv
import json
import struct
import sys
import time

import keras
import numpy as np
import pytest

import zoo
from tests.processes import run_python
from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.hub import registry
from zoo.training import run
from zoo.training.checkpoint_callback import Checkpoint

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")
EPOCHS = 4


@pytest.fixture
def spec(own_registry):
    config = {"image_shape": (8, 8, 1), "hidden_units": (8,), "latent_dim": 4}
    zoo.register("squares", config=config, recipe={"epochs": EPOCHS, "batch_size": 16})(
        zoo.VanillaGAN
    )
    return registry.find("squares")


def model():
    model = zoo.VanillaGAN((8, 8, 1), hidden_units=(8,), latent_dim=4, seed=0)
    model.compile()
    return model


class Score(keras.callbacks.Callback):
    """Stands for a score that is measured every second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch % 2:
            logs["frechet_distance"] = 10.0 / (epoch + 1)


def tensorboard(folder):
    """What TensorBoard itself finds in a folder: name -> {step: value}, {step: PNG}, the text."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"), {"scalars": 0, "images": 0})
    found.Reload()
    steps = {tag: [point.step for point in found.Scalars(tag)] for tag in found.scalars.Keys()}
    assert all(len(set(points)) == len(points) for points in steps.values()), steps
    scalars = {tag: {x.step: x.value for x in found.Scalars(tag)} for tag in found.scalars.Keys()}
    images = [(x.step, x.encoded_image_string) for x in found.Images("samples")]
    assert len(dict(images)) == len(images)
    (text,) = (event.tensor_proto.string_val[0] for event in found.Tensors("configuration"))
    return scalars, dict(images), text.decode()


def wandb_files(folder):
    """The same of wandb's files, which have the format of LevelDB's log."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    content, place, parts, scalars, images, text = path.read_bytes(), 7, b"", {}, {}, ""
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts = (b"" if kind in (1, 2) else parts) + content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind not in (1, 4):
            continue
        record = Record.FromString(parts)
        if record.HasField("run"):
            text = str(record.run.config)
        items = record.history.item
        row = {x.key or ".".join(x.nested_key): json.loads(x.value_json) for x in items}
        step = record.history.step.num
        for name, value in row.items():
            if name == "samples.path":
                images[step] = (path.parent / "files" / value).read_bytes()
            elif not name.startswith(("_", "samples.")):
                assert step not in scalars.setdefault(name, {})
                scalars[name][step] = value
    return scalars, images, text


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


READERS = {"tensorboard": tensorboard, "wandb": wandb_files}


def check_shown(folder, log, epochs=EPOCHS):
    """Checks that a logger has what the run's folder has."""
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(epoch + 1) for epoch in range(epochs)]
    expected: dict = {}
    for row in rows:
        for name, value in row.items():
            if name != "epoch" and value:
                expected.setdefault(name, {})[int(row["epoch"])] = pytest.approx(float(value))
    until = time.monotonic() + 20
    scalars, images, text = READERS[log](folder)
    while scalars != expected and time.monotonic() < until:  # of wandb's process, which may be late
        time.sleep(0.1)
        scalars, images, text = READERS[log](folder)
    assert scalars == expected
    pictures = {int(path.stem[-4:]): path.read_bytes() for path in folder.glob("samples/*.png")}
    assert images == pictures
    assert len(pictures) == epochs
    return text


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")
@pytest.mark.parametrize("log", READERS)
def test_fit_shows_figures_scores_samples_and_configuration(tmp_path, log, offline):
    pytest.importorskip(log)
    logger = {"tensorboard": zoo.TensorBoardLogger, "wandb": zoo.WandbLogger}[log](tmp_path)
    trained = model()
    history = trained.fit(IMAGES, epochs=2, verbose=0, callbacks=[Score(), logger]).history
    text = check_shown(tmp_path, log, epochs=2)
    assert "generator_optimizer" in text
    assert "latent_dim" in text
    scalars, images, _ = READERS[log](tmp_path)
    assert scalars["generator_loss"][1] == pytest.approx(history["generator_loss"][0])
    assert scalars["frechet_distance"] == {2: 5.0}
    assert images[1] != images[2]
    # Another `fit` from the first epoch on is another run.
    trained.fit(IMAGES, epochs=1, verbose=0, callbacks=[logger])
    if log == "tensorboard":
        assert [*tensorboard(tmp_path)[0]["generator_loss"]] == [1]
    else:
        assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 2


@pytest.mark.parametrize("log", READERS)
def test_a_killed_run_goes_on_with_its_curve(spec, tmp_path, monkeypatch, log, offline):
    pytest.importorskip(log)
    save = Checkpoint.save

    def killed(checkpoint, epoch, logs=None):
        if epoch == 3:  # which has been logged
            raise KeyboardInterrupt
        save(checkpoint, epoch, logs)

    settings = {"log": [log], "monitor": "generator_loss", "on_nonfinite": "skip"}
    monkeypatch.setattr(Checkpoint, "save", killed)
    monkeypatch.setattr(run, "CHECKPOINT_TIME", 1.0)
    with pytest.raises(KeyboardInterrupt):
        run.train(spec, IMAGES, tmp_path, [Score()], **settings)
    monkeypatch.setattr(Checkpoint, "save", save)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    run.train(spec, IMAGES, tmp_path, [Score(), watch], resume=True, **settings)
    assert seen == [2, 3]
    text = check_shown(tmp_path, log)
    assert "squares" in text
    # Longer, and after a part that wasn't logged.
    run.train(spec.with_recipe(epochs=5), IMAGES, tmp_path, resume=True)
    run.train(spec.with_recipe(epochs=6), IMAGES, tmp_path, resume=True, log=log)
    check_shown(tmp_path, log, epochs=6)


def test_both_phases_of_a_recipe_are_shown(spec, tmp_path):
    pytest.importorskip("tensorboard")
    both = spec.with_recipe(previous=spec.with_recipe(epochs=2).recipe, epochs=1)
    run.train(both, IMAGES, tmp_path, log=["tensorboard"])
    check_shown(tmp_path, "tensorboard", epochs=1)
    check_shown(tmp_path / "first", "tensorboard", epochs=2)


def test_samples_that_are_no_images_are_left_out(tmp_path):
    pytest.importorskip("tensorboard")
    layers = keras.layers
    networks = [keras.Sequential([layers.Dense(2)]), keras.Sequential([layers.Dense(1)])]
    points = zoo.AdversarialModel(*networks, latent_dim=3, seed=0)
    points.compile()
    data = np.zeros((8, 2), "float32")
    points.fit(data, verbose=0, callbacks=[zoo.TensorBoardLogger(tmp_path)])
    assert not (tmp_path / "samples").exists()
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_model_that_restores_shows_what_it_makes_of_images(tmp_path):
    pytest.importorskip("tensorboard")
    restoring = zoo.InpaintingGAN((16, 16, 1), base_filters=4, halvings=2, dilations=(1,), seed=0)
    restoring.compile()
    photos = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), "uint8")
    for name, images in {"with": photos, "without": None}.items():
        logger = zoo.TensorBoardLogger(tmp_path / name, images)
        restoring.fit(photos, verbose=0, batch_size=8, callbacks=[logger])
    assert [path.name for path in tmp_path.glob("*/samples/*")] == ["epoch_0001.png"]
    assert (tmp_path / "with" / "samples").exists()


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="it is there")
def test_tensorboard_needs_no_tensorflow(tmp_path):
    pytest.importorskip("tensorboard")
    code = f"""
import sys
import zoo
logger = zoo.TensorBoardLogger({str(tmp_path)!r})
logger.open({{}}, False)
logger.log(1, {{"generator_loss": 1.0}}, None)
print("tensorflow" in sys.modules)
"""
    assert run_python("-c", code).strip() == "False"
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_missing_package_is_named_before_training(spec, tmp_path, monkeypatch):
    for package in READERS:
        for module in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingDependencyError, match=rf'pip install "keras.*\[{package}\]"'):
            run.train(spec, IMAGES, tmp_path / "run", log=[package])
    assert not (tmp_path / "run").exists()


def test_another_logger_is_refused_before_a_package_that_is_missing(spec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InvalidInputError, match=r"'tensorboard', 'wandb'.*history\.csv.*'csv'"):
        run.train(spec, IMAGES, tmp_path / "run", log=["wandb", "csv"])


def test_no_account_is_said_in_a_line(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")

    def refuse(**settings):
        raise wandb.errors.UsageError("No API key configured. Use `wandb login` to log in.")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(InvalidInputError, match=r"No API key.*WANDB_MODE=offline"):
        model().fit(IMAGES, verbose=0, callbacks=[zoo.WandbLogger(tmp_path)])
