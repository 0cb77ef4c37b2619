"""How close restored images come to their originals: PSNR, SSIM, and the error in the hole."""

from dataclasses import dataclass

import numpy as np

from zoo.checks import check_images
from zoo.errors import InvalidInputError
from zoo.imports import import_optional

WINDOW = 7
"""Side of SSIM's window, in pixels."""


@dataclass(frozen=True, eq=False)
class RestorationScores:
    """What each of N restored images scores.

    Args:
        psnr: float64 array of shape `(N,)`, in dB; infinite where an image is its original.
        ssim: float64 array of shape `(N,)`, at most 1.
        hole_l1: float64 array of shape `(N,)`, in [0, 1].
        highest_finite_psnr: PSNR, in dB, of an image of this size with a single value off by one.
    """

    psnr: np.ndarray
    ssim: np.ndarray
    hole_l1: np.ndarray
    highest_finite_psnr: float

    def summary(self):
        """Averages over the images, each of which counts the same.

        An image that is restored exactly counts with `highest_finite_psnr`: its own is infinite,
        and so would be the mean.

        Returns:
            A dict of unrounded Python numbers: `n`, how many images; the means `psnr` (dB, higher
            is better), `ssim` (higher is better) and `hole_l1` (lower is better); `exact_share`,
            the share of images restored exactly, in [0, 1].
        """
        return {
            "n": len(self.psnr),
            "psnr": float(np.minimum(self.psnr, self.highest_finite_psnr).mean()),
            "ssim": float(self.ssim.mean()),
            "hole_l1": float(self.hole_l1.mean()),
            "exact_share": float(np.isinf(self.psnr).mean()),
        }


def score_restorations(originals, restored, masks):
    """Scores restored images against their originals, one by one.

    - PSNR: `10 log10(255^2 / MSE)`, the MSE over all values of the image as it is handed over.
      A method is scored on whole images, known pixels put back; a hole of a quarter of the area
      thus adds 6 dB to the PSNR in the hole.
    - SSIM (Wang et al. 2004) of the whole image by scikit-image, with its own defaults: a uniform
      7x7 window, sample covariances, the mean over the channels. The paper's Gaussian window
      gives lower figures.
    - L1 in the hole: mean absolute difference of the missing pixels, all channels, with values
      scaled to [0, 1].

    Args:
        originals: uint8 array of shape `(N, H, W, C)`, at least one image of at least 7x7 pixels.
        restored: uint8 array of the same shape.
        masks: bool array of shape `(N, H, W)`, `True` where pixels were missing; some in each.

    Returns:
        `RestorationScores`. Images are taken one at a time: beside them, only three numbers for
        each are held.

    Raises:
        InvalidInputError: For other types or shapes, images that are too small, or a mask
            without a hole.
        MissingDependencyError: If scikit-image isn't installed.

    Example:

    >>> masks = zoo.masks.draw("center_square", len(images), (64, 64), seed=0)
    >>> restored = inpaint_classically("telea", images, masks)
    >>> score_restorations(images, restored, masks).summary()["psnr"]
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
    return RestorationScores(*scores, _psnr(1 / (height * width * channels)))


def check_holes(images, masks):
    """Returns images and masks as arrays, once they are known to belong together.

    Args:
        images: uint8 array of shape `(N, H, W, C)`.
        masks: bool array of shape `(N, H, W)`, `True` where pixels are missing.

    Raises:
        InvalidInputError: For anything else; a missing channel axis, a single mask for all images
            or what the numbers 0 and 255 mean isn't guessed.

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
