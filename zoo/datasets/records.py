"""Records of the data sets: what is known before the data are read."""

import difflib
from dataclasses import dataclass

from zoo.errors import DatasetError


@dataclass(frozen=True)
class Dataset:
    """Record of a data set.

    Args:
        name: name for `load`.
        title: common name.
        image_shape: `(height, width, channels)`, in pixels.
        sizes: number of images in each of `splits`.
        classes: names of the classes; a label is an index into them.
        license: license that the images are published under.
        file: file that `load` looks for in the folder that `ZOO_DATA_DIR` names.
        splits: names of the splits; the first is for training, the other for evaluation only.
        in_keras: whether `keras.datasets` can download it.
    """

    name: str
    title: str
    image_shape: tuple[int, int, int]
    sizes: tuple[int, ...]
    classes: tuple[str, ...]
    license: str
    file: str
    splits: tuple[str, ...] = ("train", "test")
    in_keras: bool = True


_DATASETS = (
    Dataset(
        name="cifar10",
        title="CIFAR-10",
        image_shape=(32, 32, 3),
        sizes=(50_000, 10_000),
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        license="none stated by its authors",
        file="cifar10-jpeg.zip",
    ),
    Dataset(
        name="fashion_mnist",
        title="Fashion-MNIST",
        image_shape=(28, 28, 1),
        sizes=(60_000, 10_000),
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        license="MIT",
        file="fashion_mnist.npz",
    ),
    Dataset(
        name="mnist",
        title="MNIST",
        image_shape=(28, 28, 1),
        sizes=(60_000, 10_000),
        classes=tuple("0123456789"),
        license="CC BY-SA 3.0",
        file="mnist.npz",
    ),
    Dataset(
        name="scenes64",
        title="Scene Classification, 64x64",
        image_shape=(64, 64, 3),
        sizes=(13_627, 3_407),
        classes=("buildings", "forests", "glacier", "mountains", "sea", "street"),
        license="CC0",
        file="scenes64.zip",
        splits=("train", "val"),
        in_keras=False,
    ),
)
_BY_NAME = {dataset.name: dataset for dataset in _DATASETS}


def names() -> list[str]:
    """Returns the sorted names of the data sets.

    Example:

    >>> zoo.datasets.names()
    ['cifar10', 'fashion_mnist', 'mnist', 'scenes64']
    """
    return sorted(_BY_NAME)


def info(name: str) -> Dataset:
    """Returns a data set's record, without reading the data.

    Args:
        name: one of `names()`.

    Raises:
        DatasetError: if no data set has this name.

    Example:

    >>> zoo.datasets.info("mnist").license
    'CC BY-SA 3.0'
    """
    if name not in names():  # a list, so that an unhashable name is unknown too
        close = difflib.get_close_matches(str(name), _BY_NAME, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise DatasetError(
            f"`name` must be one of the data sets {', '.join(names())}. Received: name={name!r}."
            f"{hint} For your own pictures, use `zoo.datasets.from_folder`."
        )
    return _BY_NAME[name]
