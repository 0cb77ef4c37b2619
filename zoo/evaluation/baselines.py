"""Classical methods of filling holes, to compare learned ones with.

Each looks at nothing but the image at hand, and is the code of a well-kept library.
"""

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.metrics.restoration import check_holes
from zoo.imports import import_optional

RADIUS = 3
"""Radius of the neighborhood that OpenCV's methods use, in pixels."""


def inpaint_classically(method: str, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Fills each image's hole from the rest of the same image.

    - `"telea"`: marching inward, weighted means of known neighbors (Telea 2004); OpenCV.
    - `"navier_stokes"`: lines of equal brightness flow on into the hole (Bertalmio et al. 2001);
      OpenCV.
    - `"biharmonic"`: the smoothest surface through the known pixels, its biharmonic equation
      solved (Damelin & Hoang 2018); scikit-image.

    Args:
        method: str, one of `METHODS`.
        images: uint8 array of shape `(N, H, W, C)`; OpenCV's methods take 1 or 3 channels. Pixels
            in the hole have no influence.
        masks: bool array of shape `(N, H, W)`, `True` where pixels are missing.

    Returns:
        uint8 array of shape `(N, H, W, C)`, with known pixels unchanged.

    Raises:
        InvalidInputError: For an unknown method, other types or shapes, or a mask without a known
            pixel.
        MissingDependencyError: If the library isn't installed.

    Example:

    ```python
    masks = zoo.masks.draw("center_square", len(images), images.shape[1:3], seed=0)
    filled = inpaint_classically("telea", images, masks)
    ```
    """
    if method not in list(METHODS):  # A list, so that an unhashable name is refused too.
        raise InvalidInputError(f"Expected one of {', '.join(METHODS)}. Received: {method!r}")
    images, masks = check_holes(images, masks)
    nothing_known = np.flatnonzero(masks.all(axis=(1, 2)))
    if len(nothing_known):
        raise InvalidInputError(
            "Expected a known pixel in every image. Received: masks without one, "
            f"{len(nothing_known)} of {len(masks)}, the first of them at index {nothing_known[0]}"
        )
    fill = METHODS[method](images.shape[-1])
    restored = images.copy()
    for image, mask in zip(restored, masks, strict=True):
        if mask.any():
            # Black in place of the hole, so that nothing can leak out of it.
            holed = np.where(mask[..., None], np.uint8(0), image)
            image[mask] = fill(holed, mask).reshape(image.shape)[mask]
    return restored


def _opencv(flag):
    """Returns a function that returns, for a number of channels, a method for one image."""

    def prepare(channels):
        if channels not in (1, 3):
            raise InvalidInputError(
                "Expected images of 1 or 3 channels, which OpenCV's methods take. "
                f"Received: {channels}. Take 'biharmonic'"
            )
        cv2 = import_optional("cv2", "opencv-python-headless")
        method = getattr(cv2, flag)
        return lambda image, mask: cv2.inpaint(image, mask.astype(np.uint8), RADIUS, method)

    return prepare


def _biharmonic(channels):
    del channels
    solve = import_optional("skimage.restoration", "scikit-image").inpaint_biharmonic

    def fill(image, mask):
        filled = solve(image, mask, channel_axis=-1)  # float64 in [0, 1]
        return np.clip(np.rint(filled * 255), 0, 255).astype(np.uint8)

    return fill


METHODS = {
    "telea": _opencv("INPAINT_TELEA"),
    "navier_stokes": _opencv("INPAINT_NS"),
    "biharmonic": _biharmonic,
}
