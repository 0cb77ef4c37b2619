"""What the page draws: samples, walks between two seeds, the same latents on several models."""

from collections.abc import Sequence

import numpy as np

from zoo.checks import check_count, check_positive
from zoo.demo.models import Models
from zoo.errors import InvalidInputError
from zoo.latents import spherical_interpolation

MOST = 100
"""Largest number of images of one request."""
STEPS = 16
"""Images of a walk from one seed to the other, both included."""


def sample(
    models: Models,
    name: str,
    count: int,
    seed: int,
    truncation: float | None = None,
    labels: Sequence[int] = (),
) -> np.ndarray:
    """Draws the images that `zoo sample` draws.

    Args:
        models: `Models`.
        name: str, the model.
        count: int, from 1 to 100.
        seed: int of at least 0.
        truncation: float over 0, as in `zoo.latents.sample_latent`; `None` for none.
        labels: classes of a class-conditional model, repeated to fill `count`; drawn by the seed if
            there are none.

    Returns:
        uint8 array of shape `(count, H, W, C)`.

    Raises:
        InvalidInputError: For a number out of range, or labels of a model without classes.

    Example:

    ```python
    from zoo.demo.drawing import sample
    from zoo.demo.models import Models

    images = sample(Models(["dcgan_mnist"]), "dcgan_mnist", 16, seed=0)
    ```
    """
    _check(models, name, count, seed)
    with models.use(name) as (model,):
        options = _truncation(truncation) | _classes(model, count, seed, labels)
        return model.generate(count, seed=seed, **options)


def walk(
    models: Models,
    name: str,
    count: int,
    seed: int,
    end: int,
    truncation: float | None = None,
    labels: Sequence[int] = (),
) -> np.ndarray:
    """Walks along great arcs from the images of one seed to those of another, and back.

    Args:
        models: `Models`.
        name: str, the model.
        count: int, images that walk side by side.
        seed: int, the first frame is that of `sample`. Classes stay those of this seed.
        end: int, the other seed.
        truncation: as in `sample`.
        labels: as in `sample`.

    Returns:
        uint8 array of shape `(frames, count, H, W, C)`, for a loop.

    Raises:
        InvalidInputError: As `sample` does.
    """
    _check(models, name, count, seed)
    check_count("other seed", end, minimum=0)
    with models.use(name) as (model,):
        options, truncated = _classes(model, count, seed, labels), _truncation(truncation)
        start, stop = (model.sample_latent(count, point, **truncated) for point in (seed, end))
        latents = spherical_interpolation(start, stop, STEPS)
        if options:
            options["labels"] = np.tile(options["labels"], STEPS)
        images = model.generate(latents=latents.reshape(-1, latents.shape[-1]), **options)
    frames = images.reshape(STEPS, count, *images.shape[1:])
    return np.concatenate([frames, frames[-2:0:-1]])


def compare(
    models: Models, names: Sequence[str], count: int, seed: int, truncation: float | None = None
) -> dict[str, np.ndarray]:
    """Draws the same latents on several models.

    Args:
        models: `Models`.
        names: the models, at least two.
        count: int, from 1 to 100.
        seed: int, of the latents, and of the classes of class-conditional models.
        truncation: as in `sample`.

    Returns:
        dict from names to uint8 arrays of shape `(count, H, W, C)`.

    Raises:
        InvalidInputError: For fewer models, or models with latents of different lengths.
    """
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise InvalidInputError(
            f"Choose two or more models to compare. Received: {', '.join(names) or 'none'}"
        )
    for name in names:
        _check(models, name, count, seed)
    with models.use(*names) as loaded:
        lengths = {name: model.latent_dim for name, model in zip(names, loaded, strict=True)}
        if len(set(lengths.values())) > 1:
            received = ", ".join(f"{name} takes {length}" for name, length in lengths.items())
            raise InvalidInputError(
                "The same latents go only into models that take as many numbers. "
                f"Received: {received}"
            )
        latents = loaded[0].sample_latent(count, seed, **_truncation(truncation))
        return {
            name: model.generate(latents=latents, **_classes(model, count, seed, ()))
            for name, model in zip(names, loaded, strict=True)
        }


def _check(models, name, count, seed):
    if models.restores(name):
        raise InvalidInputError(f"{name} restores pictures and draws none. Take another model.")
    check_count("images", count)
    if count > MOST:
        raise InvalidInputError(
            f"The page draws up to {MOST} images at once; `zoo sample` draws any number. "
            f"Received: {count}"
        )
    check_count("seed", seed, minimum=0)


def _truncation(bound):
    if bound is None:
        return {}
    check_positive("truncation", bound)
    return {"truncation": bound}


def _classes(model, count, seed, labels):
    """Returns the labels of all images as a keyword argument, if the model takes any."""
    if hasattr(model, "sample_labels"):
        chosen = np.resize(labels, count) if len(labels) else model.sample_labels(count, seed)
        return {"labels": chosen}
    if len(labels):
        raise InvalidInputError(f"Only class-conditional models take classes. Received: {labels}")
    return {}
