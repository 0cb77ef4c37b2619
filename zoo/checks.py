"""Checks arguments; errors say what was expected and what was received."""

import math
import numbers
from typing import Any

from zoo.errors import InvalidInputError


def check_count(name: str, value: Any, minimum: int = 1) -> None:
    """Raises `InvalidInputError` unless `value` is an integer of at least `minimum`."""
    if not _is_count(value, minimum):
        kind = "a positive integer" if minimum == 1 else f"an integer of at least {minimum}"
        raise InvalidInputError(f"`{name}` must be {kind}. Received: {name}={value!r}")


LARGEST_SEED = 2**31 - 1
"""The largest seed that every backend accepts."""


def check_seed(value: Any) -> None:
    """Raises `InvalidInputError` unless `value` is `None` or an integer from 0 to 2^31 - 1."""
    if value is not None and not (_is_count(value, 0) and value <= LARGEST_SEED):
        raise InvalidInputError(
            f"`seed` must be an integer from 0 to {LARGEST_SEED}, or None. Received: seed={value!r}"
        )


def check_weight(name: str, value: Any, minimum: float = 0) -> None:
    """Raises `InvalidInputError` unless `value` is a finite number of at least `minimum`."""
    if not _is_number(value) or value < minimum:
        raise InvalidInputError(
            f"`{name}` must be a finite number of at least {minimum}. Received: {name}={value!r}"
        )


def check_positive(name: str, value: Any) -> None:
    """Raises `InvalidInputError` unless `value` is a finite number over 0."""
    if not _is_number(value) or value <= 0:
        raise InvalidInputError(
            f"`{name}` must be a finite number over 0. Received: {name}={value!r}"
        )


def check_fraction(name: str, value: Any) -> None:
    """Raises `InvalidInputError` unless `value` is a number in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise InvalidInputError(
            f"`{name}` must be a number of at least 0 and under 1. Received: {name}={value!r}"
        )


def check_share(name: str, value: Any) -> None:
    """Raises `InvalidInputError` unless `value` is a number in (0, 1]."""
    if not _is_number(value) or not 0 < value <= 1:
        raise InvalidInputError(
            f"`{name}` must be a number over 0 and at most 1. Received: {name}={value!r}"
        )


def _is_count(value, minimum=1):
    integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return integer and value >= minimum


def _is_number(value):
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def check_image_shape(image_shape: Any) -> None:
    """Raises `InvalidInputError` unless the shape is (height, width, channels), all positive."""
    sizes = tuple(image_shape) if isinstance(image_shape, (tuple, list)) else ()
    if len(sizes) != 3 or not all(_is_count(size) for size in sizes):
        raise InvalidInputError(
            "`image_shape` must be (height, width, channels), three positive integers. "
            f"Received: image_shape={image_shape!r}"
        )


POLICIES = ("color", "translation", "cutout")


def read_policy(value: Any) -> tuple[str, ...]:
    """Returns the names of augmentations, in the order in which they are applied.

    Args:
        value: str of names with commas, or a tuple or a list of names.

    Returns:
        tuple of at least one str.

    Raises:
        InvalidInputError: If a name is unknown or given twice, or there is none.

    Example:

    >>> read_policy("color, translation")
    ('color', 'translation')
    """
    names = value.split(",") if isinstance(value, str) else value
    if isinstance(names, (tuple, list)) and names and all(isinstance(n, str) for n in names):
        names = tuple(name.strip() for name in names)
        if set(names) <= set(POLICIES) and len(set(names)) == len(names):
            return names
    raise InvalidInputError(
        f"`diff_augment` must be some of {', '.join(map(repr, POLICIES))}, each once: a tuple, or "
        f'a str with commas, "color,translation,cutout" for example. '
        f"Received: diff_augment={value!r}"
    )


def check_images(images, image_shape=None, channels=None, empty=True):
    """Raises `InvalidInputError` unless `images` is a uint8 array of shape `(N, H, W, C)`.

    Args:
        images: the array.
        image_shape: `(H, W, C)` that it must have; `None` for any.
        channels: tuple of the values that C can have; `None` for any.
        empty: bool, whether there can be no images, or images without pixels.
    """
    import numpy as np  # here: listing models does without it

    is_array = isinstance(images, np.ndarray)
    sound = is_array and images.dtype == np.uint8 and images.ndim == 4 and (empty or images.size)
    if sound and image_shape is not None:
        sound = images.shape[1:] == tuple(image_shape)
    if sound and channels is not None:
        sound = images.shape[-1] in channels
    if not sound:
        expected = ", ".join(map(str, image_shape or ("H", "W", "C")))
        limits = f", C one of {', '.join(map(str, channels))}" if channels else ""
        limits += "" if empty else ", with at least one pixel"
        received = f"{images.dtype} of shape {images.shape}" if is_array else type(images).__name__
        raise InvalidInputError(
            f"`images` must be a uint8 array of shape (N, {expected}){limits}. Received: {received}"
        )


def check_one_output(**outputs):
    """Raises `InvalidInputError` for a network, by name, that returns several or named outputs."""
    for name, output in outputs.items():
        if not hasattr(output, "shape"):
            kind = type(output).__name__
            raise InvalidInputError(
                f"`{name}` must return one tensor. Received: a {kind} of {len(output)}"
            )
