import numpy as np
import pytest

from tests.evaluation.stand_ins import Extractor, brightness, photos
from zoo.errors import InvalidInputError
from zoo.evaluation import tally as module
from zoo.evaluation.tally import Tally, reference_gaussian

pytestmark = pytest.mark.no_backend


class Brightness:
    """Stands in for a classifier: two features that a test can work out by hand."""

    image_shape = (6, 4, 3)

    def features(self, images, batch_size=500):
        brightness = images.reshape(len(images), -1).mean(axis=1, dtype="float32")
        return np.stack([brightness, 0 * brightness], axis=1), np.ones((len(images), 1), "float32")


def gray(levels):
    return np.array(levels, "uint8")[:, None, None, None] + np.zeros((6, 4, 3), "uint8")


def test_distances_of_moments_match_a_calculation_by_hand():
    levels, real = np.array([0, 1, 2, 3] * 5), np.array([10, 12, 14, 16, 18])
    one, other = (reference_gaussian(gray(x), Brightness(), batch_size=3) for x in (levels, real))
    expected = (levels.mean() - real.mean()) ** 2 + (levels.std(ddof=1) - real.std(ddof=1)) ** 2
    assert one.distance_to(other) == pytest.approx(expected)
    assert (one.count, other.count) == (20, 5)


@pytest.mark.parametrize(
    ("images", "batch_size", "message"),
    [
        (gray([1, 2])[:, :5], 500, r"shape \(N, 6, 4, 3\)"),
        (gray([1]), 500, "at least two"),
        (gray([1, 2]), 0, "batch_size"),
    ],
)
def test_moments_are_refused(images, batch_size, message):
    with pytest.raises(InvalidInputError, match=message):
        reference_gaussian(images, Brightness(), batch_size)


def painted(classes):
    """One flat image of each class."""
    levels = brightness(classes).astype("uint8")
    return np.broadcast_to(levels[:, None, None, None], (len(levels), 8, 8, 1))


def test_counts_classes_and_confidence():
    tally = Tally(Extractor())
    tally.add(painted([0, 0, 3, 9]))  # of the last one the extractor isn't sure
    assert tally.count == 4
    assert tally.class_scores() == {
        "class_shares": [0.5, 0, 0, 0.25, 0, 0, 0, 0, 0, 0.25],
        "rarest_class_share": 0.0,
        "confident_share": 0.75,
    }


def test_label_agreement_is_the_share_of_those_requested():
    tally = Tally(Extractor())
    tally.add(painted([0, 1, 2, 3]), np.array([0, 1, 2, 4]))
    assert tally.class_scores()["label_agreement"] == 0.75
    # Images without a requested class don't count.
    tally.add(painted([5, 5, 5, 5]))
    assert tally.class_scores()["label_agreement"] == 0.75
    assert tally.count == 8


@pytest.mark.parametrize("sizes", [[100], [1] * 3 + [97], [40, 60], [63, 2, 35]])
@pytest.mark.parametrize("batch_size", [7, 500])
def test_the_same_in_parts_of_any_size(sizes, batch_size):
    images, labels = photos(100), np.arange(100) % 10
    whole, parts = Tally(Extractor()), Tally(Extractor(), batch_size)
    whole.add(images, labels)
    for part in np.split(np.arange(100), np.cumsum(sizes)[:-1]):
        parts.add(images[part], labels[part])
    assert max(parts.extractor.batches) <= batch_size
    assert parts.count == whole.count
    assert parts.class_scores() == whole.class_scores()
    assert "label_agreement" in parts.class_scores()
    assert np.array_equal(parts.features, whole.features)
    assert np.array_equal(parts.probabilities, whole.probabilities)
    assert np.array_equal(parts.first_images, images[:64])
    one, other = parts.moments.gaussian(), whole.moments.gaussian()
    np.testing.assert_allclose(one.mean, other.mean)
    np.testing.assert_allclose(one.covariance, other.covariance)


def test_keeps_the_first_features_and_counts_all(monkeypatch):
    monkeypatch.setattr(module, "COMPARED", 25)
    images = photos(60)
    tally = Tally(Extractor(), batch_size=10)
    tally.add(images[:33])
    tally.add(images[33:])
    features, probabilities = Extractor().features(images)
    assert np.array_equal(tally.features, features[:25])
    assert np.array_equal(tally.probabilities, probabilities[:25])
    assert tally.count == 60
    assert sum(tally.class_scores()["class_shares"]) == pytest.approx(1.0)
    np.testing.assert_allclose(tally.moments.gaussian().mean, features.mean(axis=0), rtol=1e-6)


def test_the_first_images_are_its_own():
    images = photos(3)
    tally = Tally(Extractor())
    tally.add(images)
    before = images.copy()
    images[:] = 0
    assert np.array_equal(tally.first_images, before)
