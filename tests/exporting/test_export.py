"""Exported files draw what the model draws, and nothing else is put in place."""

import os

import keras
import numpy as np
import pytest

import zoo
from tests.processes import ROOT
from tests.project.examples import python_blocks
from tests.project.examples import run as execute
from tests.tiny import set_weights
from zoo.errors import ExportError, InvalidInputError, MissingDependencyError
from zoo.exporting import formats
from zoo.exporting.formats import FORMATS, check_can_write, find_format

BACKEND = keras.backend.backend()
WRITTEN = [name for name, format in FORMATS.items() if BACKEND in format.writers]
MODELS = {
    "dense": lambda: zoo.VanillaGAN((8, 8, 1), latent_dim=6, hidden_units=(12, 16)),
    "convolutional": lambda: zoo.DCGAN((16, 16, 3), base_filters=4, latent_dim=6),
    "conditional": lambda: zoo.ConditionalDCGAN((16, 16, 1), classes=3, base_filters=4),
    "restoring": lambda: zoo.InpaintingGAN((16, 24, 3), base_filters=4, halvings=2),
    "plain restoring": lambda: zoo.InpaintingGAN(
        (16, 16, 1), base_filters=4, first_guess=False, gated=False, skip_connections=False
    ),
}


def require(name):
    """Skips the test unless a format can be written and run here."""
    for module in (*FORMATS[name].writers[BACKEND], FORMATS[name].runner):
        pytest.importorskip(module, exc_type=ImportError)


def make(kind):
    model = MODELS[kind]()
    set_weights(model)
    return model


def run(path, name, inputs):
    """Runs a file on inputs by their names: of LiteRT files that restore, one at a time."""
    if name == "litert" and "images" in inputs:
        count = len(inputs["images"])
        rows = [{key: x[i : i + 1] for key, x in inputs.items()} for i in range(count)]
    else:
        rows = [inputs]
    outputs = [FORMATS[name].run(path, list(row), tuple(row.values())) for row in rows]
    return np.concatenate(outputs)


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    assert not list(tmp_path.glob(".tmp*"))


@pytest.fixture
def stand_in(monkeypatch):
    """Stands in for a format: returns a function that sets what its files draw, batch by batch."""
    drawn = []
    format = formats.Format(
        "a stand-in", ".tflite", {BACKEND: ()}, "numpy", lambda *_: drawn.pop(0)
    )
    monkeypatch.setitem(FORMATS, "litert", format)
    monkeypatch.setattr(keras.Model, "export", lambda model, path, *_, **__: write(path, "new"))

    def draws(samples):
        drawn[:] = samples[:1], samples[1:]

    return draws


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


# ------------------------------------------------------------------- what files draw


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_files_draw_what_the_model_draws(kind, name, folder):
    require(name)
    model = make(kind)
    path = folder / f"model{FORMATS[name].suffix}"
    assert 0 <= zoo.export(model, path, name) <= 1
    latents = model.sample_latent(5, seed=1)
    images = run(path, name, {"latents": latents})
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images.astype(int), model.generate(latents=latents), atol=1)


@pytest.mark.parametrize("name", WRITTEN)
def test_files_draw_the_classes_that_they_are_given(name, folder):
    require(name)
    model = make("conditional")
    path = folder / f"model{FORMATS[name].suffix}"
    assert zoo.export(model, path, name) <= 1
    latents = model.sample_latent(3, seed=1)
    for labels in ([0, 1, 2], [2, 2, 0]):
        images = run(path, name, {"latents": latents, "labels": np.array(labels, "int32")})
        expected = model.generate(latents=latents, labels=labels)
        np.testing.assert_allclose(images.astype(int), expected, atol=1)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", ["restoring", "plain restoring"])
def test_files_restore_and_keep_known_pixels(kind, name, folder):
    require(name)
    model = make(kind)
    path = folder / f"model{FORMATS[name].suffix}"
    assert zoo.export(model, path, name) <= 1
    images = np.random.default_rng(1).integers(0, 256, (3, *model.image_shape), "uint8")
    holes = zoo.masks.draw("free_form", 3, model.image_shape[:2], seed=1)
    restored = run(path, name, {"images": images, "masks": holes})
    np.testing.assert_allclose(restored.astype(int), model.inpaint(images, holes), atol=1)
    np.testing.assert_array_equal(restored[~holes], images[~holes])
    assert (restored[holes] != images[holes]).any()


def test_large_weights_are_in_the_file_too(folder):
    """Some converters put tensors of over a megabyte beside it."""
    require("onnx")
    model = zoo.VanillaGAN((8, 8, 1), latent_dim=6, hidden_units=(600, 600))
    zoo.export(model, folder / "model.onnx")
    assert os.listdir(folder) == ["model.onnx"]
    (folder / "elsewhere").mkdir()
    path = (folder / "model.onnx").rename(folder / "elsewhere/model.onnx")
    assert path.stat().st_size > 4 * 600 * 600
    assert run(path, "onnx", {"latents": model.sample_latent(2, seed=0)}).shape == (2, 8, 8, 1)


def test_the_average_is_exported(folder):
    require(WRITTEN[0])
    model = make("dense")
    model.compile(average_decay=0.5)
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), "uint8")
    model.fit(images, batch_size=4, verbose=0)
    path = folder / f"model{FORMATS[WRITTEN[0]].suffix}"
    assert zoo.export(model, path, WRITTEN[0]) <= 1


def test_samples_that_are_no_images_stay_floats(folder):
    require(WRITTEN[0])
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    path = folder / f"model{FORMATS[WRITTEN[0]].suffix}"
    assert zoo.export(model, path, WRITTEN[0]) < 1e-4
    latents = model.sample_latent(5, seed=1)
    found = run(path, WRITTEN[0], {"latents": latents})
    np.testing.assert_allclose(found, model.generate(latents=latents), atol=1e-5)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_documents_programs_run_the_files(name, folder, monkeypatch):
    require(name)
    text = (ROOT / "docs/export.md").read_text("utf-8")
    file = f"digits{FORMATS[name].suffix}"
    (program,) = [block for block in python_blocks(text) if f'("{file}")' in block]
    model = zoo.VanillaGAN((28, 28, 1), hidden_units=(8,))
    monkeypatch.chdir(folder)
    zoo.export(model, file, name)
    names = {}
    execute(program, "docs/export.md", names)
    np.testing.assert_allclose(names["images"].astype(int), model.generate(64, seed=0), atol=1)


# ---------------------------------------------------------------------------- refusals


def test_a_file_that_draws_something_else_is_not_put_in_place(stand_in, folder):
    model, path = make("dense"), folder / "model.tflite"
    path.write_text("old")
    expected = model.generate(latents=model.sample_latent(64, 0))
    near, far = expected.copy(), expected.copy()
    near[40, 3, 3] += np.where(near[40, 3, 3] < 255, 1, -1).astype("uint8")
    far[40, 3, 3] += np.where(far[40, 3, 3] < 254, 2, -2).astype("uint8")
    stand_in(far)
    with pytest.raises(ExportError, match="off by up to 2"):
        zoo.export(model, path)
    stand_in(expected[:63])
    with pytest.raises(ExportError):
        zoo.export(model, path)
    assert path.read_text() == "old"
    stand_in(near)
    assert zoo.export(model, path) == 1
    assert path.read_text() == "new"


def test_a_known_pixel_that_changes_is_an_error(stand_in, folder):
    model = make("plain restoring")
    run = zoo.exporting.passes.make_pass(model)
    changed = run.expected.copy()
    index = tuple(axis[0] for axis in np.nonzero(~run.examples[1]))
    changed[index] += np.where(changed[index] < 255, 1, -1).astype("uint8")
    stand_in(changed)
    with pytest.raises(ExportError, match="known pixels"):
        zoo.export(model, folder / "model.tflite")


def test_nan_is_an_error(stand_in, folder):
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    nothing = np.full((64, 2), np.nan, "float32")
    stand_in(nothing)
    with pytest.raises(ExportError, match="nan"):
        zoo.export(model, folder / "model.tflite")


def test_what_a_converter_refuses_is_one_error(stand_in, monkeypatch, folder):
    def refuse(*args, **kwargs):
        raise NotImplementedError("no such\noperation")

    monkeypatch.setattr(keras.Model, "export", refuse)
    with pytest.raises(ExportError, match="no such operation"):
        zoo.export(make("dense"), folder / "model.tflite")
    assert os.listdir(folder) == []


def test_a_folder_with_contents_is_not_replaced(folder):
    if "saved_model" not in WRITTEN:
        pytest.skip("no SavedModel on this backend")
    (folder / "old").mkdir()
    (folder / "old" / "file").touch()
    with pytest.raises(InvalidInputError, match="is there already"):
        zoo.export(make("dense"), folder / "old", "saved_model")
    assert (folder / "old" / "file").exists()


def test_another_keras_model_is_refused(stand_in, folder):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(InvalidInputError, match="Received: Sequential"):
        zoo.export(network, folder / "model.tflite")


@pytest.mark.no_backend
@pytest.mark.parametrize(
    ("path", "format", "expected"),
    [
        ("a.onnx", None, "onnx"),
        ("a.TFLITE", None, "litert"),
        ("a.pt2", "torch", "torch"),
        ("a", "saved_model", "saved_model"),
        ("v1.2", "saved_model", "saved_model"),
    ],
)
def test_formats_are_found(path, format, expected):
    assert find_format(path, format) == expected


@pytest.mark.no_backend
@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("a", None, r"\.onnx, \.tflite, \.pt2.*Received: a"),
        ("a.pb", None, r"onnx, saved_model, litert, torch"),
        ("a.onnx", "torch", r"must end in \.pt2"),
        ("a.onnx", "saved_model", "folder"),
        ("a", "onnx", r"must end in \.onnx"),
        ("a.onnx", "tflite", "one of onnx, saved_model, litert, torch"),
    ],
)
def test_formats_that_do_not_fit_are_refused(path, format, message):
    with pytest.raises(InvalidInputError, match=message):
        find_format(path, format)


@pytest.mark.no_backend
@pytest.mark.parametrize(
    ("name", "backend", "other"),
    [("litert", "jax", "tensorflow"), ("torch", "jax", "torch"), ("saved_model", "torch", "jax")],
)
def test_another_backend_is_named(name, backend, other):
    with pytest.raises(InvalidInputError, match=rf"{other}.*KERAS_BACKEND="):
        check_can_write(name, backend)


@pytest.mark.no_backend
def test_what_is_missing_is_named_with_its_pip_command(monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install onnx jax2onnx onnxruntime$"):
        check_can_write("onnx", "jax")
    with pytest.raises(MissingDependencyError, match=r"pip install ai-edge-litert$"):
        check_can_write("litert", "tensorflow")
