"""Which backend Keras is imported on: the wish, the configured one, or one that is there."""

import importlib.util
import json
import os
import sys

import pytest

from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.imports import PACKAGES, choose_backend, import_keras, prefer_installed_backend

ALL = ("tensorflow", "jax", "torch")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretends to be a machine with these backends, this wish and this Keras configuration."""

    def pretend(installed, wish=None, configured=None):
        def find_spec(name, package=None):
            return object() if name in installed else None

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        if wish is None:
            monkeypatch.delenv("KERAS_BACKEND", raising=False)
        else:
            monkeypatch.setenv("KERAS_BACKEND", wish)
        if configured is not None:
            (tmp_path / "keras.json").write_text(configured)

    return pretend


def backend(name):
    return json.dumps({"floatx": "float32", "backend": name})


@pytest.mark.parametrize(
    ("installed", "wish", "configured", "chosen"),
    [
        *((ALL, wish, backend("tensorflow"), wish) for wish in ALL),
        *(((wish,), wish, backend("tensorflow"), wish) for wish in ALL),
        *((ALL, None, backend(name), name) for name in ALL),
        # A configured backend that isn't installed gives way, and so does what says nothing.
        (("torch",), None, backend("tensorflow"), "torch"),
        (("jax", "torch"), "", backend("tensorflow"), "jax"),
        (("tensorflow",), None, backend("jax"), "tensorflow"),
        (("torch",), None, backend("theano"), "torch"),
        *(
            (("torch",), None, text, "torch")
            for text in (None, "", "{", "[]", "{}", '"jax"', "null", backend(["jax"]))
        ),
    ],
)
def test_the_wish_is_granted_or_else_an_installed_backend_chosen(
    machine, installed, wish, configured, chosen
):
    machine(installed, wish=wish, configured=configured)
    assert choose_backend() == chosen


@pytest.mark.parametrize(
    ("installed", "wish", "imported", "chosen"),
    [
        (("torch",), None, False, "torch"),  # Keras would look for TensorFlow
        (("tensorflow", "torch"), None, False, None),
        (("jax", "torch"), "torch", False, "torch"),
        (("jax",), None, True, None),
        ((), None, False, None),
    ],
)
def test_keras_finds_the_installed_backend_by_itself(
    machine, monkeypatch, installed, wish, imported, chosen
):
    machine(installed, wish=wish)
    if not imported:
        monkeypatch.delitem(sys.modules, "keras", raising=False)
    prefer_installed_backend()
    assert os.environ.get("KERAS_BACKEND") == chosen
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


@pytest.mark.parametrize(
    ("installed", "wish", "error", "parts"),
    [
        (("jax",), "tensorflow", MissingDependencyError, ("tensorflow-cpu.", "KERAS_BACKEND=jax")),
        (("torch",), "jax", MissingDependencyError, ("pip install jax.", "KERAS_BACKEND=torch")),
        ((), "torch", MissingDependencyError, ("pip install torch.",)),
        ((), None, MissingDependencyError, [f"pip install {name}" for name in PACKAGES.values()]),
        (ALL, "theano", InvalidInputError, ("tensorflow, jax, torch", "KERAS_BACKEND=theano")),
    ],
)
def test_what_is_missing_is_named_with_its_pip_command(machine, installed, wish, error, parts):
    machine(installed, wish=wish, configured=backend("torch"))
    with pytest.raises(error) as caught:
        choose_backend()
    for part in parts:
        assert part in str(caught.value)


def test_without_keras_home_the_configuration_lies_in_the_home_folder(
    machine, monkeypatch, tmp_path
):
    machine(ALL)
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(backend("torch"))
    assert choose_backend() == "torch"


def test_keras_is_told_the_backend_before_it_is_imported(machine, monkeypatch, tmp_path):
    # A stand-in for Keras, which in this process is imported already.
    (tmp_path / "keras.py").write_text(
        "import os\nseen = os.environ['KERAS_BACKEND']\n"
        "class backend:\n    backend = staticmethod(lambda: seen)\n"
        "class saving:\n    get_custom_objects = staticmethod(dict)\n"
    )
    monkeypatch.setitem(sys.modules, "keras", sys)
    del sys.modules["keras"]
    machine(("torch",), configured=backend("tensorflow"))
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.syspath_prepend(tmp_path)
    assert import_keras().seen == "torch"


def test_an_imported_keras_is_returned_as_it_is(machine):
    import keras

    before = keras.backend.backend()
    machine(ALL, wish=next(name for name in ALL if name != before))
    wish = os.environ["KERAS_BACKEND"]
    assert import_keras() is keras
    assert os.environ["KERAS_BACKEND"] == wish
    assert keras.backend.backend() == before


def test_an_imported_keras_on_another_backend_is_refused(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(InvalidInputError, match=r"tensorflow, jax, torch.*numpy"):
        import_keras()
