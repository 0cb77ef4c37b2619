"""Galleries of images by keras-cv's `plot_image_gallery`, which draws them with matplotlib."""

import contextlib
import math

import numpy as np

from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.files import replacing
from zoo.imports import KERAS_CV, import_keras_cv

CHANNELS = (1, 3)
MOST = 400
"""Images of one gallery: matplotlib takes 20 ms or more for each."""
DPI = 60
"""Each image has two inches a side, by keras-cv's default, margins and all."""
BLANK = 255


def save_gallery(images, path, columns=None):
    """Writes images as a gallery, a PNG with a transparent background; whole or not at all.

    Args:
        images: uint8 ndarray (N, H, W, C), C either 1 or 3, N up to 400.
        path: file to write; folders above it are made.
        columns: int, images per row; by default the square root of N, rounded up.

    Raises:
        InvalidInputError: if `images` isn't such an array, or `columns` isn't a positive integer.
        MissingDependencyError: if keras-cv or matplotlib isn't installed.
        OSError: if the file can't be written.

    Example:

    ```python
    zoo.images.gallery.save_gallery(model.generate(64, seed=0), "gallery.png")
    ```
    """
    _check(images)
    if columns is None:
        columns = math.isqrt(len(images) - 1) + 1
    check_count("columns", columns)
    rows = -(-len(images) // columns)
    # It draws full rows only, and gray images in the colors of a map.
    blank = np.full((rows * columns - len(images), *images.shape[1:3], 3), BLANK, "uint8")
    full = np.concatenate([np.broadcast_to(images, (*images.shape[:-1], 3)), blank])
    plot = import_gallery()
    with _pyplot_on_agg(), replacing(path) as temporary:
        figure = plot(full, value_range=(0, 255), rows=rows, cols=columns)
        # Not by its `path`: the format would hang on the file's suffix.
        options = {"bbox_inches": "tight", "pad_inches": 0, "transparent": True}
        figure.savefig(temporary, format="png", dpi=DPI, **options)


def import_gallery():
    """Imports and returns `keras_cv.visualization.plot_image_gallery`.

    Raises:
        MissingDependencyError: if keras-cv or matplotlib isn't installed.
    """
    from zoo.imports import import_optional

    import_optional("matplotlib.pyplot", KERAS_CV)  # keras-cv can be imported without
    return import_keras_cv().visualization.plot_image_gallery


@contextlib.contextmanager
def _pyplot_on_agg():
    """Draws without a screen; afterwards matplotlib's state is what it was."""
    import matplotlib
    from matplotlib import pyplot

    before, figures = matplotlib.get_backend(), pyplot.get_fignums()
    with matplotlib.rc_context():
        # The settings of whoever runs this must not change the picture.
        matplotlib.rcdefaults()
        matplotlib.rcParams["image.interpolation"] = "nearest"
        pyplot.switch_backend("agg")
        try:
            yield
        finally:
            for number in set(pyplot.get_fignums()) - set(figures):
                pyplot.close(number)
            with contextlib.suppress(ImportError):  # one that needs a screen, and there is none
                pyplot.switch_backend(before)


def check_gallery_count(count):
    """Raises `InvalidInputError` for more images than a gallery takes."""
    if count > MOST:
        raise InvalidInputError(
            f"A gallery has up to {MOST} images; `zoo.pictures.save_png` makes a grid of any "
            f"number. Received: {count}"
        )


def _check(images):
    shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", None)
    sound = isinstance(images, np.ndarray) and dtype == np.uint8 and images.ndim == 4
    if not sound or images.size == 0 or shape[-1] not in CHANNELS:
        received = type(images).__name__ if shape is None else f"{dtype} of shape {tuple(shape)}"
        raise InvalidInputError(
            "A gallery is made from a uint8 ndarray of shape (N, height, width, channels), with at "
            "least one image of at least one pixel, and 1 or 3 channels. "
            f"Received: {received}"
        )
    check_gallery_count(len(images))
