"""Galleries of images, drawn by keras-cv's `plot_image_gallery` with matplotlib."""

import contextlib
import math
import os

import numpy as np

from zoo.checks import check_count, check_images
from zoo.errors import InvalidInputError
from zoo.files import replacing
from zoo.imports import KERAS_CV, import_keras_cv, import_optional

CHANNELS = (1, 3)
MOST = 400
"""Most images of one gallery: matplotlib takes 20 ms or more for each."""
DPI = 60
"""By keras-cv's default, an image with its margins has two inches a side."""
BLANK = 255


def save_gallery(images: np.ndarray, path: str | os.PathLike, columns: int | None = None) -> None:
    """Writes images as a gallery, a PNG with a transparent background; whole or not at all.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, C either 1 or 3, N up to 400.
        path: file to write; missing folders are created.
        columns: int, images per row; by default the square root of N, rounded up.

    Raises:
        InvalidInputError: if `images` isn't such an array, or `columns` isn't a positive integer.
        MissingDependencyError: if keras-cv or matplotlib isn't installed.
        OSError: if the file can't be written.

    Example:

    ```python
    from zoo.images.gallery import save_gallery

    save_gallery(model.generate(64, seed=0), "gallery.png")
    ```
    """
    check_images(images, channels=CHANNELS, empty=False)
    check_gallery_count(len(images))
    if columns is None:
        columns = math.isqrt(len(images) - 1) + 1
    check_count("columns", columns)
    rows = -(-len(images) // columns)
    # keras-cv draws full rows only, and gray images in the colors of a color map.
    blank = np.full((rows * columns - len(images), *images.shape[1:3], 3), BLANK, "uint8")
    full = np.concatenate([np.broadcast_to(images, (*images.shape[:-1], 3)), blank])
    plot = import_gallery()
    with _pyplot_on_agg(), replacing(path) as temporary:
        figure = plot(full, value_range=(0, 255), rows=rows, cols=columns)
        # Not by `path=`: the format would depend on the file's suffix.
        options = {"bbox_inches": "tight", "pad_inches": 0, "transparent": True}
        figure.savefig(temporary, format="png", dpi=DPI, **options)


def import_gallery():
    """Imports and returns `keras_cv.visualization.plot_image_gallery`.

    Raises:
        MissingDependencyError: if keras-cv or matplotlib isn't installed.
    """
    import_optional("matplotlib.pyplot", KERAS_CV)  # keras-cv can be imported without it
    return import_keras_cv().visualization.plot_image_gallery


@contextlib.contextmanager
def _pyplot_on_agg():
    """Draws without a screen, and restores matplotlib's state afterwards."""
    import matplotlib
    from matplotlib import pyplot

    before, figures = matplotlib.get_backend(), pyplot.get_fignums()
    with matplotlib.rc_context():
        # The user's own settings must not change the picture.
        matplotlib.rcdefaults()
        matplotlib.rcParams["image.interpolation"] = "nearest"
        pyplot.switch_backend("agg")
        try:
            yield
        finally:
            for number in set(pyplot.get_fignums()) - set(figures):
                pyplot.close(number)
            with contextlib.suppress(ImportError):  # a backend that needs a screen
                pyplot.switch_backend(before)


def check_gallery_count(count):
    """Raises `InvalidInputError` for more images than a gallery holds."""
    if count > MOST:
        raise InvalidInputError(
            f"A gallery holds up to {MOST} images; `zoo.pictures.save_png` draws any number. "
            f"Received: {count}"
        )
