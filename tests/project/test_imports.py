"""Which backend Keras is imported on: the wish, the configured one, or one that is there."""

import importlib.util
import json
import os
import sys

import pytest

from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.imports import choose_backend, import_keras

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


@pytest.mark.parametrize("wish", ALL)
@pytest.mark.parametrize("installed", [ALL, None], ids=["all installed", "only it installed"])
def test_a_wish_that_is_installed_is_granted(machine, wish, installed):
    machine(installed or (wish,), wish=wish, configured=backend("tensorflow"))
    assert choose_backend() == wish


@pytest.mark.parametrize(
    ("wish", "command"),
    [
        ("tensorflow", "pip install tensorflow-cpu"),
        ("jax", "pip install jax"),
        ("torch", "pip install torch"),
    ],
)
def test_a_wish_that_is_missing_names_the_pip_command_and_what_is_there(machine, wish, command):
    there = next(name for name in ALL if name != wish)
    machine((there,), wish=wish, configured=backend(there))
    with pytest.raises(MissingDependencyError) as caught:
        choose_backend()
    assert f"{command}." in str(caught.value)
    assert f"KERAS_BACKEND={there}" in str(caught.value)


def test_a_missing_wish_on_a_bare_machine_promises_no_other(machine):
    machine((), wish="jax")
    with pytest.raises(MissingDependencyError, match="pip install jax") as caught:
        choose_backend()
    assert "installed one" not in str(caught.value)


@pytest.mark.parametrize("wish", ["numpy", "openvino", "JAX", "jax ", "theano"])
def test_a_backend_that_the_zoo_does_not_run_on_is_refused(machine, wish):
    machine(ALL, wish=wish)
    with pytest.raises(InvalidInputError, match=f"tensorflow, jax, torch.*KERAS_BACKEND={wish}"):
        choose_backend()


@pytest.mark.parametrize("wish", [None, ""])
@pytest.mark.parametrize("configured", [None, backend("jax")])
def test_without_no_backend_all_pip_commands_are_named(machine, wish, configured):
    machine((), wish=wish, configured=configured)
    with pytest.raises(MissingDependencyError) as caught:
        choose_backend()
    for package in ("tensorflow-cpu", "jax", "torch"):
        assert f"pip install {package}" in str(caught.value)


@pytest.mark.parametrize("configured", ALL)
def test_without_a_wish_the_configured_backend_is_taken(machine, configured):
    machine(ALL, configured=backend(configured))
    assert choose_backend() == configured


@pytest.mark.parametrize(
    ("installed", "configured", "chosen"),
    [
        (("torch",), "tensorflow", "torch"),
        (("jax",), "tensorflow", "jax"),
        (("jax", "torch"), "tensorflow", "jax"),
        (("tensorflow",), "jax", "tensorflow"),
        (("torch",), "theano", "torch"),
    ],
)
def test_a_configured_backend_that_is_not_installed_gives_way(
    machine, installed, configured, chosen
):
    machine(installed, configured=backend(configured))
    assert choose_backend() == chosen


@pytest.mark.parametrize(
    "configured",
    [None, "", "{", "[]", "{}", '"jax"', "null", backend(["jax"]), backend(None)],
)
def test_a_configuration_that_says_nothing_is_no_obstacle(machine, configured):
    machine(("torch",), configured=configured)
    assert choose_backend() == "torch"


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
