"""Features of real images: computed once, kept in the cache; their moments ship with the zoo."""

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np

from zoo import datasets
from zoo.errors import DatasetError
from zoo.evaluation.metrics.frechet import Gaussian, StreamingMoments
from zoo.files import replacing
from zoo.hub import locations

COMPARED = 10_000
"""Of how many images, at most, the scores that compare single images look."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images, as an extractor sees them.

    Args:
        gaussian: `Gaussian` of all their features.
        features: float32 array of shape `(M, D)`, of at most `COMPARED` of them; `None` where only
            the moments are known.
        data_sha256: Of the images' bytes.
    """

    gaussian: Gaussian
    features: np.ndarray | None
    data_sha256: str


def load_reference(dataset, split, extractor):
    """The reference of a data set's split.

    Its features are kept in `features` of the cache folder. Where the images can't be read, their
    moments may have come with the zoo.

    Args:
        dataset: A name of `zoo.datasets`.
        split: One of its splits.
        extractor: As `zoo.evaluation.load_extractor` gives.

    Returns:
        A `Reference`.

    Raises:
        DatasetError: If neither the images nor their moments are there.

    Warns:
        UserWarning: If the images aren't.

    Example:

    >>> load_reference("mnist", "test", load_extractor("mnist")).gaussian.count
    10000
    """
    try:
        images, _ = datasets.load(dataset, split)
    except DatasetError as error:
        shipped = read_statistics(dataset, split, extractor)
        if shipped is None:
            raise
        warnings.warn(
            f"Only the moments of {dataset} {split} are at hand, which came with the zoo: {error}",
            stacklevel=2,
        )
        return shipped
    return reference_of(images, extractor)


def reference_of(images, extractor):
    """The `Reference` of images at hand; their features are kept in the cache folder.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, at least two.
        extractor: As `zoo.evaluation.load_extractor` gives.
    """
    features, digest = cached_features(images, extractor)
    moments = StreamingMoments()
    moments.update(features)
    return Reference(moments.gaussian(), features[some_of(len(features))], digest)


def cached_features(images, extractor):
    """Features of images, from the cache folder if they were computed before.

    Args:
        images: uint8 array of shape `(N, H, W, C)`.
        extractor: As `zoo.evaluation.load_extractor` gives.

    Returns:
        `(features, sha256)`: a float32 array of shape `(N, D)`, and the digest of the images.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images)).hexdigest()
    file = f"{extractor.name}-{extractor.identity[:16]}-{digest[:16]}.npy"
    path = locations.cache_folder() / "features" / file
    features = _read(path, len(images))
    if features is None:
        features, _ = extractor.features(images)
        try:
            with replacing(path) as temporary, open(temporary, "wb") as stream:
                np.save(stream, features, allow_pickle=False)
        except OSError:
            pass  # A folder that can't be written to costs time, nothing else.
    return features, digest


def some_of(count, seed=0):
    """Indices of at most `COMPARED` of `count` images, by chance: data sets come class by class."""
    chosen = np.random.default_rng(seed).permutation(count)[:COMPARED]
    return np.sort(chosen)


def statistics_path(folder, dataset, split, extractor_name):
    """Where the moments of a split's features lie in a folder of weights."""
    return folder / "statistics" / f"{dataset}-{split}-{extractor_name}.npz"


def read_statistics(dataset, split, extractor):
    """The `Reference` that came with the zoo, without features; `None` if there is none."""
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


def write_statistics(path, reference, extractor):
    """Writes the moments of a `Reference`, whole or not at all."""
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
