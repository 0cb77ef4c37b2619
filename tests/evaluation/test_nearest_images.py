"""The training images that samples are most like."""

import numpy as np
import pytest

from zoo.errors import InvalidInputError
from zoo.evaluation import nearest_images, neighbor_grid


class Brightness:
    """Stands in for a network: an image's mean is its only feature."""

    name, identity = "brightness", "b" * 64

    def features(self, images):
        return images.reshape(len(images), -1).mean(axis=1, dtype="float32")[:, None], None


def gray(*levels):
    return np.array(levels, "uint8")[:, None, None, None].repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))


def test_neighbors_come_nearest_first():
    indices, distances = nearest_images(gray(10, 50), gray(0, 49, 12, 60), Brightness(), 2)
    np.testing.assert_array_equal(indices, [[2, 0], [1, 3]])
    np.testing.assert_allclose(distances, [[2, 10], [1, 10]])


def test_a_copy_is_at_distance_zero():
    _, distances = nearest_images(gray(7), gray(3, 7), Brightness(), 1)
    assert distances == 0


def test_more_neighbors_than_images_are_refused():
    with pytest.raises(InvalidInputError, match="at least 3"):
        nearest_images(gray(7), gray(3, 7), Brightness(), 3)


def test_a_row_is_a_sample_and_its_neighbors():
    rows = neighbor_grid(gray(1, 2), gray(10, 20, 30), np.array([[2, 0], [1, 1]]))
    assert rows.shape == (6, 4, 4, 1)
    np.testing.assert_array_equal(rows[:, 0, 0, 0], [1, 30, 10, 2, 20, 20])
