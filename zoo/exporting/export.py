"""Exports a model through Keras' exporters, and checks the file before it is put in place."""

import contextlib
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.errors import ExportError
from zoo.exporting.formats import (
    FORMATS,
    ONNX,
    SAVED_MODEL,
    TORCH,
    check_can_write,
    check_place,
    find_format,
)
from zoo.exporting.passes import make_pass
from zoo.files import placing_folder, replacing
from zoo.imports import import_optional

GRAY_LEVELS = 1
"""Largest difference between the model and its file, of uint8 images."""
TOLERANCE = 1e-3
"""Likewise of floats, relative to the largest of them."""


def export(model: Any, path: str | os.PathLike, format: str | None = None) -> float:
    """Writes what a model draws, or restores, to a file that runs without the zoo and Keras.

    A model that draws takes latents, float32 `(N, latent_dim)`, and if it is class-conditional also
    labels, int32 `(N,)`; it returns images, uint8 `(N, H, W, C)`. One that restores takes images,
    uint8 `(N, H, W, C)` of the size that it was trained on, and masks, bool `(N, H, W)`, True where
    a pixel is missing; known pixels come out bit for bit. It is the single pass of `generate` and
    `inpaint`: larger photographs are the zoo's to restore.

    The file is run on 64 inputs, and put in place only if it draws what the model draws.

    Args:
        model: a model of the zoo, such as `zoo.load` returns.
        path: where to write. An existing file is replaced, an existing folder isn't.
        format: `"onnx"` for `.onnx` files, on every backend; `"litert"` for `.tflite` files, on
            TensorFlow; `"torch"` for `.pt2` files of `torch.export`, on PyTorch; `"saved_model"`,
            a folder, on TensorFlow and JAX. By default that of the path's suffix. N is any number;
            in LiteRT files that restore, 1.

    Returns:
        float, the largest difference on 64 inputs between the model and its file: in gray levels,
        at most 1.

    Raises:
        InvalidInputError: for a model that isn't the zoo's, a format that the backend doesn't
            write, or a path of another suffix.
        MissingDependencyError: If a package of the format isn't installed.
        ExportError: If the model can't be converted, or the file draws something else.

    Example:

    ```bash
    python -c 'import zoo; zoo.export(zoo.load("dcgan_mnist"), "digits.onnx")'
    ```
    """
    name = find_format(path, format)
    if name == SAVED_MODEL:
        check_place(path)
    check_can_write(name, keras.backend.backend())
    run = make_pass(model)
    place = placing_folder if name == SAVED_MODEL else replacing
    with place(path) as temporary, _quietly():
        with _explained(f"{FORMATS[name].title} can't be written on {keras.backend.backend()}"):
            _write(run, temporary, name)
        with _explained(f"The file of {FORMATS[name].title} doesn't run"):
            found = _run(run, temporary, name)
        return _check(run, found)


def _write(run, path, name):
    signature, options = run.signature, {}
    if _takes_one(run, name):
        signature = [
            keras.InputSpec(spec.dtype, (1, *spec.shape[1:]), name=spec.name) for spec in signature
        ]
    if name == TORCH:
        from zoo.backend.torch.exported import dynamic_batch

        options["dynamic_shapes"] = dynamic_batch(len(signature))
    kind = "tf_saved_model" if name == SAVED_MODEL else name
    options |= {"verbose": False, "input_signature": signature}
    if name != ONNX:
        run.layer.export(str(path), kind, **options)
        return
    # Some converters put large weights into a second file, which the first one names.
    onnx = import_optional("onnx", "onnx")
    with tempfile.TemporaryDirectory() as folder:
        parts = Path(folder, "model.onnx")
        run.layer.export(str(parts), kind, **options)
        onnx.save(onnx.load(parts), path)


def _run(run, path, name):
    """Returns what the file makes of the examples, in two batches of different sizes."""
    count = len(run.expected)
    starts = range(count) if _takes_one(run, name) else (0, 1)
    names = [spec.name for spec in run.signature]
    parts = zip(starts, (*starts[1:], count), strict=True)
    return np.concatenate(
        [
            FORMATS[name].run(path, names, tuple(array[start:stop] for array in run.examples))
            for start, stop in parts
        ]
    )


def _takes_one(run, name):
    return FORMATS[name].one_restored and run.signature[0].name == "images"


def _check(run, found):
    """Returns the largest difference to what the model draws."""
    if found.shape != run.expected.shape or found.dtype != run.expected.dtype:
        raise ExportError(
            f"The exported file makes {found.dtype} {found.shape} of the inputs of which the model "
            f"makes {run.expected.dtype} {run.expected.shape}. Nothing was written."
        )
    difference = float(np.max(np.abs(found.astype("float64") - run.expected)))
    limit = GRAY_LEVELS if found.dtype == "uint8" else TOLERANCE * np.abs(run.expected).max()
    if not difference <= limit:  # NaN isn't either
        raise ExportError(
            f"The exported file must draw what the model draws, to {limit:g}; on 64 inputs it is "
            f"off by up to {difference:g}. Nothing was written."
        )
    if run.signature[0].name == "images":
        images, holes = run.examples
        if not np.array_equal(found[~holes], images[~holes]):
            raise ExportError("The exported file changes known pixels. Nothing was written.")
    return difference


@contextlib.contextmanager
def _explained(what):
    """Turns any error of a converter or a runtime into one that says what failed."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ExportError(f"{what}: {text[:500]}. Nothing was written.") from error


@contextlib.contextmanager
def _quietly():
    """Holds back what converters warn of: whether the file is right is checked here."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
