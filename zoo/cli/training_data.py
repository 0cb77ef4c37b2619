"""Reads what `zoo train` trains on: the user's own pictures, or the model's data set."""

import contextlib
import math
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path

from zoo.cli.activity import activity
from zoo.errors import DatasetError, InvalidInputError

MEMORY_SHARE = 0.25
"""Images that would take more than this share of the memory are streamed."""
FEW_CORES = 4
"""Up to this number, threads of the process that trains read the images."""
MOST_WORKERS = 8
CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def with_size(spec, size):
    """Returns a specification of a model for images of another size.

    Args:
        spec: `ModelSpec`.
        size: str, `"32"` or, height first, `"32x48"`.

    Raises:
        InvalidInputError: if that is no size, or if the model has none in its configuration.

    Example:

    >>> from zoo.hub import registry
    >>> with_size(registry.find("dcgan_cifar10"), "48x64").config["image_shape"]
    (48, 64, 3)
    """
    height, width = parse_size(size)
    if "image_shape" not in spec.config:
        raise InvalidInputError(f"--size: {spec.name} has no `image_shape` in its configuration.")
    shape = (height, width, spec.config["image_shape"][-1])
    return replace(spec, config={**spec.config, "image_shape": shape})


def parse_size(size):
    """Returns `(height, width)` of a text: `"32"` or, height first, `"32x48"`.

    Raises:
        InvalidInputError: if that is no size.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", size)
    if match is None:
        raise InvalidInputError(
            f"--size must be a number of pixels, or HEIGHTxWIDTH: 32 or 32x48. Received: {size}"
        )
    return int(match[1]), int(match[2] or match[1])


def check_training_data(spec, data):
    """Checks what can be known of the images before they are read.

    Args:
        spec: `ModelSpec`.
        data: path of a folder, zip or tar shards of images; `None` for the model's own data set.

    Raises:
        InvalidInputError: if the model takes no images.
        DatasetError: if there is nothing at the path, or the model has no data set.
    """
    if data is None:
        if not spec.dataset:
            raise DatasetError(f"{spec.name} has no data set of its own. Pass yours with --data.")
        return
    if not spec.config.get("image_shape"):
        raise InvalidInputError(
            f"--data needs a model whose configuration has an `image_shape`. Received: "
            f"{spec.name}, with {', '.join(spec.config) or 'an empty one'}"
        )
    if not data.expanduser().exists():
        raise DatasetError(f"--data must name a folder, zip or tar file. Nothing is at {data}")


def read_training_data(spec, data, limit, stream=False):
    """Reads images, and their labels if the model is class-conditional.

    Args:
        spec: `ModelSpec`.
        data: as in `check_training_data`, and checked.
        limit: int, largest number of images; `None` for all.
        stream: bool, read the images of `data` while the model trains even if they fit into memory.

    Returns:
        `(images, labels)`: uint8 array of shape `(N, H, W, C)`, and integers of shape `(N,)` or
        `None`; or a `zoo.datasets.Stream`, which has its own labels, and `None`.

    Raises:
        InvalidInputError: if the images don't have the model's shape or number of classes.
        DatasetError: if there are none.
    """
    from zoo import datasets

    shape = tuple(spec.config.get("image_shape", ()))
    if data is not None:
        suffixes = datasets.folders.readable_suffixes()
        with (
            activity(f"reading the images in {data}"),
            datasets.sources.open_source(data, suffixes) as source,
        ):
            source.keep_pictures(suffixes)
            stream = stream or _is_large(source, shape, limit)
            images = _read_folder(spec, data, shape, limit, stream)
            if shape[-1] == 1 and datasets.folders.have_color(source):
                warnings.warn(
                    f"the images in {data} have color; {spec.name} is a model of gray images, and "
                    "learns them in gray. Models in color have 3 channels: dcgan_cifar10, with "
                    "--size if you like",
                    stacklevel=2,
                )
        return images
    with activity(f"reading {spec.dataset}"):
        images, labels = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    if shape and images.shape[1:] != shape:
        raise InvalidInputError(
            f"{spec.name} needs images of shape {shape}. Received: {spec.dataset}, of shape "
            f"{images.shape[1:]}. Pass images of your own with --data; they are resized."
        )
    if limit is not None and limit < len(images):
        import numpy as np

        # In a data set that is sorted by class, the first images would be of one class.
        chosen = np.sort(np.random.default_rng(spec.recipe.seed).permutation(len(images))[:limit])
        images, labels = images[chosen], labels[chosen]
    return images, labels if spec.conditional else None


def _read_folder(spec, data, shape, limit, stream):
    from zoo import datasets

    if stream:
        cores = os.cpu_count() or 1
        images = datasets.stream(
            data,
            shape,
            labels=spec.conditional,
            limit=limit,
            workers=0 if cores <= FEW_CORES else min(cores // 2, MOST_WORKERS),
        )
        labels, names = None, images.classes
    elif spec.conditional:
        images, labels, names = datasets.from_class_folders(data, shape, limit=limit)
    else:
        return datasets.from_folder(data, shape, limit=limit), None
    if names is not None and len(names) != spec.config["classes"]:
        raise InvalidInputError(
            f"{spec.name} needs {spec.config['classes']} classes, each a folder of images. "
            f"Received: {len(names)} in {data}: {', '.join(names)}"
        )
    return images, labels


def _is_large(source, shape, limit):
    """Returns whether pictures are tar shards, or take over a quarter of the memory decoded."""
    from zoo.datasets.sources import TarSource

    count = len(source) if limit is None else min(len(source), limit)
    return isinstance(source, TarSource) or count * math.prod(shape) > MEMORY_SHARE * _memory()


def _memory():
    """Returns the bytes of memory of this machine, or of the container that this runs in."""
    sizes = [math.inf]
    if hasattr(os, "sysconf"):  # not on Windows
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is none
            sizes.append(int(Path(path).read_text()))
    return min(sizes)
