"""Weights files: Keras' own `.weights.h5`, checked array by array before a model sees them.

A stranger's file is never opened by libhdf5 or Keras: `zoo.hdf5` reads it, under limits, and what
passed all checks goes to the model in a file written anew.

A file holds two groups, `generator` and `discriminator`, as `Model.save_weights` lays them out, so
plain `model.load_weights(path)` reads it as well. Kernels are stored in half precision.
"""

import tempfile
from pathlib import Path

import h5py
import numpy as np

from zoo.errors import (
    ChecksumError,
    WeightsFormatError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from zoo.hdf5 import open_hdf5
from zoo.hdf5.writing import write_arrays

FLOAT16_MAX = 65504.0


def network_arrays(names):
    """The arrays of both networks, for `read_arrays`: a moving average stands in for the generator.

    Args:
        names: list of str, those of a file.

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


def save_weights(model, path, half_precision=True):
    """Writes generator and discriminator to one file, whole or not at all.

    The generator is the one that `generate` uses: the moving average, if the model keeps one.

    Args:
        model: `zoo.AdversarialModel`.
        path: file to write, ending in `.weights.h5`.
        half_precision: bool, store arrays of two axes and more in float16. Biases and batch
            statistics, few and of any size, stay as they are.
    """
    arrays = _arrays_of(model)
    for name, array in arrays.items():
        if half_precision and array.ndim > 1 and np.abs(array).max(initial=0.0) <= FLOAT16_MAX:
            arrays[name] = array.astype("float16")
    write_arrays(path, arrays, compression="gzip", shuffle=True)


def load_weights(model, path, sha256=None, select=network_arrays):
    """Checks a weights file and loads it; on any error the model stays as it was.

    Also takes what `model.save_weights` writes while training: the moving average then becomes
    the generator, and optimizer slots are left out.

    Args:
        model: `zoo.AdversarialModel`, not compiled.
        path: the file.
        sha256: str, what the file must hash to, if known.
        select: as of `read_arrays`: `None` for any other `keras.Model`, all of whose arrays the
            file must hold.

    Raises:
        WeightsNotFoundError: if there is no such file.
        ChecksumError: if the hash differs.
        WeightsFormatError: if it is no HDF5 file of finite arrays.
        WeightsMismatchError: if names, shapes or types differ from the model's.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsNotFoundError(
            f"There is no weights file at {path}. Pass the path of an existing .weights.h5 file."
        )
    if sha256 is not None:
        _check_hash(path, sha256)
    arrays = read_arrays(path, _arrays_of(model, select), select)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checked.weights.h5"
        with h5py.File(copy, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
            model.load_weights(copy)


def read_arrays(path, expected, select=None):
    """Arrays of a weights file or a checkpoint, after all checks.

    Nothing is read, or takes memory, before it is known to have the expected shape.

    Args:
        path: the file, of `save_weights` here or of Keras.
        expected: dict name -> what has a `shape` and a `dtype`: an ndarray, a Keras variable.
        select: function of the list of names in the file, groups and array joined by slashes
            (`"optimizer/vars/0"`), that returns a dict name in the file -> name in `expected`;
            what it leaves out is not read. By default all arrays, under their own names.

    Returns:
        dict name -> ndarray, names and dtypes as in `expected`. A float may be stored in float16.

    Raises:
        WeightsFormatError: if it is no sound HDF5 file of finite arrays.
        WeightsMismatchError: if names, shapes or types differ from the expected.

    Example:

    ```python
    steps = {"optimizer/generator_optimizer/vars/0": np.zeros((), "int32")}
    read_arrays("run.weights.h5", steps, lambda names: {name: name for name in steps})
    ```
    """
    with open_hdf5(path) as file:
        chosen = _choose(file, select)
        found = {chosen[name]: dataset for name, dataset in file.datasets.items() if name in chosen}
        _check_names(path, found, expected)
        for name, array in expected.items():
            _check_dataset(path, name, found[name], array)
        return {name: _finite(path, name, found[name], expected[name].dtype) for name in expected}


def read_attribute(path, name, max_bytes=2**20):
    """A text attribute of a weights file's root, or `None` if it has none of this name.

    Args:
        path: the file.
        name: str.
        max_bytes: int, of UTF-8.

    Raises:
        WeightsFormatError: if the file isn't sound, or the attribute no text of this length.
    """
    with open_hdf5(path) as file:
        return file.attribute(name, max_bytes)


def _choose(file, select):
    names = list(file.datasets)
    return {name: name for name in names} if select is None else select(names)


def _check_names(path, found, expected):
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if missing or extra:
        raise WeightsMismatchError(
            f"{path} holds weights of another model: {len(missing)} arrays are missing "
            f"({_some(missing)}), {len(extra)} are unknown ({_some(extra)})."
        )


def _check_dataset(path, name, dataset, array):
    shape, dtype = tuple(array.shape), np.dtype(array.dtype)
    if dataset.shape != shape:
        raise WeightsMismatchError(
            f"{path} holds weights of another model: {name} must have shape {shape}. "
            f"Received: {dataset.shape}"
        )
    allowed = ["float32", "float16"] if dtype.kind == "f" else [str(dtype)]
    if dataset.type_name not in allowed:
        raise WeightsFormatError(
            f"{path}: {name} must be {' or '.join(allowed)}. Received: {dataset.type_name}"
        )


def _finite(path, name, dataset, dtype):
    array = dataset.read().astype(dtype, copy=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WeightsFormatError(f"{path}: {name} holds NaN or infinity")
    return array


def _check_hash(path, sha256):
    from zoo.hub.download import sha256_of

    received = sha256_of(path)
    if received != sha256:
        raise ChecksumError(
            f"{path} isn't the file that its card describes: expected sha256 {sha256}, received "
            f"{received}. Delete it and get it again, or pass `weights=` with its path to load it "
            "as weights of your own."
        )


def _arrays_of(model, select=network_arrays):
    """Name -> array of both networks, or of all the model, named as Keras lays them out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.weights.h5"
        model.save_weights(path)
        with open_hdf5(path) as file:
            chosen = _choose(file, select)
            return {name: file.datasets[source].read() for source, name in chosen.items()}


def _some(names):
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "none"
