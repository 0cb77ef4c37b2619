"""Sources of images to score, in parts: a model, an array, a file or a folder."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import from_folder
from zoo.errors import InvalidInputError

PART = 1024
"""Images of a model in memory at a time; a multiple of what `generate` draws at once."""


def draw_parts(
    model: Any, count: int, seed: int, **truncation: float | None
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yields what `model.generate(count, seed)` draws, without holding all of it.

    Args:
        model: Has `generate`, and `sample_labels` if it is class-conditional.
        count: int, images in all.
        seed: int.
        **truncation: `truncation` and `psi` of the latents, as in `zoo.latents.sample_latent`;
            `None` isn't passed on.

    Yields:
        `(images, labels)`: uint8 array of shape `(n, H, W, C)`, and the requested classes or
        `None`.
    """
    labels = model.sample_labels(count, seed) if hasattr(model, "sample_labels") else None
    stream = np.random.default_rng(seed)
    given = {name: value for name, value in truncation.items() if value is not None}
    for start in range(0, count, PART):
        size = min(PART, count - start)
        latents = model.sample_latent(size, stream, **given)
        if labels is None:
            yield model.generate(latents=latents), None
        else:
            requested = labels[start : start + size]
            yield model.generate(latents=latents, labels=requested), requested


def array_parts(images: np.ndarray, count: int, seed: int) -> Iterator[tuple[np.ndarray, None]]:
    """Yields at most `count` of an array's images, in a random order, as `draw_parts` does."""
    order = np.random.default_rng(seed).permutation(len(images))[:count]
    for start in range(0, len(order), PART):
        yield images[order[start : start + PART]], None


def read_images(path: str | Path, image_shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Reads the images in a file or a folder.

    Args:
        path: A `.npy` or `.npz` file of uint8 arrays of shape `(N, H, W, C)`, or `(N, H, W)` if
            they are gray; or a folder or zip of pictures, which are cropped and resized.
        image_shape: `(height, width, channels)` for pictures.

    Returns:
        dict from names to uint8 arrays: one for each array of an `.npz`.

    Raises:
        InvalidInputError: If a file of arrays can't be read.
        DatasetError: If a folder holds no readable picture.
    """
    path = Path(path)
    if path.suffix in (".npy", ".npz"):
        return read_arrays(path)
    return {path.name: from_folder(path, image_shape)}


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Reads sets of images from a `.npz` or `.npy` file.

    Args:
        path: The file, of uint8 arrays of shape `(N, H, W, C)`, or `(N, H, W)` if they are gray.

    Returns:
        dict from names to uint8 arrays of shape `(N, H, W, C)`.

    Raises:
        InvalidInputError: If the file can't be read.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise InvalidInputError(f"Expected a .npy or .npz file. Received: {path}, no regular file")
    try:
        # Opened here: `np.load` leaves a truncated file open. Pickles run code on loading.
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                sets = {Path(path).stem: loaded}
            else:
                with loaded:
                    sets = {name: loaded[name] for name in loaded.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInputError(
            f"Expected a .npy or .npz file of images. Received: {path}: {error}"
        ) from error
    except ValueError as error:
        raise InvalidInputError(
            f"Expected plain arrays in {path}, no pickled objects. Received: {error}"
        ) from error
    if not sets:
        raise InvalidInputError(f"Expected arrays of images in {path}. Received: none")
    return {
        name: images[..., None] if images.ndim == 3 else images for name, images in sets.items()
    }
