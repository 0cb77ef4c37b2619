"""The first guess of missing pixels."""

import numpy as np
import pytest
from keras import ops

from zoo import backend, masks
from zoo.layers.pull_push import PullPush


def fill(images, holes):
    layer = PullPush()
    # Compiled as a whole: JAX would compile each of its hundred operations for each size.
    run = backend.compile_inference(lambda *inputs: layer(list(inputs)), layer, "auto")
    return ops.convert_to_numpy(run(images, holes))


@pytest.mark.parametrize("size", [(64, 64), (28, 28), (24, 40), (17, 33)])
def test_known_pixels_stay_and_holes_lie_between_the_known_values(size):
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (3, *size, 2)).astype("float32")
    holes = masks.draw("mixture", 3, size, seed=0)[..., None]
    filled = fill(images, holes.astype("float32"))
    known = np.broadcast_to(~holes, images.shape)
    np.testing.assert_allclose(filled[known], images[known], atol=1e-6)
    assert np.abs(filled).max() <= 1.0
    assert np.isfinite(filled).all()


def test_a_constant_image_is_filled_with_its_constant():
    holes = masks.draw("center_square", 1, (64, 64))[..., None].astype("float32")
    filled = fill(np.full((1, 64, 64, 1), 0.3, "float32"), holes)
    np.testing.assert_allclose(filled, 0.3, atol=1e-4)


def test_what_the_image_holds_in_the_hole_has_no_influence():
    images = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    holes = masks.draw("free_form", 1, (32, 32), seed=0)[..., None]
    other = np.where(holes, np.float32(9.0), images)
    np.testing.assert_array_equal(*(fill(x, holes.astype("float32")) for x in (images, other)))


def test_nothing_known_gives_the_middle_of_the_range():
    filled = fill(np.ones((1, 16, 16, 1), "float32"), np.ones((1, 16, 16, 1), "float32"))
    np.testing.assert_array_equal(filled, 0.0)


def test_a_smooth_slope_is_restored_closely():
    slope = np.linspace(-1, 1, 64, dtype="float32")[None, :, None, None].repeat(64, 2)
    holes = masks.draw("free_form", 1, (64, 64), seed=1)[..., None].astype("float32")
    error = np.abs(fill(slope, holes) - slope)
    assert error.max() < 0.25


def test_no_tensor_on_the_way_is_empty(monkeypatch):
    """28, 14, 7, 4, 2, 1: ONNX refuses the empty slices that a single pixel invites."""
    parts, concatenate = [], ops.concatenate
    monkeypatch.setattr(ops, "concatenate", lambda x, axis: parts.extend(x) or concatenate(x, axis))
    fill(np.zeros((1, 28, 28, 1), "float32"), np.ones((1, 28, 28, 1), "float32"))
    assert parts
    assert all(0 not in part.shape for part in parts)
