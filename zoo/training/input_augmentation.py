"""Random changes of the training images before each step, made by keras-cv's layers.

Only real images are changed, so the generator learns the augmented distribution. Flipped
photographs do no harm; holes cut into them come back in the samples (Karras et al. 2020,
https://arxiv.org/abs/2006.06676, section 2, call it leaking). Labels stay those of the images.

All random numbers come from the caller's NumPy generator, so that equal generators give equal
images on every backend and in every process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.checks import check_images
from zoo.errors import InvalidInputError

# Neither Keras nor keras-cv is imported here: names are checked before either is.

FLIPPED = 0.5
"""`flip`: probability of being mirrored from left to right."""
DEGREES = 10
"""`rotate`: largest angle either way, about the center; bilinear, which softens a little."""
SHIFTED = 0.1
"""`crop`: a window of the image's size, shifted by whole pixels, up to this fraction of the side.
Nothing is resized, so nothing is blurred."""
HOLE_SIDES = (0.1, 0.3)
"""`cutout`: height and width of a black rectangle anywhere, as fractions of the image's."""
BRIGHTER = 0.1
"""`brightness`: largest change, as a fraction of 255; a black background can turn gray."""
CONTRAST = 0.2
"""`contrast`: largest relative change of the distances to each channel's mean."""


@dataclass(frozen=True)
class Augmentation:
    """The meaning of one name.

    Args:
        layer: str, class of `keras_cv.layers`.
        arguments: dict, of that class.
        draw: function of (`numpy.random.Generator`, shape of a batch) that draws what the layer
            does to each image, in the form of the layer's `get_random_transformation_batch`.
        channels: tuple of the numbers of channels it works on; `None` for any.
    """

    layer: str
    arguments: dict
    draw: Callable
    channels: tuple | None = None


def _draw_flips(rng, shape):
    # The layer mirrors where this is over 1 - rate.
    coins = _uniform(rng, 0, 1, (shape[0], 1))
    return {"flip_horizontals": coins, "flip_verticals": np.zeros_like(coins)}


def _draw_angles(rng, shape):
    limit = np.deg2rad(DEGREES)
    return {"angles": _uniform(rng, -limit, limit, shape[:1])}


def _draw_shifts(rng, shape):
    sides = np.array(shape[1:3])
    limits = np.floor(SHIFTED * sides).astype(int)
    shifts = rng.integers(-limits, limits + 1, (shape[0], 2)) / sides
    heights, widths = np.split(shifts.astype("float32"), 2, axis=1)
    return {"height_translations": heights, "width_translations": widths}


def _draw_holes(rng, shape):
    sides = np.array(shape[1:3])
    sizes = np.ceil(_uniform(rng, *HOLE_SIDES, (shape[0], 2)) * sides).astype("int32")
    centers = rng.integers(0, sides, (shape[0], 2)).astype("int32")
    return {
        "centers_x": centers[:, 1],
        "centers_y": centers[:, 0],
        "rectangles_height": sizes[:, 0],
        "rectangles_width": sizes[:, 1],
    }


def _draw_brightness(rng, shape):
    return 255 * _uniform(rng, -BRIGHTER, BRIGHTER, (shape[0], 1, 1, 1))


def _draw_contrasts(rng, shape):
    return _uniform(rng, 1 - CONTRAST, 1 + CONTRAST, (shape[0], 1, 1, 1))


def _uniform(rng, low, high, shape):
    return rng.uniform(low, high, shape).astype("float32")


_EDGES = {"fill_mode": "nearest"}  # Black corners, or mirrored pieces of a shoe, would be learned.
_SHIFTS = {"height_factor": SHIFTED, "width_factor": SHIFTED}
_HOLES = {"height_factor": HOLE_SIDES, "width_factor": HOLE_SIDES}
_COLORS = {"value_range": (0, 255)}

AUGMENTATIONS = {
    "flip": Augmentation("RandomFlip", {"mode": "horizontal", "rate": FLIPPED}, _draw_flips),
    "rotate": Augmentation("RandomRotation", {"factor": DEGREES / 360, **_EDGES}, _draw_angles),
    "crop": Augmentation("RandomTranslation", {**_SHIFTS, **_EDGES}, _draw_shifts),
    "cutout": Augmentation("RandomCutout", _HOLES, _draw_holes),
    "brightness": Augmentation(
        "RandomBrightness", {"factor": BRIGHTER, **_COLORS}, _draw_brightness, (1, 3)
    ),
    "contrast": Augmentation(
        "RandomContrast", {"factor": CONTRAST, **_COLORS}, _draw_contrasts, (1, 3)
    ),
}
"""Name -> augmentation, for `zoo train --augment`."""


def parse_names(text: str) -> tuple[str, ...]:
    """Returns the names in a text, separated by commas.

    Raises:
        InvalidInputError: as `check_names`.

    Example:

    >>> parse_names("flip, rotate")
    ('flip', 'rotate')
    """
    names = tuple(name.strip() for name in text.split(","))
    check_names(names)
    return names


def check_names(names):
    """Raises `InvalidInputError` unless these are names of augmentations, each once."""
    known, listed = list(AUGMENTATIONS), isinstance(names, (tuple, list))
    if not listed or not names or any(name not in known for name in names):
        raise InvalidInputError(
            f"Augmentations are {', '.join(known)}; one or more, in the order in which they are "
            f"applied. Received: {', '.join(map(str, names)) if listed else names}"
        )
    if len(set(names)) < len(names):
        raise InvalidInputError(f"Name each augmentation once. Received: {', '.join(names)}")


def make(
    names: Sequence[str], image_shape: tuple[int, int, int] | None = None
) -> "InputAugmentation":
    """Makes the function that changes batches.

    Args:
        names: keys of `AUGMENTATIONS`, in the order in which they are applied.
        image_shape: `(height, width, channels)` of the images, to be checked; `None` for any.

    Returns:
        `InputAugmentation`.

    Raises:
        InvalidInputError: for an unknown or repeated name, or if it changes colors and the images
            are neither gray nor RGB.
        MissingDependencyError: if keras-cv isn't installed.

    Example:

    ```python
    augment = make(("flip", "rotate"), (28, 28, 1))
    changed = augment(images, np.random.default_rng(0))  # uint8 array (N, 28, 28, 1)
    ```
    """
    check_names(names)
    for name in names:
        channels = AUGMENTATIONS[name].channels
        if image_shape is not None and channels and image_shape[-1] not in channels:
            raise InvalidInputError(
                f"The augmentation {name!r} needs images of {' or '.join(map(str, channels))} "
                f"channels. Received: image_shape={tuple(image_shape)}"
            )
    return InputAugmentation(names, image_shape)


class InputAugmentation:
    """Changes a batch of images at random; see `make`.

    Not thread-safe, as keras-cv's layers aren't.

    Args:
        names: as in `make`, and checked.
        image_shape: as in `make`.
    """

    def __init__(self, names, image_shape=None):
        from zoo.imports import import_keras_cv

        keras_cv = import_keras_cv()
        self.names = tuple(names)
        self.image_shape = None if image_shape is None else tuple(image_shape)
        chosen = [AUGMENTATIONS[name] for name in names]
        self._steps = [(item.draw, _layer(keras_cv, item)) for item in chosen]

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Changes each image on its own.

        Args:
            images: uint8 array of shape `(N, H, W, C)`, which is left unchanged.
            rng: generator, which advances by an amount that depends on N alone.

        Returns:
            uint8 array of the same shape.

        Raises:
            InvalidInputError: for an array of another type or shape.
        """
        check_images(images, self.image_shape)
        if len(images) == 0:
            return images.copy()
        changed = images.astype("float32")
        for draw, layer in self._steps:
            changed = layer(changed, draw(rng, images.shape))
        return np.clip(np.rint(changed), 0, 255).astype("uint8")


def _layer(keras_cv, augmentation):
    """Returns a function of float32 images and the transformation of each, by keras-cv's layer."""
    import keras

    # A seed, although none is drawn from: without one the layer starts TensorFlow's global
    # generator. Its own dtype, because a model can train in another.
    layer_class = getattr(keras_cv.layers, augmentation.layer)
    layer = layer_class(**augmentation.arguments, seed=1, dtype="float32")

    def apply(images, transformations):
        # In place of the layer's own draws, which come from TensorFlow's generators.
        layer.get_random_transformation_batch = lambda *_, **__: transformations
        # Results would go to the accelerator on most backends, and wait for it on the way back.
        with keras.device("cpu:0"):
            return keras.ops.convert_to_numpy(layer(images))

    return apply
