"""The inception score against closed forms."""

import numpy as np
import pytest

from zoo.errors import InvalidInputError
from zoo.evaluation.metrics.inception_score import inception_score

pytestmark = pytest.mark.no_backend


@pytest.mark.parametrize("classes", [2, 10])
def test_sure_and_balanced_scores_the_number_of_classes(classes):
    probabilities = np.tile(np.eye(classes), (7, 1))
    mean, deviation = inception_score(probabilities, splits=1)
    assert mean == pytest.approx(classes, rel=1e-12)
    assert deviation == 0.0


@pytest.mark.parametrize("row", [[0.25] * 4, [1.0, 0.0, 0.0, 0.0], [0.7, 0.2, 0.1, 0.0]])
def test_images_that_look_alike_score_one(row):
    mean, deviation = inception_score(np.tile(row, (40, 1)))
    assert mean == pytest.approx(1.0, rel=1e-12)
    assert deviation == pytest.approx(0.0, abs=1e-12)


def test_two_classes_by_hand():
    # p(y) is (0.5, 0.5); each row's divergence from it is 0.9 ln 1.8 + 0.1 ln 0.2.
    mean, _ = inception_score([[0.9, 0.1], [0.1, 0.9]], splits=1)
    assert mean == pytest.approx(1.8**0.9 * 0.2**0.1)
    # p(y) is (0.75, 0.25): ln(1 / 0.75) for the sure row, (ln(2 / 3) + ln 2) / 2 for the other.
    mean, _ = inception_score([[1.0, 0.0], [0.5, 0.5]], splits=1)
    assert mean == pytest.approx((4 / 3 * np.sqrt(4 / 3)) ** 0.5)


def test_mean_and_deviation_over_the_parts():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(5, 0.3), size=23)
    order = np.random.default_rng(3).permutation(23)
    scores = []
    for part in (order[:8], order[8:16], order[16:]):
        p = probabilities[part]
        scores.append(np.exp(np.mean(np.sum(p * np.log(p / p.mean(axis=0)), axis=1))))
    expected = (np.mean(scores), np.std(scores))
    assert inception_score(probabilities, splits=3, seed=3) == pytest.approx(expected)
    assert inception_score(probabilities, splits=3, seed=4) != pytest.approx(expected)


def test_the_order_of_the_classes_does_not_matter():
    # Split as they come, each part of these would hold one class and score 1.
    mean, _ = inception_score(np.repeat(np.eye(10), 100, axis=0))
    assert mean > 9.0


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.5], r"\(N, K\)"),
        (np.zeros((0, 3)), r"\(N, K\)"),
        ([[0.5, 0.498]], "sum of 1"),
        ([[3.0, -2.0]], "values from -2 to 3"),
        ([[np.nan, 1.0]], "sum of 1"),
    ],
)
def test_refuses_what_are_no_probabilities(probabilities, message):
    with pytest.raises(InvalidInputError, match=message):
        inception_score(probabilities, splits=1)


def test_rounded_probabilities_pass():
    mean, _ = inception_score(np.float16([[0.9, 0.1], [0.3335, 0.6667]]), splits=2)
    assert mean == pytest.approx(1.0, abs=1e-3)


def test_refuses_more_parts_than_images():
    with pytest.raises(InvalidInputError, match="3 images, splits=10"):
        inception_score(np.eye(3))
    with pytest.raises(InvalidInputError, match="splits=0"):
        inception_score(np.eye(3), splits=0)
