"""Importing keras-cv: without warnings, and without a GPU's memory for TensorFlow."""

import subprocess
import sys

import keras
import pytest

from tests.keras_cv import needs_keras_cv
from tests.processes import HERE, environment
from zoo.backend.tensorflow.beside import keep_tensorflow_off_gpus
from zoo.imports import import_keras_cv


@needs_keras_cv
def test_a_first_import_warns_of_nothing():
    code = "from zoo.imports import import_keras_cv; print(import_keras_cv().__name__)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(HERE),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.stdout == "keras_cv\n", result.stderr
    assert "Warning" not in result.stderr


@needs_keras_cv
def test_it_is_on_keras_of_the_same_backend():
    layer = import_keras_cv().layers.RandomFlip(seed=1)
    assert isinstance(layer, keras.layers.Layer)


def test_tensorflow_leaves_gpus_to_the_backend(monkeypatch):
    config = pytest.importorskip("tensorflow").config
    calls = []
    monkeypatch.setattr(config, "set_visible_devices", lambda *call: calls.append(call))
    keep_tensorflow_off_gpus()
    assert calls == ([] if HERE == "tensorflow" else [([], "GPU")])


def test_it_is_too_late_once_tensorflow_has_started(monkeypatch):
    config = pytest.importorskip("tensorflow").config

    def late(*_):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(config, "set_visible_devices", late)
    keep_tensorflow_off_gpus()
