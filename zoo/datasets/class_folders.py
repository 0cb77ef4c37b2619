"""Reads folders and zips of pictures with a subfolder for each class, as images and labels."""

import os
from collections.abc import Sequence

import numpy as np

from zoo.datasets.folders import check_limit, read_pictures
from zoo.errors import DatasetError


def from_class_folders(
    path: str | os.PathLike, image_shape: Sequence[int], *, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Reads the pictures in a directory or a zip that has a subfolder for each class.

    Args:
        path: a directory, or a zip file.
        image_shape: as in `from_folder`, which reads each picture.
        limit: largest number of pictures, taken from the classes in turn; `None` reads all.

    Returns:
        `(images, labels, classes)`: uint8 array of shape `(N, H, W, C)`; int64 array of shape
        `(N,)`, indices into the names; the sorted names of the subfolders.

    Raises:
        InvalidInputError: if `image_shape` or `limit` is out of range, see `from_folder`.
        DatasetError: if `path` is neither a directory nor a zip, has no readable picture, or has
            some outside of any subfolder.

    Warns:
        SkippedImageWarning: once for each file that can't be decoded; the others are still read.

    Example:

    ```python
    # pets/cat/1.png, pets/dog/1.png, ...
    images, labels, classes = zoo.datasets.from_class_folders("pets", (32, 32, 3))
    ```
    """
    check_limit(limit)
    images, names = read_pictures(path, image_shape, None)
    labels, classes = labels_of(names, path)
    if limit is not None and limit < len(images):
        chosen = in_turn(labels, limit)
        images, labels = images[chosen], labels[chosen]
    return images, labels, classes


def labels_of(names: Sequence[str], path: str | os.PathLike) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the labels of pictures by their paths, and the sorted names of the classes."""
    outside = [name for name in names if "/" not in name]
    if outside:
        raise DatasetError(
            f"Every picture in {str(path)!r} must be in a folder named after its class. "
            f"Received: {outside[0]!r}{' and others' if len(outside) > 1 else ''} beside them"
        )
    folders = [name.split("/", 1)[0] for name in names]
    classes = sorted(set(folders))
    label_of = {name: label for label, name in enumerate(classes)}
    return np.array([label_of[folder] for folder in folders], "int64"), tuple(classes)


def in_turn(labels: np.ndarray, limit: int) -> np.ndarray:
    """Returns the indices of `limit` pictures: the first of each class, the second of each ..."""
    turns = np.empty(len(labels), "int64")
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        turns[mine] = np.arange(len(mine))
    return np.sort(np.argsort(turns, kind="stable")[:limit])
