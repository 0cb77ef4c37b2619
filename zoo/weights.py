"""Weights files: Keras' own `.weights.h5`, checked array by array before a model sees them.

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
    ZooError,
)
from zoo.files import replacing

NETWORKS = ("generator", "discriminator")
FLOAT16_MAX = 65504.0
MAX_DEPTH = 64  # of groups; a file may link a group into itself


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
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, array in arrays.items():
            if half_precision and array.ndim > 1 and np.abs(array).max(initial=0.0) <= FLOAT16_MAX:
                array = array.astype("float16")
            file.create_dataset(name, data=array, compression="gzip", shuffle=True)


def load_weights(model, path, sha256=None):
    """Checks a weights file and loads it; on any error the model stays as it was.

    Also takes what `model.save_weights` writes while training: the moving average then becomes
    the generator, and optimizer slots are left out.

    Args:
        model: `zoo.AdversarialModel`, not compiled.
        path: the file.
        sha256: str, what the file must hash to, if known.

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
    arrays = read_arrays(path, _arrays_of(model))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checked.weights.h5"
        with h5py.File(copy, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
            model.load_weights(copy)


def read_arrays(path, expected, find=None):
    """The arrays of a weights file, in float32, after all checks.

    Args:
        path: the file.
        expected: dict name -> array of what the architecture has.

    Returns:
        dict name -> ndarray, names as in `expected`.

    Raises:
        WeightsFormatError: if it is no HDF5 file of finite arrays.
        WeightsMismatchError: if names, shapes or types differ from the expected.
    """
    try:
        with h5py.File(path, "r") as file:
            found = (find or _datasets)(file)
            _check_names(path, found, expected)
            for name, array in expected.items():
                _check_dataset(path, name, found[name], array)
            arrays = {name: found[name][()].astype(expected[name].dtype) for name in expected}
    except ZooError:
        raise
    # h5py tells of damage inside of a file by all of these.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WeightsFormatError(
            f"{path} can't be read as an HDF5 file; it may be cut short, or something else: {error}"
        ) from error
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise WeightsFormatError(f"{path}: {name} holds NaN or infinity")
    return arrays


def _datasets(file):
    """Name -> dataset of both networks; a moving average stands in for the generator."""
    found = {}

    def visit(group, prefix):
        if prefix.count("/") > MAX_DEPTH:
            raise WeightsFormatError(f"{file.filename}: groups are nested too deeply")
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise WeightsFormatError(f"{file.filename}: {prefix}{key} is a link")
            item = group[key]
            if isinstance(item, h5py.Dataset):
                found[f"{prefix}{key}"] = item
            elif not isinstance(item, h5py.Group):
                raise WeightsFormatError(f"{file.filename}: {prefix}{key} is no array")
            else:
                visit(item, f"{prefix}{key}/")

    generator = "average_generator" if "average_generator" in file else "generator"
    for network, source in zip(NETWORKS, (generator, "discriminator"), strict=True):
        if isinstance(file.get(source, getlink=True), h5py.HardLink) and isinstance(
            file[source], h5py.Group
        ):
            visit(file[source], f"{network}/")
    return found


def _check_names(path, found, expected):
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if missing or extra:
        raise WeightsMismatchError(
            f"{path} holds weights of another model: {len(missing)} arrays are missing "
            f"({_some(missing)}), {len(extra)} are unknown ({_some(extra)})."
        )


def _check_dataset(path, name, dataset, array):
    # Before any of it is read: a compressed file may claim any size.
    if dataset.is_virtual or dataset.external:
        raise WeightsFormatError(f"{path}: {name} lies outside of the file")
    if dataset.shape != array.shape:
        raise WeightsMismatchError(
            f"{path} holds weights of another model: {name} must have shape {array.shape}. "
            f"Received: {dataset.shape}"
        )
    if any(c > s for c, s in zip(dataset.chunks or (), dataset.shape, strict=False)):
        raise WeightsFormatError(f"{path}: {name} is stored in chunks larger than itself")
    if array.dtype.kind == "f" and dataset.dtype not in (np.float32, np.float16):
        raise WeightsFormatError(
            f"{path}: {name} must be float32 or float16. Received: {dataset.dtype}"
        )
    if array.dtype.kind != "f" and dataset.dtype != array.dtype:
        raise WeightsFormatError(f"{path}: {name} must be {array.dtype}. Received: {dataset.dtype}")


def _check_hash(path, sha256):
    from zoo.download import sha256_of

    received = sha256_of(path)
    if received != sha256:
        raise ChecksumError(
            f"{path} isn't the file that its card describes: expected sha256 {sha256}, received "
            f"{received}. Delete it and get it again, or pass `weights=` with its path to load it "
            "as weights of your own."
        )


def _arrays_of(model):
    """Name -> array of both networks, named as Keras lays them out in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.weights.h5"
        model.save_weights(path)
        with h5py.File(path, "r") as file:
            return {name: dataset[()] for name, dataset in _datasets(file).items()}


def _some(names):
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "none"
