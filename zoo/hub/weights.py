"""Weights files: Keras' own `.weights.h5`, checked array by array before a model sees them.

A file holds two groups, `generator` and `discriminator`, as `Model.save_weights` lays them out, so
plain `model.load_weights(path)` reads it as well. Kernels are stored in half precision.
"""

import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import (
    ChecksumError,
    WeightsFormatError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from zoo.hub.array_files import ArrayFile, H5PyFile, open_arrays, scan, write_arrays
from zoo.hub.untrusted import open_untrusted

FLOAT16_MAX = 65504.0

Select = Callable[[list[str]], dict[str, str]]


def network_arrays(names: Iterable[str]) -> dict[str, str]:
    """Selects the arrays of both networks; a moving average stands in for the generator.

    Args:
        names: the names in a file.

    Returns:
        dict name in the file -> `"generator/..."` or `"discriminator/..."`.
    """
    averaged = any(name.startswith("average_generator/") for name in names)
    sources = {"average_generator" if averaged else "generator": "generator"}
    sources["discriminator"] = "discriminator"
    split = {name: name.partition("/") for name in names}
    return {
        name: f"{sources[group]}/{rest}"
        for name, (group, slash, rest) in split.items()
        if slash and group in sources
    }


def save_weights(model: Any, path: str | os.PathLike, half_precision: bool = True) -> None:
    """Writes generator and discriminator to one file, whole or not at all.

    The generator is the one that `generate` uses: the moving average, if the model keeps one.

    Args:
        model: `zoo.AdversarialModel`.
        path: file to write, ending in `.weights.h5`.
        half_precision: bool, store arrays of two axes and more in float16. Biases and batch
            statistics, few and of any size, stay as they are.
    """
    import h5py

    with h5py.File(_own_weights(model), "r") as own:
        file = _opened(own)
        chosen = network_arrays(list(file.arrays))
        arrays = {name: file.read(source) for source, name in chosen.items()}
    for name, array in arrays.items():
        if half_precision and array.ndim > 1 and np.abs(array).max(initial=0.0) <= FLOAT16_MAX:
            arrays[name] = array.astype("float16")
    write_arrays(path, arrays, compression="gzip", shuffle=True)


def load_weights(
    model: Any,
    path: str | os.PathLike,
    sha256: str | None = None,
    select: Select | None = network_arrays,
) -> None:
    """Checks a weights file and loads it; on any error the model stays as it was.

    Also takes what `model.save_weights` writes while training: the moving average then becomes
    the generator, and optimizer slots are left out.

    Args:
        model: `zoo.AdversarialModel`, not compiled.
        path: the file.
        sha256: str, the file's expected hash. A file of unknown hash is read in a guarded process.
        select: as of `read_arrays`; `None` for any other `keras.Model`, all of whose arrays the
            file must hold.

    Raises:
        WeightsNotFoundError: If there is no such file.
        ChecksumError: If the hash differs.
        WeightsFormatError: If it isn't an HDF5 file of finite arrays.
        WeightsMismatchError: If names, shapes or types differ from the model's.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsNotFoundError(
            f"There is no weights file at {path}. Pass the path of an existing .weights.h5 file."
        )
    if sha256 is not None:
        _check_hash(path, sha256)
    import h5py

    # The model's own file says what is expected; with its numbers replaced, Keras loads it.
    own = _own_weights(model)
    with h5py.File(own, "r+") as file:
        described = _opened(file).arrays
        chosen = _choose(described, select)
        expected = {name: described[source] for source, name in chosen.items()}
        arrays = read_arrays(path, expected, select, trusted=sha256 is not None)
        for source, name in chosen.items():
            file[source][...] = arrays[name]
    model.load_weights(own)


def read_arrays(
    path: str | os.PathLike,
    expected: dict[str, Any],
    select: Select | None = None,
    trusted: bool = False,
) -> dict[str, np.ndarray]:
    """Reads arrays of a weights file or a checkpoint, after all checks.

    No memory is taken for an array before it is known to have the expected shape.

    Args:
        path: the file, written by `save_weights` here or by Keras.
        expected: dict name -> anything with a `shape` and a `dtype`, an ndarray for example.
        select: function of the list of names in the file, groups and array joined by slashes
            (`"optimizer/vars/0"`), that returns a dict name in the file -> name in `expected`;
            what it leaves out is not read. By default all arrays, under their own names.
        trusted: bool, whether the file's hash is known; otherwise a guarded process reads it.

    Returns:
        dict name -> ndarray, names and dtypes as in `expected`. Floats can be stored in any
        precision that keeps their values.

    Raises:
        WeightsFormatError: If it isn't a sound HDF5 file of finite arrays.
        WeightsMismatchError: If names, shapes or types differ from the expected.

    Example:

    ```python
    steps = {"optimizer/generator_optimizer/vars/0": np.zeros((), "int32")}
    read_arrays("run.weights.h5", steps, lambda names: {name: name for name in steps})
    ```
    """
    with (open_arrays if trusted else open_untrusted)(path) as file:
        return take_arrays(file, expected, select)


def take_arrays(
    file: ArrayFile, expected: dict[str, Any], select: Select | None = None
) -> dict[str, np.ndarray]:
    """Does what `read_arrays` does, with an open file."""
    chosen = _choose(file.arrays, select)
    sources = {chosen[name]: name for name in file.arrays if name in chosen}
    _check_names(file.path, sources, expected)
    for name, wanted in expected.items():
        _check_array(file, name, file.arrays[sources[name]], wanted)
    return {
        name: _finite(file, name, sources[name], np.dtype(wanted.dtype))
        for name, wanted in expected.items()
    }


def _choose(names, select):
    names = list(names)
    return {name: name for name in names} if select is None else select(names)


def _check_names(path, found, expected):
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if missing or extra:
        raise WeightsMismatchError(
            f"{path} holds weights of another model: {len(missing)} arrays are missing "
            f"({_some(missing)}), {len(extra)} are unknown ({_some(extra)})."
        )


def _check_array(file, name, stored, wanted):
    shape, dtype = tuple(wanted.shape), np.dtype(wanted.dtype)
    if stored.shape != shape:
        raise WeightsMismatchError(
            f"{file.path} holds weights of another model: {name} must have shape {shape}. "
            f"Received: {stored.shape}"
        )
    allowed = ("float16", "float32", "float64") if dtype.kind == "f" else (dtype.name,)
    if stored.type_name not in allowed:
        raise WeightsFormatError(
            f"{file.path}: {name} must be {' or '.join(allowed)}. Received: {stored.type_name}"
        )


def _finite(file, name, source, dtype):
    stored = file.read(source)
    if dtype.kind != "f":
        return stored
    if not np.isfinite(stored).all():
        raise WeightsFormatError(f"{file.path}: {name} holds NaN or infinity")
    with np.errstate(over="ignore", under="ignore"):
        array = stored.astype(dtype, copy=False)
    if stored.dtype == "float64" and not np.array_equal(array.astype("float64"), stored):
        raise WeightsFormatError(
            f"{file.path}: {name} is stored as float64, and holds numbers that {dtype} can't"
        )
    if not np.isfinite(array).all():
        raise WeightsFormatError(f"{file.path}: {name} holds numbers beyond the range of {dtype}")
    return array


def _check_hash(path, sha256):
    from zoo.hub.download import sha256_of

    received = sha256_of(path)
    if received != sha256:
        raise ChecksumError(
            f"{path} isn't the file that its card describes: expected sha256 {sha256}, received "
            f"{received}. Delete it and get it again, or pass `weights=` with its path to load it "
            "as your own weights."
        )


class _Memory(io.BytesIO):
    """A file in memory, which Keras takes for one of weights by what it is called."""

    def __str__(self):
        return "own.weights.h5"


def _own_weights(model: Any) -> io.BytesIO:
    """Returns a file that Keras has saved a model's weights to.

    In memory: where the system's temporary folder is full, libhdf5 would crash.
    """
    memory = _Memory()
    model.save_weights(memory)
    return memory


def _opened(file: Any) -> H5PyFile:
    return H5PyFile("own.weights.h5", file, {item.name: item for item in scan("own", file)})


def _some(names):
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "none"
