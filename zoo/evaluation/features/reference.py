"""Features of real images: computed once, kept in the cache; their moments ship with the zoo."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo import datasets
from zoo.errors import DatasetError
from zoo.evaluation.metrics.frechet import Gaussian, StreamingMoments
from zoo.files import replacing
from zoo.hub import locations

if TYPE_CHECKING:
    from zoo.evaluation.features.extractors import Extractor

COMPARED = 10_000
"""The most images that scores which compare single images look at."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of real images.

    Args:
        gaussian: `Gaussian` of all their features.
        features: float32 array of shape `(M, D)`, of at most `COMPARED` images; `None` where only
            the moments are known.
        data_sha256: str, the sha256 of the images' bytes.
    """

    gaussian: Gaussian
    features: np.ndarray | None
    data_sha256: str


def load_reference(dataset: str, split: str, extractor: Extractor) -> Reference:
    """Loads or computes the reference of a data set's split.

    Its features are kept in `features` of the cache folder. Where the images can't be read, the
    moments that ship with the zoo are used, if there are any.

    Args:
        dataset: str, a name of `zoo.datasets`.
        split: str, one of its splits.
        extractor: As `zoo.evaluation.load_extractor` returns.

    Returns:
        A `Reference`.

    Raises:
        DatasetError: If neither the images nor their moments are available.

    Warns:
        UserWarning: If only the moments are.

    Example:

    ```python
    from zoo.evaluation import load_extractor, load_reference

    load_reference("mnist", "test", load_extractor("mnist")).gaussian.count  # 10000
    ```
    """
    try:
        images, _ = datasets.load(dataset, split)
    except DatasetError as error:
        shipped = read_statistics(dataset, split, extractor)
        if shipped is None:
            raise
        warnings.warn(
            f"Only the moments of {dataset} {split} are at hand, which ship with the zoo: {error}",
            stacklevel=2,
        )
        return shipped
    return reference_of(images, extractor)


def reference_of(images: np.ndarray, extractor: Extractor) -> Reference:
    """Computes the `Reference` of images, whose features are kept in the cache folder.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, at least two.
        extractor: As `zoo.evaluation.load_extractor` returns.
    """
    features, digest = cached_features(images, extractor)
    moments = StreamingMoments()
    moments.update(features)
    return Reference(moments.gaussian(), features[some_of(len(features))], digest)


def cached_features(images: np.ndarray, extractor: Extractor) -> tuple[np.ndarray, str]:
    """Returns features of images, from the cache folder if they were computed before.

    Args:
        images: uint8 array of shape `(N, H, W, C)`.
        extractor: As `zoo.evaluation.load_extractor` returns.

    Returns:
        `(features, sha256)`: float32 array of shape `(N, D)`, and the digest of the images.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    file = f"{extractor.name}-{extractor.identity[:16]}-{digest[:16]}.npy"
    path = locations.cache_folder() / "features" / file
    features = _read(path, len(images))
    if features is None:
        features, _ = extractor.features(images)
        try:
            with replacing(path) as temporary, open(temporary, "wb") as stream:
                np.save(stream, features, allow_pickle=False)
        except OSError:
            pass  # A folder that can't be written to only costs time.
    return features, digest


def some_of(count: int, seed: int = 0) -> np.ndarray:
    """Draws the indices of at most `COMPARED` of `count` images; some data sets come by class."""
    chosen = np.random.default_rng(seed).permutation(count)[:COMPARED]
    return np.sort(chosen)


def statistics_path(folder: Path, dataset: str, split: str, extractor_name: str) -> Path:
    """Returns the path of the moments of a split's features in a folder of weights."""
    return folder / "statistics" / f"{dataset}-{split}-{extractor_name}.npz"


def read_statistics(dataset: str, split: str, extractor: Extractor) -> Reference | None:
    """Reads the `Reference` that ships with the zoo, without features; `None` if there is none."""
    for folder in locations.folders():
        path = statistics_path(folder, dataset, split, extractor.name)
        if not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["features_sha256"]) != extractor.identity:
                continue
            gaussian = Gaussian(arrays["mean"], arrays["covariance"], int(arrays["count"]))
            return Reference(gaussian, None, str(arrays["data_sha256"]))
    return None


def write_statistics(path: Path, reference: Reference, extractor: Extractor) -> None:
    """Writes the moments of a `Reference` atomically."""
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            mean=reference.gaussian.mean,
            covariance=reference.gaussian.covariance,
            count=reference.gaussian.count,
            features_sha256=extractor.identity,
            data_sha256=reference.data_sha256,
        )


def _read(path, count):
    try:
        # Opened here: `np.load` leaves a damaged file open.
        with open(path, "rb") as file:
            features = np.load(file, allow_pickle=False)
        sound = features.dtype == np.float32 and features.ndim == 2 and len(features) == count
    except Exception:  # NumPy raises a dozen types on corrupt bytes.
        return None
    return features if sound and np.isfinite(features).all() else None
