import numpy as np
import pytest

from benchmarks.measure import workloads
from tests.benchmarks.tiny_cells import build


@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_data_fits_the_model(name):
    images, *masks = workloads.draw_data(name, 8)
    assert images.dtype == np.uint8
    assert images.shape == (8, *build(name).sample_shape)
    assert images.shape[1:] == workloads.image_shape(name)
    assert images.std() > 50
    assert bool(masks) == workloads.takes_masks(name)
    arrays = (images, *masks)
    assert sum(array.nbytes for array in arrays) == 8 * workloads.image_bytes(name)


def test_masks_of_two_kinds():
    _, masks = workloads.draw_data("inpaint64", 1030)
    assert masks.shape == (1030, 64, 64)
    assert masks.dtype == bool
    assert masks[0].mean() == 0.25
    assert masks[4].tolist() == masks[0].tolist() != masks[1].tolist()
    assert 0.1 <= masks[1].mean() <= 0.35
    assert masks[1024].tolist() == masks[0].tolist()


def test_data_is_the_same_for_everybody():
    first, second = (workloads.draw_data("inpaint64", 4) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_are_the_same_for_everybody():
    first, second = (build("dcgan28").generator.get_weights() for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
