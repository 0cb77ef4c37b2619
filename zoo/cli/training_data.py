"""Reads what `zoo train` trains on: the user's own pictures, or the model's data set."""

from zoo.errors import DatasetError, InvalidInputError


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
        return _read_folder(spec, data, shape, limit)
    if not spec.dataset:
        raise DatasetError(f"{spec.name} has no data set of its own. Pass yours with --data.")
    images, labels = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    if shape and images.shape[1:] != shape:
        raise InvalidInputError(
            f"{spec.name} needs images of shape {shape}. Received: {spec.dataset}, of shape "
            f"{images.shape[1:]}"
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
