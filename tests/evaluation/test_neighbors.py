"""Nearest neighbors, copies of training images, and the closest pair of a set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.evaluation.stand_ins import Extractor
from zoo.errors import InvalidInputError
from zoo.evaluation.metrics import vectors
from zoo.evaluation.metrics.neighbors import (
    closest_pair_distance,
    memorization,
    nearest,
    nearest_images,
    neighbor_grid,
)

pytestmark = pytest.mark.no_backend

# Few different values: copies and ties are the rule.
GRID = hnp.arrays(
    np.float64,
    st.tuples(st.integers(4, 12), st.just(2)),
    elements=st.integers(-2, 2).map(float),
)


def gray(*levels):
    return np.array(levels, "uint8")[:, None, None, None] + np.zeros((4, 4, 1), "uint8")


def brute_force(queries, references, count):
    """From the definition: distances of all pairs, sorted by distance, then by index."""
    indices, distances = [], []
    for query in queries:
        pairs = [(np.linalg.norm(query - r), i) for i, r in enumerate(references)]
        pairs = sorted(pairs)[:count]
        indices.append([i for _, i in pairs])
        distances.append([distance for distance, _ in pairs])
    return indices, distances


@pytest.mark.parametrize("block", [1, 40, 2**23])
@pytest.mark.parametrize("count", [1, 5])
def test_nearest_matches_brute_force_in_blocks_of_any_size(block, count, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", block)
    rng = np.random.default_rng(0)
    queries, references = rng.normal(size=(23, 6)), rng.normal(size=(31, 6))
    indices, distances = nearest(queries, references, count)
    expected_indices, expected = brute_force(queries, references, count)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    assert (indices.dtype, distances.dtype) == (np.int64, np.float64)


@settings(max_examples=50, deadline=None)
@given(GRID, GRID, st.integers(1, 4))
def test_equally_near_ones_come_by_index(queries, references, count):
    indices, distances = nearest(queries, references, count)
    expected_indices, expected = brute_force(queries, references, count)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


def test_copies_are_at_distance_zero_far_from_the_origin():
    references = np.random.default_rng(1).normal(size=(300, 50)) + 1e6
    indices, distances = nearest(references[::-1], references)
    np.testing.assert_array_equal(indices[:, 0], np.arange(300)[::-1])
    assert not distances.any()


def test_bytes_do_not_wrap_around():
    indices, distances = nearest(np.uint8([[0, 0]]), np.uint8([[255, 255], [3, 4]]), 2)
    np.testing.assert_array_equal(indices, [[1, 0]])
    np.testing.assert_allclose(distances, [[5.0, 255.0 * np.sqrt(2.0)]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [[1.0]]), r"queries to be .*\(N, D\)"),
        (([[1.0]], [["a"]]), "real numbers"),
        (([[1.0]], [[1.0, 2.0]]), "queries of width 2"),
        (([[np.nan]], [[1.0]]), "finite queries"),
        (([[1.0]], [[np.inf]]), "finite references"),
        ((np.zeros((0, 1)), [[1.0]]), "at least 1 vectors of queries"),
        (([[1.0]], [[1.0]], 2), "at least 2 vectors of references"),
        (([[1.0]], [[1.0]], 0), "count"),
    ],
)
def test_nearest_refuses_what_it_cannot_compare(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        nearest(*arguments)


def test_samples_of_the_same_distribution_are_not_memorized():
    rng = np.random.default_rng(2)
    train, held_out, samples = rng.normal(size=(3, 4000, 2))
    report = memorization(samples, held_out, train)
    # Counts of about 40 of 4000, each of both sides with its own deviation of about 6.
    assert report["copied_share"] == pytest.approx(0.01, abs=0.01)
    assert report["median_ratio"] == pytest.approx(1.0, abs=0.1)
    # The 0.1 % critical value of the two-sample test: 1.95 sqrt(2 / 4000).
    assert report["distribution_gap"] < 0.044


def test_copies_are_reported():
    train, held_out = np.random.default_rng(3).normal(size=(2, 500, 4))
    report = memorization(train[::2], held_out, train)
    expected = np.median(nearest(held_out, train)[1])
    assert report == {
        "median_distance": 0.0,
        "held_out_median_distance": pytest.approx(expected),
        "median_ratio": 0.0,
        "copied_share": 1.0,
        "distribution_gap": 1.0,
    }
    # Copies of a part show as just that part, the rest being poor.
    mixed = np.concatenate([train[:100], train[:300] + 50.0])
    report = memorization(mixed, held_out, train)
    assert report["copied_share"] == 0.25
    assert report["median_ratio"] > 10.0


def test_copies_are_reported_with_held_out_vectors_that_are_training_vectors_too():
    train, held_out = np.random.default_rng(7).normal(size=(2, 500, 4))
    held_out[:10] = train[:10]
    assert memorization(train[100:], held_out, train)["copied_share"] == 1.0


def test_poor_samples_differ_from_copies_by_sign_only_in_the_signed_figures():
    train, held_out = np.random.default_rng(4).normal(size=(2, 500, 4))
    near = memorization(train + 1e-3, held_out, train)
    far = memorization(train + 50.0, held_out, train)
    assert near["distribution_gap"] == far["distribution_gap"] == 1.0
    assert near["median_ratio"] < 0.01
    assert far["median_ratio"] > 10.0
    assert (near["copied_share"], far["copied_share"]) == (1.0, 0.0)


def test_distribution_gap_is_the_largest_difference_of_the_shares_below():
    # One training vector at 0: distances are the values themselves. Rounded, so that some tie.
    rng = np.random.default_rng(5)
    samples = rng.uniform(1.0, 3.0, size=70).round(1)
    held_out = rng.uniform(1.0, 4.0, size=90).round(1)
    report = memorization(samples[:, None], held_out[:, None], [[0.0]])
    thresholds = np.concatenate([samples, held_out])
    expected = max(abs(np.mean(samples <= t) - np.mean(held_out <= t)) for t in thresholds)
    assert report["distribution_gap"] == pytest.approx(expected)
    assert report["median_distance"] == pytest.approx(np.median(samples))
    assert report["held_out_median_distance"] == pytest.approx(np.median(held_out))
    assert report["median_ratio"] == pytest.approx(np.median(samples) / np.median(held_out))


def test_memorization_refuses_held_out_vectors_from_the_training_set():
    train = np.random.default_rng(6).normal(size=(20, 3))
    with pytest.raises(InvalidInputError, match="part of `train`"):
        memorization(train + 1.0, train[:5], train)


# --------------------------------------------------------------------------------- images


def test_nearest_images_come_first_and_a_copy_is_at_distance_zero(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    samples, images = gray(10, 50), gray(0, 49, 12, 60, 50)
    indices, distances = nearest_images(samples, images, Extractor(), 2)
    np.testing.assert_array_equal(indices, [[2, 0], [4, 1]])
    # Four features, each the brightness of a quarter.
    np.testing.assert_allclose(distances, [[4, 20], [0, 2]])
    with pytest.raises(InvalidInputError, match="at least 6"):
        nearest_images(samples, images, Extractor(), 6)


def test_a_row_is_a_sample_and_its_neighbors():
    rows = neighbor_grid(gray(1, 2), gray(10, 20, 30), np.array([[2, 0], [1, 1]]))
    assert rows.shape == (6, 4, 4, 1)
    np.testing.assert_array_equal(rows[:, 0, 0, 0], [1, 30, 10, 2, 20, 20])


def test_closest_pair():
    assert closest_pair_distance(gray(0, 51, 255, 102)) == pytest.approx(0.2)
    # 200 -> 210 and back: unsigned differences would wrap around.
    assert closest_pair_distance(gray(210, 200)) == pytest.approx(10 / 255)
    assert closest_pair_distance(gray(7, 90, 7)) == 0.0
    half = gray(0, 0)
    half[1, :2] = 255
    assert closest_pair_distance(half) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("images", [gray(1), gray(1, 2) / 255, np.zeros((3, 0), np.uint8)])
def test_closest_pair_refuses(images):
    with pytest.raises(InvalidInputError, match="at least two uint8 images"):
        closest_pair_distance(images)
