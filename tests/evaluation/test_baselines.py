"""Classical inpainting."""

import subprocess
import sys

import numpy as np
import pytest

from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.evaluation.baselines import METHODS, inpaint_classically
from zoo.evaluation.metrics.restoration import score_restorations

pytestmark = pytest.mark.no_backend


def smooth_images(count=4, shape=(24, 20, 3)):
    """Slopes of random directions and colors."""
    height, width, channels = shape
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / max(height, width)
    slope = rng.uniform(-60, 60, (count, 2, 1, 1, channels))
    levels = 128 + slope[:, 0] * y[..., None] + slope[:, 1] * x[..., None]
    return np.rint(levels).astype(np.uint8)


def holes(images, seed=1):
    """A rectangle in each image, and single pixels up to its corners."""
    masks = np.random.default_rng(seed).random(images.shape[:3]) < 0.1
    masks[:, 6:15, 5:13] = True
    masks[:, 0, 0] = True
    return masks


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(24, 20, 3), (28, 28, 1)])
def test_fills_holes_and_leaves_the_rest_alone(method, shape):
    images = smooth_images(shape=shape)
    masks = holes(images)
    black = np.where(masks[..., None], np.uint8(0), images)
    restored = inpaint_classically(method, black, masks)
    assert (restored.dtype, restored.shape) == (np.uint8, images.shape)
    assert np.array_equal(restored[~masks], images[~masks])
    assert np.array_equal(black, np.where(masks[..., None], np.uint8(0), images)), "changed input"

    filled, left_black = (
        score_restorations(images, tried, masks).summary() for tried in (restored, black)
    )
    assert filled["psnr"] > left_black["psnr"] + 15
    assert filled["ssim"] > left_black["ssim"]
    assert filled["hole_l1"] < left_black["hole_l1"] / 10


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_in_the_hole_is_never_looked_at(method):
    images = smooth_images()
    masks = holes(images)
    white = np.where(masks[..., None], np.uint8(255), images)
    assert np.array_equal(
        inpaint_classically(method, images, masks), inpaint_classically(method, white, masks)
    )


@pytest.mark.parametrize("method", METHODS)
def test_images_do_not_depend_on_each_other(method):
    images = smooth_images()
    masks = holes(images)
    together = inpaint_classically(method, images, masks)
    alone = [
        inpaint_classically(method, images[i : i + 1], masks[i : i + 1])[0]
        for i in range(len(images))
    ]
    assert np.array_equal(together, alone)


def test_methods_differ():
    images = smooth_images()
    masks = holes(images)
    first, second, third = (inpaint_classically(method, images, masks) for method in METHODS)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, third)
    assert not np.array_equal(second, third)


def test_biharmonic_continues_a_slope_exactly():
    # A plane is biharmonic, so nothing but rounding may be left.
    images = smooth_images()
    masks = np.zeros(images.shape[:3], bool)
    masks[:, 8:16, 6:14] = True
    restored = inpaint_classically("biharmonic", images, masks)
    assert np.abs(restored.astype(int) - images).max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_single_color_stays_one(method):
    images = np.full((2, 16, 16, 3), (10, 120, 250), np.uint8)
    masks = np.zeros((2, 16, 16), bool)
    masks[:, 4:12, 4:12] = True
    restored = inpaint_classically(method, images, masks)
    # OpenCV's Telea dithers by up to two gray levels.
    assert np.abs(restored.astype(int) - images).max() <= 2


@pytest.mark.parametrize("method", METHODS)
def test_an_image_without_a_hole_and_no_image_at_all(method):
    images = smooth_images()
    masks = np.zeros(images.shape[:3], bool)
    assert np.array_equal(inpaint_classically(method, images, masks), images)
    assert inpaint_classically(method, images[:0], masks[:0]).shape == (0, 24, 20, 3)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_known_pixel_is_enough(method):
    images = smooth_images(count=1)
    masks = np.ones(images.shape[:3], bool)
    masks[0, 3, 4] = False
    assert np.array_equal(inpaint_classically(method, images, masks)[0, 3, 4], images[0, 3, 4])


@pytest.mark.parametrize("method", ["patch_match", "", None, ["telea"]])
def test_unknown_methods_are_refused(method):
    images = smooth_images()
    with pytest.raises(InvalidInputError, match="telea, navier_stokes, biharmonic"):
        inpaint_classically(method, images, holes(images))


def test_refuses_what_does_not_belong_together():
    images = smooth_images()
    masks = holes(images)
    with pytest.raises(InvalidInputError, match=r"uint8 array.*float64"):
        inpaint_classically("telea", images / 255, masks)
    with pytest.raises(InvalidInputError, match=r"bool masks of shape \(4, 24, 20\)"):
        inpaint_classically("telea", images, masks[0])
    with pytest.raises(InvalidInputError, match="Received: uint8"):
        inpaint_classically("telea", images, masks.astype("uint8"))
    masks[2] = True
    with pytest.raises(InvalidInputError, match=r"known pixel in every image.*index 2"):
        inpaint_classically("telea", images, masks)


def test_other_numbers_of_channels_are_for_biharmonic_only():
    images = smooth_images(shape=(24, 20, 4))
    masks = holes(images)
    for method in ("telea", "navier_stokes"):
        with pytest.raises(InvalidInputError, match=r"1 or 3 channels.*Received: 4"):
            inpaint_classically(method, images, masks)
    restored = inpaint_classically("biharmonic", images, masks)
    assert score_restorations(images, restored, masks).summary()["psnr"] > 30


@pytest.mark.parametrize(
    ("method", "module", "package"),
    [
        ("telea", "cv2", "opencv-python-headless"),
        ("biharmonic", "skimage.restoration", "scikit-image"),
    ],
)
def test_says_what_to_install(monkeypatch, method, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    images = smooth_images()
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        inpaint_classically(method, images, holes(images))


def test_importing_needs_neither_library_nor_keras():
    code = (
        "import sys, zoo.evaluation.baselines, zoo.evaluation.metrics.restoration; "
        "sys.exit(bool({'cv2', 'skimage', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
