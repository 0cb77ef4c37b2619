"""Fréchet distances against closed forms, and moments in one pass."""

import numpy as np
import pytest

from zoo.errors import InvalidInputError
from zoo.evaluation import StreamingMoments, frechet_distance

pytestmark = pytest.mark.no_backend


def random_covariance(rng, width, rank=None):
    factor = rng.normal(size=(width, rank or width))
    return factor @ factor.T


def random_rotation(rng, width):
    return np.linalg.qr(rng.normal(size=(width, width)))[0]


def test_a_gaussian_is_at_no_distance_from_itself():
    rng = np.random.default_rng(0)
    mean, covariance = rng.normal(size=24), random_covariance(rng, 24)
    distance = frechet_distance(mean, covariance, mean, covariance)
    assert distance == pytest.approx(0.0, abs=1e-9 * np.trace(covariance))


def test_equal_covariances_leave_the_distance_of_the_means():
    rng = np.random.default_rng(1)
    mean1, mean2 = rng.normal(size=(2, 16))
    covariance = random_covariance(rng, 16)
    expected = np.sum((mean1 - mean2) ** 2)
    assert frechet_distance(mean1, covariance, mean2, covariance) == pytest.approx(expected)


@pytest.mark.parametrize("rotated", [False, True], ids=["diagonal", "commuting"])
def test_commuting_covariances_match_the_closed_form(rotated):
    rng = np.random.default_rng(2)
    mean1, mean2 = rng.normal(size=(2, 12))
    variances1, variances2 = rng.uniform(0.1, 10.0, size=(2, 12))
    axes = random_rotation(rng, 12) if rotated else np.eye(12)
    covariance1, covariance2 = ((axes * v) @ axes.T for v in (variances1, variances2))
    expected = np.sum((mean1 - mean2) ** 2) + np.sum(
        (np.sqrt(variances1) - np.sqrt(variances2)) ** 2
    )
    assert frechet_distance(mean1, covariance1, mean2, covariance2) == pytest.approx(expected)


def test_general_covariances_of_width_two_match_the_closed_form():
    # For 2x2 matrices, tr(sqrt(M))^2 = tr(M) + 2 sqrt(det(M)).
    rng = np.random.default_rng(3)
    covariance1, covariance2 = random_covariance(rng, 2), random_covariance(rng, 2)
    product = covariance1 @ covariance2
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(covariance1) + np.trace(covariance2) - 2 * root
    distance = frechet_distance(np.zeros(2), covariance1, np.zeros(2), covariance2)
    assert distance == pytest.approx(expected)


def test_rank_deficient_covariances():
    rng = np.random.default_rng(4)
    u, v = rng.normal(size=(2, 32))
    zero = np.zeros(32)
    # Rank one: tr((uu' vv')^(1/2)) = |u'v|.
    expected = u @ u + v @ v - 2 * abs(u @ v)
    distance = frechet_distance(zero, np.outer(u, u), zero, np.outer(v, v))
    assert distance == pytest.approx(expected, rel=1e-6)

    covariance = random_covariance(rng, 32, rank=5)
    assert frechet_distance(zero, covariance, zero, covariance) == pytest.approx(
        0.0, abs=1e-6 * np.trace(covariance)
    )
    # From a point: nothing but the trace is left.
    point = np.zeros((32, 32))
    expected = np.trace(covariance) + 32.0
    assert frechet_distance(zero, covariance, zero + 1, point) == pytest.approx(expected)
    assert frechet_distance(zero, point, zero, point) == 0.0


def test_symmetric_and_rotation_invariant():
    rng = np.random.default_rng(5)
    mean1, mean2 = rng.normal(size=(2, 10))
    covariance1, covariance2 = random_covariance(rng, 10), random_covariance(rng, 10, rank=4)
    distance = frechet_distance(mean1, covariance1, mean2, covariance2)
    back = frechet_distance(mean2, covariance2, mean1, covariance1)
    assert back == pytest.approx(distance, rel=1e-6)
    q = random_rotation(rng, 10)
    turned = frechet_distance(q @ mean1, q @ covariance1 @ q.T, q @ mean2, q @ covariance2 @ q.T)
    assert turned == pytest.approx(distance, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [[1.0]], [0.0, 0.0], np.eye(2)), "one D for all"),
        ((0.0, 1.0, 0.0, 1.0), "one D for all"),
        (([np.nan], [[1.0]], [0.0], [[1.0]]), "finite"),
        ((np.zeros(2), [[1.0, 0.5], [0.0, 1.0]], np.zeros(2), np.eye(2)), "symmetric"),
        ((np.zeros(2), np.eye(2), np.zeros(2), np.diag([1.0, -1.0])), "covariance2.*semi-definite"),
        ((np.zeros(2), -np.eye(2), np.zeros(2), np.eye(2)), "covariance1.*semi-definite"),
    ],
)
def test_refuses_what_is_no_gaussian(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        frechet_distance(*arguments)


@pytest.mark.parametrize("sizes", [[1000], [1] * 7 + [993], [333, 333, 334], [999, 1]])
def test_streaming_moments_match_numpy_at_any_batch_size(sizes):
    vectors = np.random.default_rng(6).normal(size=(1000, 9)) @ np.diag(np.arange(1.0, 10.0))
    moments = StreamingMoments()
    for batch in np.split(vectors, np.cumsum(sizes)[:-1]):
        moments.update(batch)
    gaussian = moments.gaussian()
    assert gaussian.count == 1000
    np.testing.assert_allclose(gaussian.mean, vectors.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(gaussian.covariance, np.cov(vectors, rowvar=False), rtol=1e-10)


def test_a_large_offset_does_not_cancel():
    noise = np.random.default_rng(7).normal(size=(4000, 5))
    # What float64 keeps of the noise at this offset is the truth to compare with.
    vectors = noise + 1e8
    moments = StreamingMoments()
    for start in range(0, 4000, 37):
        moments.update(vectors[start : start + 37])
    gaussian = moments.gaussian()
    expected = np.cov(vectors - 1e8, rowvar=False)
    np.testing.assert_allclose(gaussian.covariance, expected, atol=1e-6)
    np.testing.assert_allclose(gaussian.mean - 1e8, (vectors - 1e8).mean(axis=0), atol=1e-6)


def test_streaming_moments_refuse_bad_batches():
    moments = StreamingMoments()
    with pytest.raises(InvalidInputError, match="at least two"):
        moments.gaussian()
    with pytest.raises(InvalidInputError, match=r"\(N, D\)"):
        moments.update(np.zeros(3))
    with pytest.raises(InvalidInputError, match="finite"):
        moments.update([[np.inf, 0.0]])
    moments.update(np.zeros((2, 3)))
    with pytest.raises(InvalidInputError, match="width 3"):
        moments.update(np.zeros((2, 4)))
    assert moments.count == 2
