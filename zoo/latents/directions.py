"""Directions in which latents change what an image shows."""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checks import check_count, check_positive
from zoo.errors import InvalidInputError

if TYPE_CHECKING:
    from zoo.models.latent import LatentModel


def class_directions(latents: Any, labels: Any) -> np.ndarray:
    """Returns the direction toward each class: from the mean latent of the others to its own.

    The difference of class means stands in for the normal of the separating hyperplane of Shen et
    al. 2020 ("InterFaceGAN"); for two classes of normally distributed latents with equal, round
    covariances they are the same.

    Args:
        latents: float array of shape `(N, latent_dim)`.
        labels: array of shape `(N,)`, what the image of each latent shows: by a person, a
            classifier, or a number like its brightness in two halves.

    Returns:
        float32 array of shape `(classes, latent_dim)`, unit vectors, in the order of
        `np.unique(labels)`.

    Raises:
        InvalidInputError: for other shapes, or fewer than two classes.

    Example:

    >>> class_directions([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]], ["a", "a", "b"]).round(2).tolist()
    [[0.7099999785423279, -0.7099999785423279], [-0.7099999785423279, 0.7099999785423279]]
    """
    latents, labels = np.asarray(latents, "float64"), np.asarray(labels)
    classes = np.unique(labels)
    if latents.ndim != 2 or labels.shape != latents.shape[:1] or len(classes) < 2:
        raise InvalidInputError(
            "`latents` and `labels` must be arrays of shape (N, latent_dim) and (N,), with at "
            f"least two classes. Received: shapes {latents.shape} and {labels.shape}, "
            f"{len(classes)} classes"
        )
    differences = np.stack(
        [latents[labels == x].mean(axis=0) - latents[labels != x].mean(axis=0) for x in classes]
    )
    return _unit(differences)


def closed_form_directions(model: "LatentModel", count: int | None = None) -> np.ndarray:
    """Returns the directions that the generator's first layer enlarges most.

    Closed-form factorization (Shen & Zhou 2021, "SeFa"): the eigenvectors of A^T A, for the matrix
    A that takes a latent to the first layer's features. Takes neither samples nor labels.

    Args:
        model: a model whose generator begins with a dense layer, on latents alone or with one-hot
            classes behind them.
        count: int up to `latent_dim`, how many; by default all.

    Returns:
        float32 array of shape `(count, latent_dim)`: unit vectors, the most enlarged one first. The
        largest number of each is positive.

    Raises:
        InvalidInputError: for another generator, or a number out of range.

    Example:

    ```python
    directions = zoo.latents.closed_form_directions(zoo.load("dcgan_mnist"), 5)
    ```
    """
    kernel = _first_kernel(model)
    if kernel is None:
        raise InvalidInputError(
            "`model` must have a generator that begins with a dense layer of its latents. "
            f"Received: {type(model).__name__}"
        )
    count = len(kernel) if count is None else count
    check_count("count", count)
    if count > len(kernel):
        raise InvalidInputError(
            f"`count` can be up to {len(kernel)}, the number of latent variables. "
            f"Received: count={count}"
        )
    # The layer multiplies from the right: A is the kernel's transpose.
    _, vectors = np.linalg.eigh(kernel @ kernel.T)
    directions = vectors.T[::-1][:count]
    largest = np.abs(directions).argmax(axis=1)
    return _unit(directions * np.sign(directions[np.arange(count), largest])[:, None])


def direction_grid(
    start: Any, directions: Any, steps: int = 7, distance: float = 3.0
) -> np.ndarray:
    """Walks from a latent along directions, for a grid of images: a row for each direction.

    Args:
        start: float array of shape `(latent_dim,)`, what is in the middle of each row.
        directions: float array of shape `(rows, latent_dim)`.
        steps: odd int of at least 3, latents in a row.
        distance: float over 0, how far the ends of a row are from its middle, in lengths of the
            direction.

    Returns:
        float32 array of shape `(rows * steps, latent_dim)`, row by row.

    Raises:
        InvalidInputError: for other shapes, or a number out of range.

    Example:

    ```python
    directions = zoo.latents.closed_form_directions(model, 3)
    latents = zoo.latents.direction_grid(model.sample_latent(1, seed=0)[0], directions)
    zoo.pictures.show(model.generate(latents=latents), columns=7)
    ```
    """
    check_count("steps", steps, minimum=3)
    check_positive("distance", distance)
    start, directions = np.asarray(start, "float64"), np.asarray(directions, "float64")
    if steps % 2 == 0 or start.ndim != 1 or directions.shape[1:] != start.shape:
        raise InvalidInputError(
            "`start` must have the shape (latent_dim,), `directions` (rows, latent_dim), and "
            f"`steps` must be odd. Received: shapes {start.shape} and {directions.shape}, "
            f"steps={steps}"
        )
    positions = np.linspace(-distance, distance, steps)[:, None]
    grid = start + positions * directions[:, None]
    return grid.reshape(-1, start.size).astype("float32")


def _first_kernel(model):
    """Returns what the first dense layer of a generator multiplies latents by, or `None`."""
    from keras import ops

    if not hasattr(model, "sample_latent"):
        return None
    rows = model.latent_dim + getattr(model, "classes", 0)
    for weight in model.sampling_network().weights:
        if weight.name == "kernel":
            fits = len(weight.shape) == 2 and weight.shape[0] == rows
            kernel = ops.convert_to_numpy(weight).astype("float64")
            return kernel[: model.latent_dim] if fits else None
    return None


def _unit(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype("float32")
