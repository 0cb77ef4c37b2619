"""The kernel distance against its definition."""

import numpy as np
import pytest

from zoo.errors import InvalidInputError
from zoo.evaluation.metrics import vectors
from zoo.evaluation.metrics.kernel import kernel_distance

pytestmark = pytest.mark.no_backend


def kernel(x, y):
    return (np.dot(x, y) / len(x) + 1.0) ** 3


def brute_force(features1, features2):
    """The unbiased estimate, term by term."""

    def within(vectors):
        n = len(vectors)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        return np.mean([kernel(vectors[i], vectors[j]) for i, j in pairs])

    across = np.mean([kernel(x, y) for x in features1 for y in features2])
    return within(features1) + within(features2) - 2.0 * across


@pytest.mark.parametrize("block", [1, 40, 2**23])
def test_a_subset_of_everything_is_the_unbiased_estimate(block, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", block)
    rng = np.random.default_rng(0)
    features1, features2 = rng.normal(size=(11, 4)), rng.normal(size=(11, 4)) + 0.5
    mean, deviation = kernel_distance(features1, features2, subsets=3)
    assert mean == pytest.approx(brute_force(features1, features2), rel=1e-12)
    assert deviation == pytest.approx(0.0, abs=1e-12)


def test_subsets_of_unequal_sets():
    mean, deviation = kernel_distance([[0.0], [0.0], [1.0]], [[1.0], [1.0]], subsets=600)
    # A third of the subsets is (0, 0), at 1 + 8 - 2 = 7; the others hold the 1 and are at
    # 1 + 8 - 2 (1 + 8) / 2 = 0.
    assert mean == pytest.approx(7 / 3, abs=4 * np.sqrt(49 * 2 / 9 / 600))
    assert deviation == pytest.approx(7 * np.sqrt(2) / 3, rel=0.1)


def test_the_expectation_for_two_gaussians_is_that_of_their_moments():
    # In one dimension k(x, y) = 1 + 3 x y + 3 x^2 y^2 + x^3 y^3, so the squared discrepancy is
    # that of the raw moments: 3 d1^2 + 3 d2^2 + d3^2.
    def moments(mean, variance):
        return np.array([mean, mean**2 + variance, mean**3 + 3.0 * mean * variance])

    differences = moments(0.2, 1.0) - moments(0.5, 1.69)
    expected = np.dot([3.0, 3.0, 1.0], differences**2)
    rng = np.random.default_rng(1)
    estimates = [
        kernel_distance(rng.normal(0.2, 1.0, (150, 1)), rng.normal(0.5, 1.3, (150, 1)), 1)[0]
        for _ in range(800)
    ]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(expected, abs=4 * error)
    # Tight enough to tell the biased estimate, whose diagonal adds E k(x, x) / n for each set.
    assert 4 * error < 0.2 * expected


def test_the_seed_decides_which_subsets_are_drawn():
    features1, features2 = np.random.default_rng(3).normal(size=(2, 60, 4))
    first = kernel_distance(features1, features2, subsets=5, subset_size=20, seed=7)
    assert kernel_distance(features1, features2, subsets=5, subset_size=20, seed=7) == first
    assert kernel_distance(features1, features2, subsets=5, subset_size=20, seed=8) != first
    assert first[1] > 0.0


def test_half_precision_features_are_computed_in_double():
    rng = np.random.default_rng(4)
    features1, features2 = rng.normal(size=(2, 30, 4)).astype(np.float16)
    expected = kernel_distance(features1.astype(np.float64), features2.astype(np.float64))
    assert kernel_distance(features1, features2) == expected


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros(3), np.zeros((3, 1))), {}, r"features1 .*\(N, D\)"),
        ((np.zeros((3, 1)), np.zeros((3, 2))), {}, "features2 of width 1"),
        ((np.zeros((1, 2)), np.zeros((3, 2))), {}, "at least 2 vectors of features1"),
        ((np.zeros((3, 2)), np.zeros((1, 2))), {}, "at least 2 vectors of features2"),
        ((np.zeros((3, 2)), np.full((3, 2), np.inf)), {}, "finite features2"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), {"subsets": 0}, "subsets=0"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), {"subset_size": 1}, "subset_size=1"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), {"seed": -1}, "seed=-1"),
    ],
)
def test_refuses_what_has_no_distance(arguments, options, message):
    with pytest.raises(InvalidInputError, match=message):
        kernel_distance(*arguments, **options)
