"""A folder or zip of pictures with a subfolder for each class, as arrays of images and labels."""

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
        path: A directory, or a zip file.
        image_shape: As in `from_folder`, which reads each picture.
        limit: Take this many pictures, as many from each class as there are; `None` takes all.

    Returns:
        `(images, labels, classes)`: uint8 of shape `(N, height, width, channels)`; int64 of shape
        `(N,)`, indices into the names; the names of the subfolders, sorted.

    Raises:
        InvalidInputError: `image_shape` or `limit` isn't of the form of `from_folder`.
        DatasetError: `path` is neither a directory nor a zip, holds no readable picture, or
            holds some outside of any subfolder.

    Warns:
        SkippedImageWarning: Once for each file that can't be decoded; the others are still read.

    Example:
        >>> images, labels, classes = zoo.datasets.from_class_folders("pets", (32, 32, 3))
        >>> classes
        ('cat', 'dog')
    """
    limit = check_limit(limit)
    images, names = read_pictures(path, image_shape, None)
    outside = [name for name in names if "/" not in name]
    if outside:
        raise DatasetError(
            f"Expected every picture of {str(path)!r} to lie in a folder named for its class. "
            f"Received: {outside[0]!r}{' and others' if len(outside) > 1 else ''} beside them."
        )
    folders = [name.split("/", 1)[0] for name in names]
    classes = sorted(set(folders))
    labels = np.array([classes.index(folder) for folder in folders], "int64")
    if limit is not None and limit < len(images):
        # By turns: the first of each class, the second of each ...
        turns = np.empty(len(labels), "int64")
        for label in range(len(classes)):
            mine = np.flatnonzero(labels == label)
            turns[mine] = np.arange(len(mine))
        chosen = np.sort(np.argsort(turns, kind="stable")[:limit])
        images, labels = images[chosen], labels[chosen]
    return images, labels, tuple(classes)
