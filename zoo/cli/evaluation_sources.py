"""Sources of images for `zoo evaluate`: a registered model, a weights file, or image files."""

import os
from pathlib import Path

from zoo.cli.checks import check_weights_file
from zoo.errors import InvalidInputError
from zoo.hub import registry


class RegisteredModel:
    """A registered model, with pretrained or other weights."""

    def __init__(self, name, weights=None):
        self.name, self.weights = name, weights
        self.dataset = registry.find(name).dataset or None
        check_weights_file(weights)

    def read(self, dataset):
        from zoo.hub.loading import PRETRAINED, load

        del dataset
        return {self.name: load(self.name, weights=self.weights or PRETRAINED)}

    def identity(self):
        """Returns what the record says about it."""
        from zoo.hub import locations
        from zoo.hub.download import sha256_of

        path = self.weights or locations.find_weights(locations.find_card(self.name))
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
        name = path.name.removesuffix(".weights.h5")
        if name not in registry.names():
            raise InvalidInputError(
                f"A weights file must be named after its model, NAME.weights.h5. Received: {path}. "
                f"Or write: zoo evaluate NAME --weights {path}"
            )
        return RegisteredModel(name, path)
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
    return RegisteredModel(target, weights)


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
