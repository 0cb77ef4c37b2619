"""PSNR, SSIM and the error in the hole against closed forms."""

import sys
import tracemalloc

import numpy as np
import pytest

from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.evaluation.metrics.restoration import RestorationScores, score_restorations

pytestmark = pytest.mark.no_backend


def some_images(count=3, shape=(16, 12, 3), seed=0):
    # From 40 to 200, so that a test can add or take away without wrapping around.
    return np.random.default_rng(seed).integers(40, 200, (count, *shape), dtype=np.uint8)


def hole(images, height=4, width=6):
    masks = np.zeros(images.shape[:3], bool)
    masks[:, 2 : 2 + height, 3 : 3 + width] = True
    return masks


def put_in(images, masks, change):
    """The images with their holes changed by `change`, in gray levels."""
    changed = images.astype(int) + masks[..., None] * change
    return changed.astype(np.uint8)


@pytest.mark.parametrize("change", [10, -10])
def test_a_constant_error_everywhere_has_the_psnr_of_its_size(change):
    images = some_images()
    everywhere = np.ones(images.shape[:3], bool)
    scores = score_restorations(images, put_in(images, everywhere, change), everywhere)
    np.testing.assert_allclose(scores.psnr, 20 * np.log10(255 / 10))
    np.testing.assert_allclose(scores.hole_l1, 10 / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_is_of_the_whole_image_and_l1_of_the_hole(channels):
    images = some_images(shape=(16, 16, channels))
    masks = hole(images, 8, 8)
    scores = score_restorations(images, put_in(images, masks, 20), masks)
    # A quarter of the area: the hole's 20 log10(255/20), and a factor of four.
    np.testing.assert_allclose(scores.psnr, 20 * np.log10(255 / 20) + 10 * np.log10(4))
    np.testing.assert_allclose(scores.hole_l1, 20 / 255)


def test_hole_l1_matches_a_calculation_by_hand():
    original = np.full((1, 8, 8, 1), 100, np.uint8)
    restored, masks = original.copy(), np.zeros((1, 8, 8), bool)
    masks[0, 0, :4] = True
    restored[0, 0, :4, 0] = 100, 97, 105, 255
    restored[0, 5, 5] = 0  # outside of the hole: for PSNR and SSIM, not for this one
    scores = score_restorations(original, restored, masks)
    assert scores.hole_l1[0] == pytest.approx((0 + 3 + 5 + 155) / 4 / 255)


def test_identical_images_are_perfect_and_their_mean_is_finite():
    images = some_images()
    masks = hole(images)
    scores = score_restorations(images, images, masks)
    assert np.all(np.isposinf(scores.psnr))
    np.testing.assert_allclose(scores.ssim, 1.0)
    assert np.all(scores.hole_l1 == 0)
    summary = scores.summary()
    assert summary["psnr"] == pytest.approx(20 * np.log10(255) + 10 * np.log10(16 * 12 * 3))
    assert summary["exact_share"] == 1.0


def test_no_image_with_an_error_scores_above_an_exact_one():
    images = some_images(count=1)
    nearly = images.copy()
    nearly[0, 3, 4, 0] += 1
    scores = score_restorations(images, nearly, hole(images))
    assert scores.psnr[0] == pytest.approx(scores.highest_finite_psnr)
    assert scores.summary()["exact_share"] == 0.0


def test_ssim_matches_its_formula_in_a_single_window():
    # 7x7 pixels are one window, whose SSIM the paper's formula gives.
    original, restored = some_images(2, (7, 7, 1)).astype(np.float64)
    original, restored = original[None], restored[None]
    x, y = original.ravel(), restored.ravel()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    (var_x, covariance), (_, var_y) = np.cov(x, y)
    expected = (
        (2 * x.mean() * y.mean() + c1)
        * (2 * covariance + c2)
        / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (var_x + var_y + c2))
    )
    scores = score_restorations(
        original.astype(np.uint8), restored.astype(np.uint8), np.ones((1, 7, 7), bool)
    )
    assert scores.ssim[0] == pytest.approx(expected)


def test_the_summary_is_the_mean_over_images_whatever_their_holes():
    images = some_images(count=2)
    masks = np.concatenate([hole(images[:1], 1, 1), hole(images[1:], 8, 8)])
    restored = np.concatenate(
        [put_in(images[:1], masks[:1], 40), put_in(images[1:], masks[1:], 10)]
    )
    scores = score_restorations(images, restored, masks)
    summary = scores.summary()
    assert summary["n"] == 2
    assert summary["hole_l1"] == pytest.approx((40 + 10) / 2 / 255)
    assert summary["psnr"] == pytest.approx(scores.psnr.mean())
    assert summary["ssim"] == pytest.approx(scores.ssim.mean())
    # One by one they score the same: no image knows of another.
    for index in range(2):
        part = slice(index, index + 1)
        alone = score_restorations(images[part], restored[part], masks[part])
        assert (alone.psnr[0], alone.ssim[0]) == (scores.psnr[index], scores.ssim[index])


def test_memory_does_not_grow_with_the_number_of_images():
    def peak(count):
        images = some_images(count, (32, 32, 3))
        masks = hole(images)
        score_restorations(images[:1], images[:1], masks[:1])  # imports
        tracemalloc.start()
        try:
            score_restorations(images, images, masks)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Three numbers for each image and what isn't collected yet; as float64, each takes 24 kB.
    assert peak(200) - peak(20) < 180 * 1000


def test_summaries_hold_plain_numbers():
    scores = RestorationScores(*np.array([[20.0, np.inf], [0.5, 1.0], [0.25, 0.0]]), 60.0)
    assert scores.summary() == {
        "n": 2,
        "psnr": 40.0,
        "ssim": 0.75,
        "hole_l1": 0.125,
        "exact_share": 0.5,
    }
    assert all(type(value) in (int, float) for value in scores.summary().values())


def with_a_mask_without_a_hole():
    masks = hole(some_images())
    masks[1] = False
    return masks


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"originals": some_images().astype("float32")}, r"uint8 array .*float32"),
        ({"originals": some_images()[..., 0]}, r"\(N, H, W, C\)"),
        ({"restored": some_images().astype("float64")}, "uint8 restored images.*float64"),
        ({"restored": some_images(count=2)}, r"originals' shape \(3, 16, 12, 3\).*\(2, 16"),
        ({"masks": hole(some_images()).astype("uint8")}, "bool masks.*uint8"),
        ({"masks": hole(some_images())[0]}, r"bool masks of shape \(3, 16, 12\).*\(16, 12\)"),
        ({"masks": hole(some_images())[..., None]}, r"Received: bool of shape \(3, 16, 12, 1\)"),
        ({"masks": with_a_mask_without_a_hole()}, "missing pixel in every mask.*index 1"),
    ],
)
def test_refuses_what_does_not_belong_together(changes, message):
    arguments = {"originals": some_images(), "restored": some_images()}
    arguments["masks"] = hole(some_images())
    with pytest.raises(InvalidInputError, match=message):
        score_restorations(**{**arguments, **changes})


@pytest.mark.parametrize(("count", "shape"), [(0, (16, 12, 3)), (2, (6, 12, 3))])
def test_refuses_none_and_too_small_ones(count, shape):
    images = some_images(count, shape)
    with pytest.raises(InvalidInputError, match=f"at least 7x7 pixels. Received: {count} of"):
        score_restorations(images, images, hole(images, 1, 1))


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    images = some_images()
    with pytest.raises(MissingDependencyError, match="pip install scikit-image"):
        score_restorations(images, images, hole(images))
