"""Latents: the same numbers everywhere, and walks that keep their length."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zoo.errors import InvalidInputError
from zoo.latents import latent_grid, sample_latent, spherical_interpolation

pytestmark = pytest.mark.no_backend

# -------------------------------------------------------------------------- sample_latent


def test_a_seed_means_these_numbers():
    # Pinned: published images are reproduced by their seed, on every backend and platform.
    latents = sample_latent(2, 3, seed=0)
    np.testing.assert_allclose(
        latents, [[0.12573022, -0.13210486, 0.64042264], [0.10490011, -0.5356694, 0.36159506]]
    )
    assert latents.dtype == np.float32


@given(few=st.integers(1, 20), more=st.integers(0, 20), seed=st.integers(0, 2**63))
@settings(max_examples=25, deadline=None)
def test_the_first_of_many_are_the_few(few, more, seed):
    many = sample_latent(few + more, 7, seed)
    np.testing.assert_array_equal(many[:few], sample_latent(few, 7, seed))


@given(few=st.integers(1, 20), more=st.integers(0, 20), seed=st.integers(0, 2**63))
@settings(max_examples=25, deadline=None)
def test_the_first_of_many_truncated_are_the_few(few, more, seed):
    many = sample_latent(few + more, 7, seed, truncation=0.5)
    assert np.abs(many).max() <= 0.5
    np.testing.assert_array_equal(many[:few], sample_latent(few, 7, seed, truncation=0.5))
    stream = np.random.default_rng(seed)
    parts = [sample_latent(count, 7, stream, truncation=0.5) for count in (few, more) if count]
    np.testing.assert_array_equal(np.concatenate(parts), many)


@pytest.mark.parametrize("bound", [0.3, 1.0, 3.0])
def test_truncated_latents_are_truncated_normal(bound):
    latents = sample_latent(1000, 50, seed=1, truncation=bound).ravel()
    normal = NormalDist()
    mass = normal.cdf(bound) - normal.cdf(-bound)
    for value in np.linspace(-bound, bound, 7):
        expected = (normal.cdf(value) - normal.cdf(-bound)) / mass
        assert np.mean(latents <= value) == pytest.approx(expected, abs=0.01)


def test_numbers_within_the_bound_are_those_without_one():
    truncated = sample_latent(3, 4, 5, truncation=99.0)
    np.testing.assert_array_equal(truncated, sample_latent(3, 4, 5))


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1", True])
def test_truncation_must_be_a_positive_number(value):
    with pytest.raises(InvalidInputError, match="truncation"):
        sample_latent(2, 3, 0, truncation=value)


@pytest.mark.parametrize("bound", [None, 0.8])
def test_psi_scales_what_is_drawn_toward_zero(bound):
    latents = sample_latent(3, 4, 5, truncation=bound)
    scaled = sample_latent(3, 4, 5, truncation=bound, psi=0.7)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, latents * np.float32(0.7))
    np.testing.assert_array_equal(sample_latent(3, 4, 5, truncation=bound, psi=1), latents)


@pytest.mark.parametrize("value", [0, -0.5, 1.1, float("nan"), "0.5", True])
def test_psi_must_be_over_0_and_at_most_1(value):
    with pytest.raises(InvalidInputError, match="`psi` must be a number over 0 and at most 1"):
        sample_latent(2, 3, 0, psi=value)


def test_latents_are_standard_normal():
    latents = sample_latent(2000, 50, seed=1)
    assert latents.mean() == pytest.approx(0.0, abs=0.02)
    assert latents.std() == pytest.approx(1.0, abs=0.02)


def test_other_seeds_and_no_seed_draw_other_numbers():
    draws = [sample_latent(2, 4, seed) for seed in (0, 1, None, None)]
    assert len({draw.tobytes() for draw in draws}) == 4


def test_drawing_leaves_the_global_generator_alone():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    sample_latent(5, 5, seed=0)
    assert np.random.rand() == expected


@pytest.mark.parametrize("kind", [int, np.int32, np.uint8])
def test_numpy_integers_are_counts(kind):
    np.testing.assert_array_equal(sample_latent(kind(3), kind(2), kind(5)), sample_latent(3, 2, 5))


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", True, None, np.float32(2)])
@pytest.mark.parametrize("name", ["count", "latent_dim"])
def test_counts_must_be_positive_integers(name, value):
    arguments = {"count": 2, "latent_dim": 3, name: value}
    with pytest.raises(InvalidInputError, match=f"`{name}` must be a positive integer. Received"):
        sample_latent(**arguments)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_seeds_must_be_integers_of_at_least_zero(seed):
    with pytest.raises(InvalidInputError, match="`seed` must be an integer of at least 0"):
        sample_latent(2, 3, seed)


# ---------------------------------------------------------------- spherical_interpolation


def angle(a, b):
    cosine = np.sum(a * b, -1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


START, STOP = sample_latent(2, 100, seed=0)


def test_both_ends_are_included():
    walk = spherical_interpolation(START, STOP, 7)
    assert walk.shape == (7, 100)
    assert walk.dtype == np.float32
    np.testing.assert_allclose(walk[0], START, rtol=0, atol=1e-6)
    np.testing.assert_allclose(walk[-1], STOP, rtol=0, atol=1e-6)


def test_the_angle_grows_linearly():
    unit = START / np.linalg.norm(START), STOP / np.linalg.norm(STOP)
    walk = spherical_interpolation(*unit, 9).astype("float64")
    walked = [angle(walk[0], point) for point in walk]
    np.testing.assert_allclose(walked, np.linspace(0.0, angle(START, STOP), 9), atol=1e-3)


def test_a_walk_between_equal_lengths_keeps_the_length():
    stop = STOP * np.linalg.norm(START) / np.linalg.norm(STOP)
    lengths = np.linalg.norm(spherical_interpolation(START, stop, 21), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(START), rtol=1e-5)


def test_a_walk_between_random_latents_does_not_dip():
    """Halfway on the straight line a latent is 30% too short; on the arc it isn't."""
    starts, stops = sample_latent(20, 100, seed=1), sample_latent(20, 100, seed=2)
    middle = np.linalg.norm(spherical_interpolation(starts, stops, 3)[1], axis=-1)
    ends = [np.linalg.norm(points, axis=-1) for points in (starts, stops)]
    assert (middle > 0.95 * np.minimum(*ends)).all()
    assert (middle < 1.05 * np.maximum(*ends)).all()
    assert (np.linalg.norm((starts + stops) / 2, axis=-1) < 0.9 * np.minimum(*ends)).all()


def test_the_middle_of_a_right_angle():
    walk = spherical_interpolation([1.0, 0.0], [0.0, 1.0], 3)
    np.testing.assert_allclose(walk[1], [np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0, 1.0 + 1e-9])
def test_parallel_latents_are_joined_by_the_straight_line(factor):
    walk = spherical_interpolation(START, factor * START.astype("float64"), 5)
    expected = np.linspace(1.0, factor, 5)[:, None] * START
    np.testing.assert_allclose(walk, expected, rtol=1e-5)


@pytest.mark.parametrize("stop", [-START, 0.0 * START])
@pytest.mark.parametrize("start", [START, 0.0 * START])
def test_latents_without_an_arc_between_give_finite_walks(start, stop):
    walk = spherical_interpolation(start, stop, 5)
    assert np.isfinite(walk).all()
    np.testing.assert_allclose(walk[0], start, atol=1e-5)
    np.testing.assert_allclose(walk[-1], stop, atol=1e-5)


@given(
    points=hnp.arrays("float64", (2, 4), elements=st.floats(-10, 10, allow_subnormal=False)),
    steps=st.integers(2, 9),
)
@settings(max_examples=100, deadline=None)
def test_any_walk_is_finite_and_no_longer_than_its_ends_together(points, steps):
    start, stop = points
    walk = spherical_interpolation(start, stop, steps)
    assert np.isfinite(walk).all()
    np.testing.assert_allclose(walk[0], start, atol=1e-4)
    np.testing.assert_allclose(walk[-1], stop, atol=1e-4)


def test_a_batch_is_walked_row_by_row():
    starts, stops = sample_latent(3, 10, seed=1), sample_latent(3, 10, seed=2)
    stops[1] = starts[1]  # one row without an arc leaves the others theirs
    walk = spherical_interpolation(starts, stops, 4)
    assert walk.shape == (4, 3, 10)
    for row in range(3):
        np.testing.assert_allclose(
            walk[:, row], spherical_interpolation(starts[row], stops[row], 4), rtol=1e-6
        )


@pytest.mark.parametrize("steps", [1, 0, -3, 2.0, None])
def test_a_walk_has_at_least_two_points(steps):
    with pytest.raises(InvalidInputError, match="`steps` must be an integer of at least 2"):
        spherical_interpolation(START, STOP, steps)


def test_ends_of_different_shapes_are_refused():
    with pytest.raises(InvalidInputError, match=r"Received: \(100,\) and \(2, 100\)"):
        spherical_interpolation(START, np.stack([STOP, STOP]), 3)


# ---------------------------------------------------------------------------- latent_grid

CORNERS = sample_latent(4, 20, seed=3)


def test_a_grid_has_its_corners_in_the_corners():
    grid = latent_grid(CORNERS, 3, 5)
    assert (grid.shape, grid.dtype) == ((15, 20), np.float32)
    np.testing.assert_array_equal(grid[[0, 4, 10, 14]], CORNERS)


def test_the_edges_of_a_grid_are_walks_between_its_corners():
    grid = latent_grid(CORNERS, 3, 5).reshape(3, 5, 20)
    top_left, top_right, bottom_left, bottom_right = CORNERS
    for edge, start, stop in (
        (grid[0], top_left, top_right),
        (grid[-1], bottom_left, bottom_right),
        (grid[:, 0], top_left, bottom_left),
        (grid[:, -1], top_right, bottom_right),
    ):
        walk = spherical_interpolation(start, stop, len(edge))
        np.testing.assert_allclose(edge, walk, rtol=0, atol=1e-5)


def test_the_middle_of_a_grid_lies_halfway_down_its_column():
    grid = latent_grid(CORNERS, 3, 5).reshape(3, 5, 20)
    halfway = spherical_interpolation(grid[0, 2], grid[2, 2], 3)[1]
    np.testing.assert_allclose(grid[1, 2], halfway, rtol=0, atol=1e-5)


def test_a_grid_between_orthonormal_latents_keeps_their_length():
    corners, _ = np.linalg.qr(CORNERS.T.astype("float64"))
    lengths = np.linalg.norm(latent_grid(corners.T, 4, 6), axis=-1)
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-6)


@pytest.mark.parametrize("corners", [CORNERS[:3], CORNERS[0], CORNERS.reshape(4, 4, 5)])
def test_a_grid_has_four_corners(corners):
    with pytest.raises(
        InvalidInputError, match=r"`corners` must be .*\(4, latent_dim\)\. Received"
    ):
        latent_grid(corners, 3, 3)


@pytest.mark.parametrize("value", [1, 0, 2.0, None])
@pytest.mark.parametrize("name", ["rows", "columns"])
def test_a_grid_has_at_least_two_rows_and_columns(name, value):
    with pytest.raises(InvalidInputError, match=f"`{name}` must be an integer of at least 2"):
        latent_grid(CORNERS, **{"rows": 3, "columns": 3, name: value})
