"""Nearest neighbors of samples, and whether samples are copies of training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.evaluation.features.reference import cached_features
from zoo.evaluation.metrics.vectors import (
    SLACK,
    check_features,
    row_slices,
    squared_distances,
    squared_norms,
)

if TYPE_CHECKING:
    from zoo.evaluation.features.extractors import Extractor


def nearest(
    queries: ArrayLike, references: ArrayLike, count: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest references of each query, by Euclidean distance.

    Matrix products pick the candidates, whose distances are then computed from the differences:
    an exact copy is at distance 0, not at a rounding error. Memory doesn't grow with N times M.

    Args:
        queries: Finite array of shape `(N, D)`, of any numeric type.
        references: Finite array of shape `(M, D)`.
        count: int from 1 to M, number of neighbors. A query that is among the references finds
            itself as well.

    Returns:
        Indices, an int64 array, and distances, a float64 array in units of the vectors; both of
        shape `(N, count)`, nearest first, equally near ones by index.

    Raises:
        InvalidInputError: For another rank, differing widths, values that aren't finite, no
            queries, or fewer references than `count`.

    Example:

    >>> nearest([[1.0]], [[5.0], [2.0], [1.0]], count=2)
    (array([[2, 1]]), array([[0., 1.]]))
    """
    check_count("count", count)
    references = check_features(references, "references", minimum=count)
    queries = check_features(queries, "queries", width=references.shape[1])
    center = references.mean(axis=0, dtype=np.float64)
    indices = np.empty((len(queries), count), np.int64)
    distances = np.empty((len(queries), count))
    for rows in row_slices(len(queries), queries.shape[1]):
        chunk = queries[rows]
        nearest_so_far = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        for columns in row_slices(len(references), references.shape[1]):
            found = _candidates(chunk, references[columns].astype(np.float64), center, count)
            found = found[0], found[1] + columns.start, found[2]
            query, index, distance = map(np.concatenate, zip(nearest_so_far, found, strict=True))
            order = np.lexsort((index, distance, query))
            first = np.searchsorted(query[order], np.arange(len(chunk)))
            seen = min(count, columns.stop)
            order = order[(first[:, None] + np.arange(seen)).ravel()]
            nearest_so_far = query[order], index[order], distance[order]
        indices[rows] = nearest_so_far[1].reshape(-1, count)
        distances[rows] = nearest_so_far[2].reshape(-1, count)
    return indices, distances


def memorization(samples: ArrayLike, held_out: ArrayLike, train: ArrayLike) -> dict[str, float]:
    """Compares how near samples and held-out real images are to the training images.

    The idea of the data-copying test of Meehan et al. 2020 (arXiv:2004.05675), with plain
    figures for its rank test. A model that has learned the distribution draws samples about as
    far from their nearest training image as real images that it has never seen are from theirs.
    Copies are nearer: `copied_share` rises and `median_ratio` falls. Poor samples, which look
    like no image at all, lie *farther* from the training images; they push `median_ratio` over 1
    and `copied_share` to 0, and can hide copies among them from the medians. `distribution_gap`
    has no sign: it is as large for poor samples as for copies, so read it with the other two.

    Args:
        samples: Finite array of shape `(N, D)`: generated images as features or flat pixels.
        held_out: Array of shape `(H, D)`, real images that the model wasn't trained on, none of
            them in `train`. `copied_share` rests on the nearest hundredth of them: use some
            hundreds at least.
        train: Array of shape `(M, D)`, the images that the model was trained on.

    Returns:
        A dict of Python floats:

        - `median_distance`: median distance of a sample to its nearest training vector, at
          least 0, in units of the vectors.
        - `held_out_median_distance`: the same of the held-out vectors.
        - `median_ratio`: the first over the second; about 1 is right, well under 1
          suggests copies, well over 1 poor samples.
        - `copied_share`: share of samples as near to a training vector as the nearest hundredth
          of the held-out vectors; about 0.01 where nothing is memorized, near 1 for copies.
        - `distribution_gap`: two-sample Kolmogorov-Smirnov statistic of the two distributions
          of distances, in [0, 1]; 0 is right.

    Raises:
        InvalidInputError: For another rank, differing widths, values that aren't finite, an
            empty array, or held-out vectors half of which are training vectors.

    Example:

    >>> train, held_out, samples = np.random.default_rng(0).normal(size=(3, 1000, 2))
    >>> memorization(samples, held_out, train)["copied_share"]
    0.008
    >>> memorization(train, held_out, train)["copied_share"]
    1.0
    """
    held_out_distances = nearest(held_out, train)[1][:, 0]
    distances = nearest(samples, train)[1][:, 0]
    median, held_out_median = float(np.median(distances)), float(np.median(held_out_distances))
    if held_out_median == 0.0:
        raise InvalidInputError(
            "Expected held-out vectors that aren't training vectors. "
            "Received: ones half of which are. Is `held_out` a part of `train`?"
        )
    return {
        "median_distance": median,
        "held_out_median_distance": held_out_median,
        "median_ratio": median / held_out_median,
        "copied_share": float((distances <= np.quantile(held_out_distances, 0.01)).mean()),
        "distribution_gap": _largest_gap(distances, held_out_distances),
    }


def nearest_images(
    samples: np.ndarray, images: np.ndarray, extractor: Extractor, count: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the images nearest to each sample, in an extractor's features.

    Unlike a distance of pixels, features hardly change with a shift by a pixel, so that shifted
    copies are found too.

    Args:
        samples: uint8 array of shape `(N, H, W, C)`.
        images: uint8 array of shape `(M, H, W, C)`, training images for example; their features
            are kept in the cache folder.
        extractor: As `zoo.evaluation.load_extractor` returns.
        count: int from 1 to M, number of neighbors.

    Returns:
        `(indices, distances)`: int64 and float64 arrays of shape `(N, count)`, nearest first;
        distances in units of the features.

    Raises:
        InvalidInputError: For images that the extractor doesn't take, or fewer than `count`.

    Example:

    ```python
    train, _ = zoo.datasets.load("mnist")
    samples = zoo.load("dcgan_mnist").generate(8, seed=0)
    indices, _ = nearest_images(samples, train, zoo.evaluation.load_extractor("mnist"))
    zoo.pictures.save_png(neighbor_grid(samples, train, indices), "neighbors.png", columns=6)
    ```
    """
    references, _ = cached_features(images, extractor)
    features, _ = extractor.features(samples)
    return nearest(features, references, count)


def neighbor_grid(samples: np.ndarray, images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Puts each sample's neighbors behind it, as rows of `1 + count` for `zoo.pictures.save_png`.

    Args:
        samples: uint8 array of shape `(N, H, W, C)`.
        images: uint8 array of shape `(M, H, W, C)`.
        indices: int array of shape `(N, count)`, into `images`.

    Returns:
        uint8 array of shape `(N * (1 + count), H, W, C)`.
    """
    rows = np.concatenate([samples[:, None], images[indices]], axis=1)
    return rows.reshape(-1, *samples.shape[1:])


def closest_pair_distance(images: np.ndarray) -> float:
    """Finds how close the two most similar images of a set are: 0 where one is drawn twice.

    Args:
        images: uint8 array of shape `(N, ...)`, at least two. All pairs are compared, so this is
            meant for some dozens of images.

    Returns:
        float in [0, 1], the smallest root-mean-square pixel difference of two images.

    Raises:
        InvalidInputError: For another type, or fewer than two images.

    Example:

    >>> closest_pair_distance(np.zeros((2, 28, 28, 1), "uint8"))
    0.0
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim < 2 or len(images) < 2 or not images[0].size:
        raise InvalidInputError(
            "Expected at least two uint8 images, shape (N, ...). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    # Signed and wide enough: a difference of two uint8 would wrap around.
    flat = images.reshape(len(images), -1).astype(np.float64) / 255.0
    closest = min(
        np.square(flat[i + 1 :] - flat[i]).mean(axis=1).min() for i in range(len(flat) - 1)
    )
    return float(np.sqrt(closest))


def _candidates(queries, references, center, count):
    """Returns query, reference and exact distance of all pairs that can be among the nearest."""
    count = min(count, len(references))
    centered = queries - center, references - center
    distances = squared_distances(*centered)
    limits = np.partition(distances, count - 1, axis=1)[:, count - 1]
    # Rounding can have swapped neighbors that are almost equally near.
    norms, reference_norms = map(squared_norms, centered)
    limits += SLACK * (norms + reference_norms.max())
    rows, columns = np.nonzero(distances <= limits[:, None])
    # From the vectors as they came: centered ones are rounded, which would break ties.
    exact = np.empty(len(rows))
    for pairs in row_slices(len(rows), queries.shape[1]):
        differences = queries[rows[pairs]] - references[columns[pairs]]
        exact[pairs] = np.sqrt(squared_norms(differences))
    return rows, columns, exact


def _largest_gap(values1, values2):
    steps = np.concatenate([values1, values2])
    shares1, shares2 = (
        np.searchsorted(np.sort(values), steps, side="right") / len(values)
        for values in (values1, values2)
    )
    return float(np.abs(shares1 - shares2).max())
