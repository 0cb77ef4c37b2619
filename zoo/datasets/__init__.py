"""The data sets that the zoo's models are trained and measured on, as uint8 arrays.

Files in the folder that `ZOO_DATA_DIR` names come first, then Keras' own cache or download.
"""

import contextlib
import os
import sys
from pathlib import Path

import numpy as np

from zoo.datasets.class_folders import from_class_folders
from zoo.datasets.folders import (
    SkippedImageWarning,
    from_folder,
    read_image,
    readable_suffixes,
)
from zoo.datasets.records import Dataset, info, names
from zoo.datasets.sources import open_source
from zoo.datasets.streaming import Stream, stream
from zoo.errors import DatasetError
from zoo.imports import import_keras

__all__ = ["Dataset", "SkippedImageWarning", "Stream"]
__all__ += ["from_class_folders", "from_folder", "info", "load", "names", "stream"]


def load(name: str, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Reads one split of a data set, complete and always in the same order.

    The MNISTs come in their canonical order, zips class by class. CIFAR-10 from
    `cifar10-jpeg.zip` is a JPEG copy: its pixels differ slightly from those that Keras downloads.

    Args:
        name: one of `names()`.
        split: one of `info(name).splits`.

    Returns:
        `(images, labels)`: uint8 array of shape `(N, H, W, C)`, values 0..255, and int64 array of
        shape `(N,)`, indices into `info(name).classes`.

    Raises:
        DatasetError: for an unknown data set or split; a missing, corrupt or incomplete file; or
            if a download fails.

    Example:

    ```python
    images, labels = zoo.datasets.load("mnist", split="test")  # images: (10000, 28, 28, 1)
    ```
    """
    dataset = info(name)
    if split not in dataset.splits:
        splits = " and ".join(dataset.splits)
        raise DatasetError(f"{dataset.title} has the splits {splits}. Received: {split!r}")
    path = _find_file(dataset)
    if path is None:
        images, labels = _load_from_keras(dataset, split)
    else:
        read = _read_npz if path.suffix == ".npz" else _read_zip
        images, labels = read(path, dataset, split)
    return _check(images, labels, dataset, split, str(path or f"keras.datasets.{name}"))


def _find_file(dataset: Dataset) -> Path | None:
    """Returns the data set's file in `ZOO_DATA_DIR`, or `None` if Keras provides it."""
    folder = os.path.expanduser(os.environ.get("ZOO_DATA_DIR", ""))
    # A mistyped folder must not end in a silent download of what the user already has.
    if folder and not os.path.isdir(folder):
        raise DatasetError(
            f"ZOO_DATA_DIR must name a folder. Received: ZOO_DATA_DIR={folder!r}. Correct it, or "
            "unset it."
        )
    if folder and Path(folder, dataset.file).is_file():
        return Path(folder, dataset.file)
    if dataset.in_keras:
        return None
    raise DatasetError(
        f"Expected the file {dataset.file!r} with {dataset.title}, which can't be downloaded. "
        f"Received: ZOO_DATA_DIR={folder!r}, without that file. Put {dataset.file!r}, a zip of "
        "SPLIT/CLASS/IMAGE, into the folder that the environment variable ZOO_DATA_DIR names."
    )


def _load_from_keras(dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    keras = import_keras()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports a download there
            parts = getattr(keras.datasets, dataset.name).load_data()
    except Exception as error:  # Keras reports a failed download as a plain `Exception`.
        raise DatasetError(
            f"Keras can't provide {dataset.title}: {error}. Check the network, or put "
            f"{dataset.file!r} into a folder that the environment variable ZOO_DATA_DIR names."
        ) from error
    images, labels = parts[dataset.splits.index(split)]
    return images, np.reshape(labels, -1)  # CIFAR-10's labels come as a column.


def _read_npz(path: Path, dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    keys = f"x_{split}", f"y_{split}"
    try:
        # Opened here, because `np.load` leaves a truncated file open. A pickle could run any code.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays[keys[0]], arrays[keys[1]]
    except Exception as error:  # NumPy and zipfile raise a dozen types on corrupt bytes.
        raise DatasetError(
            f"Expected {str(path)!r} to be a NumPy .npz file with the arrays {' and '.join(keys)}. "
            f"Received: {type(error).__name__}: {error}. Replace the file with a sound copy."
        ) from error


def _read_zip(path: Path, dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    label_of = {name: label for label, name in enumerate(dataset.classes)}
    with open_source(path, readable_suffixes()) as source:
        files = [i for i, name in enumerate(source.names) if name.startswith(f"{split}/")]
        images = np.empty((len(files), *dataset.image_shape), np.uint8)
        labels = np.empty(len(files), np.int64)
        for index, file_index in enumerate(files):
            name = source.names[file_index]
            try:
                labels[index] = label_of[name.split("/")[1]]
                with source.open(file_index) as file:
                    images[index] = read_image(file, dataset.image_shape, crop=False)
            except Exception as error:  # A data set with a hole in it isn't that data set.
                raise DatasetError(
                    f"Expected {str(path)!r} to hold {split}/CLASS/IMAGE, with the classes "
                    f"{', '.join(dataset.classes)}. Received: {name!r} "
                    f"({type(error).__name__}: {error}). Replace the file with a sound copy."
                ) from error
    return images, labels


def _check(images, labels, dataset: Dataset, split: str, source: str):
    """Returns the arrays in their documented shapes and types, after checking their contents."""
    count = dataset.sizes[dataset.splits.index(split)]
    shape = (count, *dataset.image_shape)
    shapes = (shape, shape[:-1]) if shape[-1] == 1 else (shape,)  # The MNISTs have no channel axis.
    top = len(dataset.classes) - 1
    types_agree = images.dtype == np.uint8 and labels.dtype.kind in "iu"
    shapes_agree = images.shape in shapes and labels.shape == (count,)
    if not (types_agree and shapes_agree) or labels.min() < 0 or labels.max() > top:
        span = f" {labels.min()}..{labels.max()}" if labels.size else ""
        raise DatasetError(
            f"Expected {source!r} to hold, for the split {split!r}, uint8 images of shape {shape} "
            f"and integer labels 0..{top} of shape {(count,)}. Received: {images.dtype} "
            f"{images.shape} and {labels.dtype}{span} {labels.shape}. Replace it with a sound copy."
        )
    return images.reshape(shape), labels.astype(np.int64)
