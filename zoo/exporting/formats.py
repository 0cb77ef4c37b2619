"""The formats of exported files: what writes them, and what runs them."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.imports import import_optional

ONNX, SAVED_MODEL, LITERT, TORCH = "onnx", "saved_model", "litert", "torch"


class Format(NamedTuple):
    """A format of exported files.

    Args:
        title: str, its name in sentences.
        suffix: str, of its files; empty if it is a folder.
        writers: Backend -> modules that write it there.
        runner: str, the module that runs it.
        run: function (path, names of the inputs, arrays) -> outputs, an array.
        one_restored: bool, whether a file that restores takes one image at a time.
    """

    title: str
    suffix: str
    writers: dict[str, tuple[str, ...]]
    runner: str
    run: Callable[[Path, list[str], tuple], Any]
    one_restored: bool = False


def _run_onnx(path, names, arrays):
    session = import_optional("onnxruntime", "onnxruntime").InferenceSession(path)
    return session.run(None, dict(zip(names, arrays, strict=True)))[0]


def _run_saved_model(path, names, arrays):
    del names
    from zoo.backend.tensorflow.exported import run_saved_model

    return run_saved_model(path, arrays)


def _run_litert(path, names, arrays):
    litert = import_optional("ai_edge_litert.interpreter", "ai-edge-litert")
    signature = litert.Interpreter(str(path)).get_signature_runner()
    return next(iter(signature(**dict(zip(names, arrays, strict=True))).values()))


def _run_torch(path, names, arrays):
    del names
    from zoo.backend.torch.exported import run_program

    return run_program(path, arrays)


FORMATS = {
    ONNX: Format(
        "ONNX",
        ".onnx",
        {
            "tensorflow": ("onnx", "tf2onnx"),
            "jax": ("onnx", "jax2onnx"),
            "torch": ("onnx",),
        },
        "onnxruntime",
        _run_onnx,
    ),
    SAVED_MODEL: Format(
        "SavedModel",
        "",
        {"tensorflow": (), "jax": ()},
        "tensorflow",
        _run_saved_model,
    ),
    # With a batch of unknown size the converter loses the shapes behind an `UpSampling2D`, and
    # takes operations that LiteRT lacks.
    LITERT: Format(
        "LiteRT", ".tflite", {"tensorflow": ()}, "ai_edge_litert", _run_litert, one_restored=True
    ),
    TORCH: Format("torch.export", ".pt2", {"torch": ()}, "torch", _run_torch),
}
"""Name -> format."""
PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tensorflow": "tensorflow-cpu"}
"""Module -> its package, where the names differ."""


def find_format(path: str | os.PathLike, name: str | None = None) -> str:
    """Returns the format of a file, by its name or else by the file's suffix.

    Raises:
        InvalidInputError: for an unknown format, or a suffix that isn't the format's.

    Example:

    >>> find_format("digits.onnx")
    'onnx'
    """
    suffix = Path(path).suffix.lower()
    by_suffix = {format.suffix: key for key, format in FORMATS.items() if format.suffix}
    if name is None:
        name = by_suffix.get(suffix)
        if name is None:
            raise InvalidInputError(
                f"The output must end in {', '.join(by_suffix)}, or the format must be given: "
                f"{', '.join(FORMATS)}. Received: {path}"
            )
    if name not in FORMATS:
        raise InvalidInputError(
            f"`format` must be one of {', '.join(FORMATS)}. Received: format={name!r}"
        )
    expected = FORMATS[name].suffix
    if expected and suffix != expected:
        raise InvalidInputError(
            f"A file of {FORMATS[name].title} must end in {expected}. Received: {path}"
        )
    if not expected and suffix in by_suffix:
        raise InvalidInputError(
            f"A {FORMATS[name].title} is a folder, whose name can't end in {suffix}. "
            f"Received: {path}"
        )
    return name


def check_place(path: str | os.PathLike) -> None:
    """Raises `InvalidInputError` if a SavedModel is to be written where something is already."""
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InvalidInputError(
            f"A SavedModel is written to a new folder. Received: {path}, which is there already. "
            "Remove it, or choose another name."
        )


def check_can_write(name: str, backend: str) -> None:
    """Raises an error unless a format can be written, and the file be run, on a backend.

    Raises:
        InvalidInputError: If it takes another backend.
        MissingDependencyError: If it takes packages that aren't installed.
    """
    format = FORMATS[name]
    if backend not in format.writers:
        raise InvalidInputError(
            f"{format.title} is exported on the backend {' or '.join(format.writers)}. "
            f"Received: format={name!r} on {backend}. The weights are the same on every backend: "
            f"set KERAS_BACKEND={next(iter(format.writers))}."
        )
    modules = (*format.writers[backend], format.runner)
    missing = [PACKAGES.get(module, module) for module in modules if find_spec(module) is None]
    if missing:
        raise MissingDependencyError(
            f"{format.title} takes packages that aren't installed on the backend {backend}. "
            f"Run: pip install {' '.join(missing)}"
        )
