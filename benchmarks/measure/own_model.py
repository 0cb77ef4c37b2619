"""A model of somebody's own: `FILE.py:NAME`, imported in the process that times it."""

import contextlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError

if TYPE_CHECKING:
    import keras


class OwnModelError(ZooError, ValueError):
    """A model that `--module` names and that can't be timed."""


def split(text: str) -> tuple[Path, str]:
    """Returns the file and the name in `FILE.py:NAME`.

    Raises:
        OwnModelError: if it isn't of this form, or there is no such file.
    """
    file, _, name = text.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise OwnModelError(
            f"`--module` must be FILE.py:NAME, my_models.py:MyGAN for example. Received: {text}"
        )
    path = Path(file)
    if not path.is_file():
        raise OwnModelError(f"There is no file {path}, which `--module {text}` names.")
    return path, name


def build(text: str) -> "keras.Model":
    """Builds the model that `FILE.py:NAME` stands for.

    Args:
        text: NAME is that of a model that the file registers, or of a model of the zoo in the file
            (`zoo.DCGAN`, `zoo.AdversarialModel`, a subclass), or of a class or function there that
            takes no arguments and makes one.

    Raises:
        OwnModelError: if there is no such file or name, if it makes something else, or if anything
            is raised on the way.
    """
    path, name = split(text)
    with _described(f"Importing {path}", path):
        module = _import(path)
    from zoo.adversarial.base import BaseGAN
    from zoo.hub import loading, registry

    found = vars(module).get(name)
    registered = [
        known for known in registry.names() if found is not None and _builder(known) is found
    ]
    with _described(f"Building {text}", path):
        if name in registry.names():
            model = loading.build(name)
        elif len(registered) == 1:  # a function and its registered configuration
            model = loading.build(registered[0])
        elif callable(found) and not isinstance(found, BaseGAN):
            model = found()
        else:
            model = found
    if model is None and name not in vars(module):
        own = (key for key, value in vars(module).items() if _is_own(value, module))
        listed = ", ".join(sorted(own)) or "no class or function"
        raise OwnModelError(f"{path} has no {name}. It defines: {listed}")
    if not isinstance(model, BaseGAN):
        raise OwnModelError(
            f"{text} must be a model of the zoo, zoo.AdversarialModel(...) for example, or make "
            f"one without arguments. Received: {type(model).__name__}"
        )
    return model


@contextlib.contextmanager
def _described(what, path):
    """Raises an `OwnModelError` for any exception: one line, which names that of the file."""
    try:
        yield
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
        place = f" (line {lines[-1]} of {path})" if lines else ""
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise OwnModelError(f"{what} failed: {text}{place}") from error


def _import(path):
    """Imports a file as a module, with its folder on the path as in `python FILE.py`."""
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.absolute())
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _builder(name):
    from zoo.hub import registry

    return registry.find(name).builder


def _is_own(value, module):
    """Returns whether a module defines a function or class, rather than imports it."""
    return callable(value) and getattr(value, "__module__", None) == module.__name__
