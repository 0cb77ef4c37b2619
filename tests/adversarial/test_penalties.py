"""Gradient penalties: closed forms, and their derivatives against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend
from zoo.adversarial import penalties

RNG = np.random.default_rng(1)
REAL = RNG.normal(size=(6, 3)).astype("float32")
FAKE = RNG.normal(size=(6, 3)).astype("float32")


def seed():
    return keras.random.SeedGenerator(0)


def number(tensor):
    return ops.convert_to_numpy(tensor).item()


def linear(weights):
    weights = ops.convert_to_tensor(np.asarray(weights, "float32"))
    axes = tuple(range(1, len(weights.shape) + 1))
    return lambda samples: ops.sum(samples * weights, axis=axes)


# ------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("weights", [[3.0, 0.0, 4.0], [0.6, 0.8, 0.0], [0.1, -0.2, 0.3]])
def test_unit_norm_penalty_of_a_linear_critic(weights):
    # The gradient of w.x is w everywhere, whatever the points between.
    expected = (np.linalg.norm(weights) - 1.0) ** 2
    penalty = penalties.unit_norm_penalty(
        linear(weights), ops.convert_to_tensor(REAL), ops.convert_to_tensor(FAKE), seed()
    )
    assert number(penalty) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_norms_run_over_all_axes_of_an_image():
    weights = RNG.normal(size=(4, 5, 2)).astype("float32")
    images = ops.convert_to_tensor(RNG.normal(size=(3, 4, 5, 2)).astype("float32"))
    penalty = penalties.unit_norm_penalty(linear(weights), images, -images, seed())
    assert number(penalty) == pytest.approx((np.linalg.norm(weights) - 1.0) ** 2, rel=1e-5)


def test_a_dead_critic_costs_one_and_has_a_finite_gradient():
    scale = keras.Variable(0.0)

    def objective():
        penalty = penalties.unit_norm_penalty(
            lambda samples: scale * ops.sum(samples, axis=1),
            ops.convert_to_tensor(REAL),
            ops.convert_to_tensor(FAKE),
            seed(),
        )
        return penalty, None

    (value, _), (gradient,) = backend.value_and_gradients(objective, [scale])
    assert number(value) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(number(gradient))


def test_unit_norm_penalty_looks_at_one_random_point_on_each_line():
    """Under |x|^2 / 2 the gradient at x is x itself, so the penalty shows where it looked."""
    real = np.array([[3.0, 4.0]], "float32")
    seeds, norms = seed(), []
    for _ in range(20):
        penalty = penalties.unit_norm_penalty(
            lambda x: 0.5 * ops.sum(ops.square(x), axis=1),
            ops.convert_to_tensor(real),
            ops.convert_to_tensor(2 * real),
            seeds,
        )
        norms.append(1.0 + np.sqrt(number(penalty)))
    # Real is 5 long, fake 10.
    assert min(norms) >= 5.0 - 1e-4
    assert max(norms) <= 10.0 + 1e-4
    assert np.ptp(norms) > 1.0


def test_each_sample_draws_one_position_of_its_own():
    # On lines from 0 to a point of length 1, |x|^2 / 2 costs (position - 1)^2: 1/3 on average
    # if each row has its own uniform position, 0.18 if each of the 100 axes had one too.
    stop = np.full((2000, 100), 0.1, "float32")
    seeds = seed()
    for _ in range(4):
        penalty = penalties.unit_norm_penalty(
            lambda x: 0.5 * ops.sum(ops.square(x), axis=1),
            ops.convert_to_tensor(0 * stop),
            ops.convert_to_tensor(stop),
            seeds,
        )
        assert number(penalty) == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("symmetric", [np.diag([1.0, 2.0, 3.0]), np.ones((3, 3))])
def test_r1_of_a_quadratic_critic(symmetric):
    # The gradient of x.Ax / 2 is Ax.
    matrix = ops.convert_to_tensor(symmetric.astype("float32"))
    expected = 0.5 * np.mean(np.sum((REAL @ symmetric) ** 2, axis=1))
    logits, gradient = penalties.logits_and_gradient(
        lambda x: 0.5 * ops.sum(x * ops.matmul(x, matrix), axis=1), ops.convert_to_tensor(REAL)
    )
    assert number(penalties.r1_penalty(gradient)) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.stop_gradient(logits)),
        0.5 * np.sum(REAL * (REAL @ symmetric), axis=1),
        rtol=1e-5,
    )


def test_gradients_belong_to_samples_not_to_the_batch():
    # Doubling the batch must not change a mean of per-sample norms.
    def r1(samples):
        _, gradient = penalties.logits_and_gradient(
            lambda x: ops.sum(x**3, axis=1, keepdims=True), ops.convert_to_tensor(samples)
        )
        return number(penalties.r1_penalty(gradient))

    assert r1(np.concatenate([REAL, REAL])) == pytest.approx(r1(REAL), rel=1e-5)


# ------------------------------------------------------------------- finite differences


class Critic:
    """A 3-4-1 network of tanh, on Keras and (in float64) on NumPy."""

    shapes = ((3, 4), (4,), (4, 1))

    def __init__(self):
        rng = np.random.default_rng(2)
        self.values = [rng.normal(size=shape) for shape in self.shapes]
        self.variables = [keras.Variable(value, dtype="float32") for value in self.values]

    def __call__(self, samples):
        w, b, v = self.variables
        return ops.matmul(ops.tanh(ops.matmul(samples, w) + b), v)

    @staticmethod
    def input_gradient(values, samples):
        w, b, v = values
        hidden = np.tanh(samples @ w + b)
        return ((1.0 - hidden**2) * v[:, 0]) @ w.T


def unit_norm(values, between):
    norms = np.linalg.norm(Critic.input_gradient(values, between), axis=1)
    return np.mean((norms - 1.0) ** 2)


def r1(values, samples):
    return 0.5 * np.mean(np.sum(Critic.input_gradient(values, samples) ** 2, axis=1))


def central_differences(function, values, step=1e-5):
    """d function / d values, one coordinate at a time, in float64."""
    gradients = []
    for value in values:
        gradient = np.empty_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + step
            above = function(values)
            value[index] = kept - step
            below = function(values)
            value[index] = kept
            gradient[index] = (above - below) / (2.0 * step)
        gradients.append(gradient)
    return gradients


def check(objective, function):
    critic = Critic()
    (value, _), gradients = backend.value_and_gradients(
        lambda: (objective(critic), None), critic.variables
    )
    assert number(value) == pytest.approx(function(critic.values), rel=1e-5)
    expected = central_differences(function, critic.values)
    for gradient, reference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(gradient), reference, rtol=1e-3, atol=1e-5)


def test_r1_gradient_against_finite_differences():
    def objective(critic):
        _, gradient = penalties.logits_and_gradient(critic, ops.convert_to_tensor(REAL))
        return penalties.r1_penalty(gradient)

    check(objective, lambda values: r1(values, REAL.astype("float64")))


def test_unit_norm_gradient_against_finite_differences():
    def objective(critic):
        real, fake = ops.convert_to_tensor(REAL), ops.convert_to_tensor(FAKE)
        return penalties.unit_norm_penalty(critic, real, fake, seed())

    # The same seed draws the same points.
    position = ops.convert_to_numpy(keras.random.uniform((6, 1), seed=seed()))
    between = (REAL + position * (FAKE - REAL)).astype("float64")
    check(objective, lambda values: unit_norm(values, between))


def test_logits_and_penalty_share_one_forward_pass_and_both_are_differentiated():
    """d (mean(logits) + R1) / d weights, as a discriminator update with R1 takes it."""

    def objective(critic):
        logits, gradient = penalties.logits_and_gradient(critic, ops.convert_to_tensor(REAL))
        return ops.mean(logits) + penalties.r1_penalty(gradient)

    def function(values):
        w, b, v = values
        samples = REAL.astype("float64")
        return np.mean(np.tanh(samples @ w + b) @ v) + r1(values, samples)

    check(objective, function)


@pytest.mark.parametrize("name", ["unit_norm", "r1"])
def test_the_last_bias_gets_zeros(name):
    # No penalty depends on it: autograd would rather return None.
    weights, bias = keras.Variable([[1.0], [2.0], [3.0]]), keras.Variable([5.0])

    def critic(samples):
        return ops.matmul(samples, weights) + bias

    def objective():
        real = ops.convert_to_tensor(REAL)
        if name == "unit_norm":
            return penalties.unit_norm_penalty(critic, real, -real, seed()), None
        return penalties.r1_penalty(penalties.logits_and_gradient(critic, real)[1]), None

    _, (weight_gradient, bias_gradient) = backend.value_and_gradients(objective, [weights, bias])
    assert np.abs(ops.convert_to_numpy(weight_gradient)).min() > 0.1
    np.testing.assert_array_equal(ops.convert_to_numpy(bias_gradient), [0.0])
