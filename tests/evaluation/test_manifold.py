"""Precision, recall, density and coverage against the papers' definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zoo.errors import InvalidInputError
from zoo.evaluation.metrics import vectors
from zoo.evaluation.metrics.manifold import manifold_scores

pytestmark = pytest.mark.no_backend

# Few different values: copies and vectors exactly on a rim are the rule.
GRID = hnp.arrays(
    np.float64,
    st.tuples(st.integers(4, 12), st.just(2)),
    elements=st.integers(-3, 3).map(float),
)


def distance(x, y):
    return np.sqrt(np.sum((x - y) ** 2))


def radius(vectors, i, k):
    others = [distance(vectors[i], y) for j, y in enumerate(vectors) if j != i]
    return sorted(others)[k - 1]


def brute_force(real, fake, k, density_k):
    """From the definitions of the two papers, ball by ball."""
    real_radii = [radius(real, i, k) for i in range(len(real))]
    fake_radii = [radius(fake, i, k) for i in range(len(fake))]
    density_radii = [radius(real, i, density_k) for i in range(len(real))]

    def inside(y, centers, radii):
        return [distance(y, x) <= r for x, r in zip(centers, radii, strict=True)]

    balls = np.array([inside(y, real, density_radii) for y in fake])
    return {
        "precision": np.mean([any(inside(y, real, real_radii)) for y in fake]),
        "recall": np.mean([any(inside(x, fake, fake_radii)) for x in real]),
        "density": balls.sum() / (density_k * len(fake)),
        "coverage": np.mean(balls.any(axis=0)),
    }


@pytest.mark.parametrize("block", [1, 100, 2**23])
@pytest.mark.parametrize(("k", "density_k"), [(3, 5), (4, 2), (2, 2)])
def test_matches_the_definitions_in_blocks_of_any_size(block, k, density_k, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", block)
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(29, 3)), rng.normal(size=(23, 3)) * 0.7 + 0.5
    scores = manifold_scores(real, fake, k, density_k)
    assert scores == pytest.approx(brute_force(real, fake, k, density_k), rel=1e-12)
    assert all(type(score) is float for score in scores.values())


@settings(max_examples=50, deadline=None)
@given(GRID, GRID)
def test_balls_hold_their_rim(real, fake):
    expected = pytest.approx(brute_force(real, fake, 2, 3), rel=1e-12)
    assert manifold_scores(real, fake, 2, 3) == expected


def test_identical_sets():
    features = np.random.default_rng(1).normal(size=(400, 16))
    # Each ball holds its k neighbors and its own center.
    expected = {"precision": 1.0, "recall": 1.0, "density": 6 / 5, "coverage": 1.0}
    assert manifold_scores(features, features) == pytest.approx(expected)


@pytest.mark.parametrize("offset", [100.0, 1e8])
def test_sets_far_apart(offset):
    real, fake = np.random.default_rng(2).normal(size=(2, 100, 4))
    expected = {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}
    assert manifold_scores(real, fake + offset) == expected


def test_a_common_offset_does_not_cancel():
    rng = np.random.default_rng(3)
    # Multiples of 2^-10: exact at the offset, so that the same scores are due.
    real, fake = np.round(rng.normal(size=(2, 150, 4)) * 2**10) / 2**10
    expected = manifold_scores(real, fake)
    assert 0.0 < expected["precision"] < 1.0
    assert manifold_scores(real + 2.0**24, fake + 2.0**24) == expected


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.zeros((5, 2)), np.zeros((9, 2)), "at least 6 vectors of real features"),
        (np.zeros((9, 2)), np.zeros((3, 2)), "at least 4 vectors of fake features"),
        (np.zeros((9, 2)), np.zeros((9, 3)), "fake features of width 2"),
        (np.zeros((9, 2, 1)), np.zeros((9, 2)), r"\(N, D\)"),
        (np.full((9, 2), np.nan), np.zeros((9, 2)), "finite real features"),
    ],
)
def test_refuses_sets_without_a_manifold(real, fake, message):
    with pytest.raises(InvalidInputError, match=message):
        manifold_scores(real, fake)


def test_refuses_counts_of_no_neighbors():
    features = np.zeros((9, 2))
    with pytest.raises(InvalidInputError, match="neighbors=0"):
        manifold_scores(features, features, neighbors=0)
    with pytest.raises(InvalidInputError, match="density_neighbors=0"):
        manifold_scores(features, features, density_neighbors=0)
