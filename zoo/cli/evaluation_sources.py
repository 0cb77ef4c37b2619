"""Sources of images for `zoo evaluate`: a registered model, a weights file, or image files."""

import os
from pathlib import Path

from zoo.cli.checks import check_weights_file
from zoo.errors import InvalidInputError
from zoo.hub import loading, registry


class Model:
    """A registered model, or that in a run's folder, with its own or other weights."""

    def __init__(self, target, weights=None):
        self.target, self.weights = target, weights
        spec = loading.find_spec(target)
        self.name, self.dataset = spec.name, spec.dataset or None
        check_weights_file(weights)

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
        from zoo.evaluation.sources import read_images

        return read_images(self.path, datasets.info(dataset).image_shape)

    def identity(self):
        """Returns what the record says about it."""
        return {"images": str(self.path)}


def find_source(target, weights, dataset):
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
        if dataset is None:
            raise InvalidInputError(
                f"Pass --dataset: the real images to compare those in {path} with."
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
            f"The model has no data set of its own. Pass --dataset, one of "
            f"{', '.join(datasets.names())}."
        )
    info = datasets.info(name)
    if split is not None and split not in info.splits:
        raise InvalidInputError(
            f"--split of {name} must be one of {', '.join(info.splits)}. Received: {split}"
        )
    return name
