"""Closeness of restored images to their originals: PSNR, SSIM, and the error in the hole."""

from dataclasses import dataclass

import numpy as np

from zoo.checks import check_images
from zoo.errors import InvalidInputError
from zoo.imports import import_optional

WINDOW = 7
"""Side of SSIM's window, in pixels."""


@dataclass(frozen=True, eq=False)
class RestorationScores:
    """Scores of each of N restored images.

    Args:
        psnr: float64 array of shape `(N,)`, in dB; infinite where an image is its original.
        ssim: float64 array of shape `(N,)`, at most 1.
        hole_l1: float64 array of shape `(N,)`, in [0, 1].
        highest_finite_psnr: float, PSNR in dB of an image of this size with one value off by one.
    """

    psnr: np.ndarray
    ssim: np.ndarray
    hole_l1: np.ndarray
    highest_finite_psnr: float

    def summary(self) -> dict[str, int | float]:
        """Averages the scores over the images, with equal weights.

        An image that is restored exactly counts as `highest_finite_psnr`, since an infinite PSNR
        would make the mean infinite.

        Returns:
            dict of unrounded Python numbers: `n`, the number of images; the means `psnr` (in dB,
            higher is better), `ssim` (higher is better) and `hole_l1` (lower is better);
            `exact_share`, the share of images restored exactly, in [0, 1].
        """
        return {
            "n": len(self.psnr),
            "psnr": float(np.minimum(self.psnr, self.highest_finite_psnr).mean()),
            "ssim": float(self.ssim.mean()),
            "hole_l1": float(self.hole_l1.mean()),
            "exact_share": float(np.isinf(self.psnr).mean()),
        }


def score_restorations(
    originals: np.ndarray, restored: np.ndarray, masks: np.ndarray
) -> RestorationScores:
    """Scores restored images against their originals, one by one.

    - PSNR: `10 log10(255^2 / MSE)`, the MSE over all values of the image.
      Methods are scored on whole images with known pixels put back; a hole of a quarter of the area
      thus adds 6 dB to the PSNR in the hole.
    - SSIM (Wang et al. 2004) of the whole image by scikit-image, with its own defaults: a uniform
      7x7 window, sample covariances, the mean over the channels. The paper's Gaussian window
      gives lower figures.
    - L1 in the hole: mean absolute difference of the missing pixels, all channels, with values
      scaled to [0, 1].

    Args:
        originals: uint8 array of shape `(N, H, W, C)`, at least one image of at least 7x7 pixels.
        restored: uint8 array of the same shape.
        masks: bool array of shape `(N, H, W)`, `True` where pixels were missing; at least one
            pixel in each.

    Returns:
        `RestorationScores`. Memory beside the images is three numbers for each.

    Raises:
        InvalidInputError: For other types or shapes, images that are too small, or a mask
            without a hole.
        MissingDependencyError: If scikit-image isn't installed.

    Example:

    ```python
    from zoo.evaluation.baselines import inpaint_classically

    masks = zoo.masks.draw("center_square", len(images), images.shape[1:3], seed=0)
    restored = inpaint_classically("telea", images, masks)
    score_restorations(images, restored, masks).summary()["psnr"]
    ```
    """
    originals, masks = check_holes(originals, masks)
    restored = np.asarray(restored)
    count, height, width, channels = originals.shape
    if restored.dtype != np.uint8 or restored.shape != originals.shape:
        raise InvalidInputError(
            f"Expected uint8 restored images of the originals' shape {originals.shape}. "
            f"Received: {restored.dtype} of shape {restored.shape}"
        )
    if not count or min(height, width) < WINDOW:
        raise InvalidInputError(
            f"Expected at least one image, of at least {WINDOW}x{WINDOW} pixels. "
            f"Received: {count} of {height}x{width}"
        )
    whole = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(whole):
        raise InvalidInputError(
            "Expected a missing pixel in every mask. Received: none in "
            f"{len(whole)} of {count}, the first of them at index {whole[0]}"
        )
    structural_similarity = import_optional("skimage.metrics", "scikit-image").structural_similarity

    scores = np.empty((3, count))
    for index, (original, image, mask) in enumerate(zip(originals, restored, masks, strict=True)):
        # Signed and wide enough: a difference of two uint8 would wrap around.
        difference = original.astype(np.float64) - image
        scores[:, index] = (
            _psnr(np.square(difference).mean()),
            structural_similarity(
                original, image, win_size=WINDOW, channel_axis=-1, data_range=255
            ),
            np.abs(difference[mask]).mean() / 255,
        )
    psnr, ssim, hole_l1 = scores
    return RestorationScores(psnr, ssim, hole_l1, _psnr(1 / (height * width * channels)))


def check_holes(images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checks that images and masks belong together, and returns them as arrays.

    Args:
        images: uint8 array of shape `(N, H, W, C)`.
        masks: bool array of shape `(N, H, W)`, `True` where pixels are missing.

    Raises:
        InvalidInputError: For other types or shapes: a channel axis is never added, a single mask
            never repeated, and numbers are never taken for bools.

    Example:

    >>> images, masks = check_holes(np.zeros((2, 8, 8, 3), "uint8"), np.ones((2, 8, 8), bool))
    """
    images, masks = np.asarray(images), np.asarray(masks)
    check_images(images)
    if masks.dtype != np.bool_ or masks.shape != images.shape[:3]:
        raise InvalidInputError(
            f"Expected bool masks of shape {images.shape[:3]}, one for each image, True where "
            f"pixels are missing. Received: {masks.dtype} of shape {masks.shape}"
        )
    return images, masks


def _psnr(squared_error):
    return float(10 * np.log10(255**2 / squared_error)) if squared_error else np.inf
