import numpy as np
import pytest

from benchmarks.measure import workloads
from tests.benchmarks.tiny_cells import build

MASKED = workloads.Data((64, 64, 3), masks=True)


@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_data_fits_the_model(name):
    data = workloads.data_of(build(name))
    images, *masks = data.draw(8)
    assert images.dtype == np.uint8
    assert images.shape == (8, *build(name).sample_shape)
    assert images.std() > 50
    assert data.images
    assert bool(masks) == data.masks == (name == "inpaint64")
    arrays = (images, *masks)
    assert sum(array.nbytes for array in arrays) == 8 * data.sample_bytes


def test_data_of_other_models():
    samples, labels = workloads.Data((2,), images=False, classes=3).draw(64)
    assert (samples.shape, samples.dtype) == ((64, 2), np.float32)
    assert 0.5 < samples.std() < 2
    assert set(labels.tolist()) == {0, 1, 2}
    assert workloads.Data((2,), images=False, classes=3).sample_bytes == 2 * 4 + 8


def test_masks_of_two_kinds():
    _, masks = MASKED.draw(1030)
    assert masks.shape == (1030, 64, 64)
    assert masks.dtype == bool
    assert masks[0].mean() == 0.25
    assert masks[4].tolist() == masks[0].tolist() != masks[1].tolist()
    assert 0.1 <= masks[1].mean() <= 0.35
    assert masks[1024].tolist() == masks[0].tolist()


def test_data_is_the_same_for_everybody():
    first, second = (MASKED.draw(4) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_are_the_same_for_everybody():
    first, second = (build("dcgan28").generator.get_weights() for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
