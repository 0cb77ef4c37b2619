"""What `zoo evaluate` compares: a registered model, a weights file or image files; real images."""

import os
from pathlib import Path

from zoo.cli.checks import check_weights_file
from zoo.errors import InvalidInputError
from zoo.hub import loading, registry

ARRAYS = (".npy", ".npz")


class Model:
    """A registered model, or that in a run's folder, with its own or other weights."""

    def __init__(self, target, weights=None):
        from zoo import datasets

        self.target, self.weights = target, weights
        self.name = loading.find_spec(target).name
        check_weights_file(weights)
        # What the weights were trained on, as the card beside them says.
        carded = weights is not None and loading.has_card(weights)
        trained_on = loading.find_spec(weights if carded else target).dataset
        self.dataset = trained_on if trained_on in datasets.names() else None

    def read(self, dataset):
        del dataset
        return {self.name: loading.load(self.target, weights=self.weights or loading.PRETRAINED)}

    def identity(self):
        """Returns what the record says about it."""
        from zoo.hub.download import sha256_of

        path = self.weights or loading.weights_path(self.target)
        return {"model": self.name, "weights_sha256": sha256_of(path)}


class ImageFiles:
    """A folder, a zip or a file of images."""

    dataset = None

    def __init__(self, path):
        self.path = path

    def read(self, dataset):
        from zoo import datasets
        from zoo.datasets.folders import first_shape
        from zoo.evaluation.sources import read_images

        if dataset is not None:
            shape = datasets.info(dataset).image_shape
        else:
            shape = None if self.path.suffix in ARRAYS else first_shape(self.path)
        return read_images(self.path, shape)

    def identity(self):
        """Returns what the record says about it."""
        return {"images": str(self.path)}


def find_source(target, weights, dataset, real=None):
    """Returns the source that TARGET names; files and folders take precedence over models."""
    path = Path(target)
    if target.endswith(".weights.h5"):
        if weights is not None:
            raise InvalidInputError(
                f"--weights goes with the name of a model. Received: the weights file {path}"
            )
        check_weights_file(path)
        if loading.has_card(path):
            return Model(target)
        name = path.name.removesuffix(".weights.h5")
        if name not in registry.names():
            raise InvalidInputError(
                f"A weights file must be named after its model, NAME.weights.h5. Received: {path}. "
                f"Or write: zoo evaluate NAME --weights {path}"
            )
        return Model(name, path)
    if loading.has_card(path):
        return Model(target, weights)
    if path.exists() and (path.is_dir() or path.suffix):
        if weights is not None:
            raise InvalidInputError(
                f"--weights goes with the name of a model. Received: images in {path}"
            )
        if dataset is None and real is None:
            raise InvalidInputError(
                f"Pass --dataset or --real: the real images to compare those in {path} with."
            )
        return ImageFiles(path)
    if os.sep in target:  # models are named by identifiers
        raise InvalidInputError(f"There is no file or folder at {path}.")
    return Model(target, weights)


def check_dataset(name, split):
    """Returns the name of a data set, after checking it and the split (`None` for any)."""
    from zoo import datasets

    if name is None:
        raise InvalidInputError(
            "The model wasn't trained on a data set of the zoo. Pass --real IMAGES, your own to "
            f"compare with, or --dataset, one of {', '.join(datasets.names())}."
        )
    info = datasets.info(name)
    if split is not None and split not in info.splits:
        raise InvalidInputError(
            f"--split of {name} must be one of {', '.join(info.splits)}. Received: {split}"
        )
    return name


def check_real(path, options):
    """Raises `InvalidInputError` unless `--real` names files, and comes without these options."""
    if not path.exists():
        raise InvalidInputError(f"--real must name a folder or a file. Nothing is at {path}")
    given = [name for name, value in options.items() if value]
    if given:
        raise InvalidInputError(
            f"--real compares with your own images, without {', '.join(options)}. "
            f"Received: {', '.join(given)}"
        )


def read_real(path, sources):
    """Returns the images of `--real`, of the size of those that are scored."""
    from zoo.evaluation.sources import read_images

    first = next(iter(sources.values()))
    shape = first.image_shape if hasattr(first, "generate") else first.shape[1:]
    images = read_images(path, shape)
    if len(images) != 1:
        raise InvalidInputError(
            f"--real must hold one set of images. Received: {path} with {', '.join(images)}"
        )
    return next(iter(images.values()))
