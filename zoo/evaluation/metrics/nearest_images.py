"""The training images that generated ones are most like."""

import numpy as np

from zoo.evaluation.features.reference import cached_features
from zoo.evaluation.metrics.neighbors import nearest


def nearest_images(samples, images, extractor, count=5):
    """Finds the images nearest to each sample, in an extractor's features.

    Features see past a shift of a pixel, which a distance of pixels takes for a difference: a copy
    that was moved by one is found all the same.

    Args:
        samples: uint8 array of shape `(N, H, W, C)`.
        images: uint8 array of shape `(M, H, W, C)`, training images for example; their features
            are kept in the cache folder.
        extractor: As `zoo.evaluation.load_extractor` gives.
        count: How many neighbors of each, from 1 to M.

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


def neighbor_grid(samples, images, indices):
    """Each sample followed by its neighbors, a row of `1 + count` for `zoo.pictures.save_png`.

    Args:
        samples: uint8 array of shape `(N, H, W, C)`.
        images: uint8 array of shape `(M, H, W, C)`.
        indices: Integers `(N, count)`, into `images`.

    Returns:
        uint8 array of shape `(N * (1 + count), H, W, C)`.
    """
    rows = np.concatenate([samples[:, None], images[indices]], axis=1)
    return rows.reshape(-1, *samples.shape[1:])
