"""Tests of random views of training images."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.models.random_views import random_flip, random_zoom


def views(function, images, masks, *arguments):
    seed = keras.random.SeedGenerator(3)
    masks = None if masks is None else ops.convert_to_tensor(masks)
    results = function(ops.convert_to_tensor(images), masks, *arguments, seed)
    return [None if x is None else ops.convert_to_numpy(x) for x in results]


def ramps(count, height, width):
    """Returns images whose two channels are the row and the column of a pixel."""
    rows, columns = np.mgrid[:height, :width].astype("float32")
    return np.broadcast_to(np.stack([rows, columns], -1), (count, height, width, 2))


def test_half_of_the_images_are_parts_that_are_enlarged_in_both_directions_alike():
    height, width, most = 24, 16, 4.0
    images, _ = views(random_zoom, ramps(400, height, width), None, most)
    # What lies between the centers of the outermost pixels is a ramp still, if a flatter one.
    slopes = np.median(np.diff(images[..., 0], axis=1), axis=(1, 2))
    np.testing.assert_allclose(
        slopes, np.median(np.diff(images[..., 1], axis=2), axis=(1, 2)), atol=1e-4
    )
    whole = np.isclose(slopes, 1.0, atol=1e-6)
    assert 0.4 < whole.mean() < 0.6
    np.testing.assert_allclose(images[whole], ramps(whole.sum(), height, width), atol=1e-4)
    magnifications = 1 / slopes[~whole]
    assert 1.0 < magnifications.min() < 1.1
    assert 3.7 < magnifications.max() <= most + 1e-3
    assert abs(np.log(magnifications).mean() - np.log(most) / 2) < 0.1
    # Parts are all over the image, and inside of it.
    assert [images[..., axis].min() for axis in (0, 1)] == [0, 0]
    last = [images[..., axis].max() for axis in (0, 1)]
    assert last == pytest.approx([height - 1, width - 1])
    middles = images[~whole].mean(axis=(1, 2))
    assert np.abs(middles.mean(axis=0) - [(height - 1) / 2, (width - 1) / 2]).max() < 1.0


@pytest.mark.parametrize(("function", "arguments"), [(random_flip, ()), (random_zoom, (3.0,))])
def test_masks_go_with_their_images(function, arguments):
    blocks = np.random.default_rng(0).random((32, 4, 4, 1)) < 0.3
    masks = blocks.repeat(4, axis=1).repeat(4, axis=2).astype("float32")
    images, holes = views(function, masks, masks, *arguments)
    assert set(np.unique(holes)) == {0.0, 1.0}
    np.testing.assert_array_equal(images > 0.5, holes > 0.5)
    assert (holes != masks).any()
