"""`zoo export`: what it writes and prints, and how it fails."""

import keras
import pytest

import zoo
from tests.cli.commands import (
    PRINT_WHETHER_KERAS_IS_LOADED,
    fail,
    register,
    run_process,
    save_fresh_weights,
    succeed,
)
from zoo.exporting import formats
from zoo.exporting.formats import FORMATS

BACKEND = keras.backend.backend()


@pytest.fixture
def tiny(here):
    register("tiny")
    return "tiny"


@pytest.fixture
def format_of_here(monkeypatch):
    """A format of this backend that any machine writes: a file with nothing in it."""
    drawn = zoo.load("tiny", weights="tiny.weights.h5").generate(64, seed=0)
    parts = [drawn[:1], drawn[1:]]
    stand_in = formats.Format("a stand-in", ".pt2", {BACKEND: ()}, "numpy", lambda *_: parts.pop(0))
    monkeypatch.setitem(FORMATS, "litert", stand_in._replace(suffix=".tflite"))
    monkeypatch.setattr(keras.Model, "export", lambda *_, **__: None)


def test_a_file_is_written_and_its_check_reported(tiny, request):
    weights = save_fresh_weights("tiny")
    request.getfixturevalue("format_of_here")
    printed = succeed("export", "tiny", "--weights", weights, "-o", "tiny.tflite")
    assert printed == (
        f"wrote tiny.tflite: tiny as a stand-in, on {BACKEND}; "
        "at most 0 gray levels from the model on 64 inputs\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "tiny"], ".onnx, .tflite, .pt2"),
        (["-o", "tiny.onnx", "--format", "torch"], "must end in .pt2"),
        (["-o", "tiny.onnx", "--format", "flatbuffer"], "flatbuffer"),
        ([], "-o"),
        (["-o", ".", "--format", "saved_model"], "there already"),
    ],
)
def test_what_does_not_fit_is_one_line(tiny, arguments, message):
    assert message in fail("export", tiny, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["NOPE", "-o", "a.onnx"], "No model is registered"),
        (["tiny", "-o", "file/a.onnx"], "file"),
        (["tiny", "-o", "a.onnx", "--weights", "missing.weights.h5"], "missing.weights.h5"),
        (["tiny", "-o", "a.onnx"], "Run: pip install onnx"),
    ],
)
def test_names_and_paths_come_before_packages_that_are_missing(
    tiny, here, monkeypatch, builds_no_model, arguments, message
):
    (here / "file").touch()
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert message in fail("export", *arguments)


def test_another_backend_is_named_before_keras_starts(here):
    other = "torch" if BACKEND != "torch" else "litert"
    suffix = FORMATS[other].suffix
    result = run_process(
        "export", "gan_mnist_small", "-o", f"digits{suffix}", code=PRINT_WHETHER_KERAS_IS_LOADED
    )
    assert result.returncode == 2
    assert "KERAS_BACKEND=" in result.stderr
    assert result.stdout == "False\n"
