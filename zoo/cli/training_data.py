"""Reads what `zoo train` trains on: the user's own pictures, or the model's data set."""

import re
import warnings
from dataclasses import replace

from zoo.cli.activity import activity
from zoo.errors import DatasetError, InvalidInputError


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
    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", size)
    if match is None:
        raise InvalidInputError(
            f"--size must be a number of pixels, or HEIGHTxWIDTH: 32 or 32x48. Received: {size}"
        )
    if "image_shape" not in spec.config:
        raise InvalidInputError(f"--size: {spec.name} has no `image_shape` in its configuration.")
    height, width = (int(side) for side in (match[1], match[2] or match[1]))
    shape = (height, width, spec.config["image_shape"][-1])
    return replace(spec, config={**spec.config, "image_shape": shape})


def read_training_data(spec, data, limit):
    """Reads images, and their labels if the model is class-conditional.

    Args:
        spec: `ModelSpec`.
        data: path of a folder or zip of images; `None` for the model's own data set.
        limit: int, largest number of images; `None` for all.

    Returns:
        `(images, labels)`: uint8 array of shape `(N, H, W, C)`, and integers of shape `(N,)` or
        `None`.

    Raises:
        InvalidInputError: if the images don't have the model's shape or number of classes.
        DatasetError: if there are none.
    """
    from zoo import datasets

    shape = tuple(spec.config.get("image_shape", ()))
    if data is not None:
        if not shape:
            raise InvalidInputError(
                f"--data needs a model whose configuration has an `image_shape`. Received: "
                f"{spec.name}, with {', '.join(spec.config) or 'an empty one'}"
            )
        with activity(f"reading the images in {data}"):
            images = _read_folder(spec, data, shape, limit)
            if shape[-1] == 1 and datasets.folders.have_color(data):
                warnings.warn(
                    f"the images in {data} have color; {spec.name} is a model of gray images, and "
                    "learns them in gray. Models in color have 3 channels: dcgan_cifar10, with "
                    "--size if you like",
                    stacklevel=2,
                )
        return images
    if not spec.dataset:
        raise DatasetError(f"{spec.name} has no data set of its own. Pass yours with --data.")
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


def _read_folder(spec, data, shape, limit):
    from zoo import datasets

    if not spec.conditional:
        return datasets.from_folder(data, shape, limit=limit), None
    images, labels, names = datasets.from_class_folders(data, shape, limit=limit)
    if len(names) != spec.config["classes"]:
        raise InvalidInputError(
            f"{spec.name} needs {spec.config['classes']} classes, each a folder of images. "
            f"Received: {len(names)} in {data}: {', '.join(names)}"
        )
    return images, labels
