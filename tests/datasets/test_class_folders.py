"""Pictures in a folder for each class: images, labels, names."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from zoo import datasets
from zoo.errors import DatasetError, InvalidInputError

pytestmark = pytest.mark.no_backend

COUNTS = {"cat": 3, "ant": 5, "dog": 1}
LEVELS = {"ant": 10, "cat": 20, "dog": 30}


@pytest.fixture
def pets(tmp_path):
    """A folder for each class; every picture has its class's gray level, and its number on it."""
    for name, count in COUNTS.items():
        (tmp_path / "pets" / name / "more").mkdir(parents=True)
        for index in range(count):
            # Some lie deeper: the class is the first folder's.
            path = tmp_path / "pets" / name / ("more" if index % 2 else ".") / f"{index}.png"
            Image.new("L", (4, 4), LEVELS[name] + index).save(path)
    return tmp_path / "pets"


def test_labels_are_indices_into_the_sorted_names(pets):
    images, labels, classes = datasets.from_class_folders(pets, (4, 4, 1))
    assert classes == ("ant", "cat", "dog")
    assert (images.shape, images.dtype, labels.dtype) == ((9, 4, 4, 1), np.uint8, np.int64)
    assert np.bincount(labels).tolist() == [5, 3, 1]
    for image, label in zip(images, labels, strict=True):
        assert 0 <= int(image[0, 0, 0]) - LEVELS[classes[label]] < 5


def test_a_zip_of_it_is_the_same(pets, tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in pets.rglob("*.png"):
            archive.write(path, path.relative_to(pets))
    for one, other in zip(
        datasets.from_class_folders(pets, (4, 4, 1)),
        datasets.from_class_folders(tmp_path / "pets.zip", (4, 4, 1)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("limit", "counts"),
    [(3, [1, 1, 1]), (5, [2, 2, 1]), (7, [3, 3, 1]), (9, [5, 3, 1]), (99, [5, 3, 1])],
)
def test_a_limit_takes_from_the_classes_by_turns(pets, limit, counts):
    images, labels, classes = datasets.from_class_folders(pets, (4, 4, 1), limit=limit)
    assert np.bincount(labels).tolist() == counts
    assert len(images) == len(labels)
    assert classes == ("ant", "cat", "dog")


def test_a_picture_that_cannot_be_read_takes_no_label_with_it(pets):
    (pets / "ant" / "0.png").write_bytes(b"no picture")
    with pytest.warns(datasets.SkippedImageWarning, match=r"ant/0\.png"):
        images, labels, _ = datasets.from_class_folders(pets, (4, 4, 1))
    assert np.bincount(labels).tolist() == [4, 3, 1]
    assert images[labels == 2][0, 0, 0, 0] == LEVELS["dog"]


def test_pictures_outside_of_any_class_are_refused(pets):
    Image.new("L", (4, 4)).save(pets / "lost.png")
    with pytest.raises(DatasetError, match=r"named after its class\. Received: 'lost\.png'"):
        datasets.from_class_folders(pets, (4, 4, 1))


@pytest.mark.parametrize("limit", [0, 1.5])
def test_a_limit_that_is_none_is_refused(pets, limit):
    with pytest.raises(InvalidInputError, match="limit"):
        datasets.from_class_folders(pets, (4, 4, 1), limit=limit)
