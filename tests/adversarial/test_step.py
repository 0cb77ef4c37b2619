"""The adversarial step: what it updates, by how much, and what it costs."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import BATCH, LATENT_DIM, FixedLatents, build, normal, same, values


def train(model, how, steps=3):
    points = normal(steps * BATCH, 2, seed=3) + 2.0
    if how == "fit":
        return set(model.fit(points, batch_size=BATCH, verbose=0).history)
    for batch in np.split(points, steps):
        logs = model.train_on_batch(batch, return_dict=True)
    return set(logs)


def statistics(network):
    """The moving mean and variance of every batch normalization."""
    normalizations = [x for x in network.layers if isinstance(x, layers.BatchNormalization)]
    return [v for x in normalizations for v in (x.moving_mean, x.moving_variance)]


# ------------------------------------------------------------- what moves and what does not


@pytest.mark.parametrize(
    ("how", "penalties"),
    [("fit", {"gradient_penalty": 1.0, "r1_penalty": 1.0}), ("train_on_batch", {})],
    ids=["fit-penalties", "train_on_batch"],
)
@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_no_update_reaches_the_other_network(frozen, penalties, how):
    model = build(**{f"{frozen}_optimizer": keras.optimizers.SGD(0.0)}, **penalties)
    networks = {"generator": model.generator, "discriminator": model.discriminator}
    still = networks.pop(frozen).trainable_variables
    moving = networks.popitem()[1].trainable_variables
    before = values(still), values(moving)
    train(model, how)
    assert all(same(before[0], values(still)))
    assert not any(same(before[1], values(moving)))


@pytest.mark.parametrize("how", ["fit", "train_on_batch"])
def test_every_kind_of_state_advances(how):
    model = build(dropout=0.5, average_decay=0.9)
    generator_optimizer = model.optimizer.generator_optimizer
    discriminator_optimizer = model.optimizer.discriminator_optimizer
    dropout_seeds = [
        layer.seed_generator.state
        for layer in model.discriminator.layers
        if isinstance(layer, layers.Dropout)
    ]
    advancing = {
        "generator": model.generator.trainable_variables,
        "discriminator": model.discriminator.trainable_variables,
        "generator's statistics": statistics(model.generator),
        "discriminator's statistics": statistics(model.discriminator),
        "generator's moments": [v for v in generator_optimizer.variables if len(v.shape)],
        "discriminator's moments": [v for v in discriminator_optimizer.variables if len(v.shape)],
        "average": [*model.average_generator.weights],
        "latents' seed": [model.seed_generator.state],
        "dropout's seed": dropout_seeds,
        "metrics": [v for v in model.metrics_variables if v.name == "totals"],
    }
    # Guards against a group that is empty and therefore passes: 2 moments a variable.
    assert len(advancing["generator's moments"]) == 2 * len(advancing["generator"]) == 10
    assert len(advancing["discriminator's moments"]) == 2 * len(advancing["discriminator"]) == 12
    assert len(advancing["generator's statistics"]) == 2
    assert len(advancing["discriminator's statistics"]) == 2
    assert len(dropout_seeds) == 1
    assert len(advancing["metrics"]) == 2
    before = {name: values(variables) for name, variables in advancing.items()}
    for steps in (3, 6):
        train(model, how)
        stood_still = {
            name
            for name, variables in advancing.items()
            if any(same(before[name], values(variables)))
        }
        # Keras resets metrics at the start of an epoch, not at its end.
        before = {name: values(v) for name, v in advancing.items() if name != "metrics"}
        before["metrics"] = [np.zeros(())] * len(advancing["metrics"])
        assert stood_still == set()
        assert int(generator_optimizer.iterations) == steps
        assert int(discriminator_optimizer.iterations) == steps


@pytest.mark.parametrize(("discriminator_steps", "how"), [(0, "fit"), (3, "train_on_batch")])
def test_discriminator_steps_sets_the_ratio_of_updates(discriminator_steps, how):
    model = build(discriminator_steps=discriminator_steps)
    before = values(model.discriminator.trainable_variables)
    slots = values(model.optimizer.discriminator_optimizer.variables)
    logs = train(model, how)
    assert int(model.optimizer.generator_optimizer.iterations) == 3
    assert int(model.optimizer.discriminator_optimizer.iterations) == 3 * discriminator_steps
    untouched = same(before, values(model.discriminator.trainable_variables))
    if discriminator_steps == 0:
        # And no stale loss of the discriminator.
        assert logs == {"generator_loss", "diversity", "skipped_steps"}
        assert all(untouched)
        assert all(same(slots, values(model.optimizer.discriminator_optimizer.variables)))
    else:
        assert {"generator_loss", "discriminator_loss"} <= logs
        assert not any(untouched)


# ----------------------------------------------------------------------------- closed forms


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0.0, x)


# Per loss: discriminator's loss of (r, f), its derivatives by r and by f, and the generator's
# loss of f with its derivative. Worked out by hand, all before the mean over the batch.
BY_HAND = {
    "minimax": (
        lambda r, f: softplus(-r) + softplus(f),
        lambda r: -sigmoid(-r),
        sigmoid,
        lambda f: -softplus(f),
        lambda f: -sigmoid(f),
    ),
    "non_saturating": (
        lambda r, f: softplus(-r) + softplus(f),
        lambda r: -sigmoid(-r),
        sigmoid,
        lambda f: softplus(-f),
        lambda f: -sigmoid(-f),
    ),
    "least_squares": (
        lambda r, f: (r - 1) ** 2 / 2 + f**2 / 2,
        lambda r: r - 1,
        lambda f: f,
        lambda f: (f - 1) ** 2 / 2,
        lambda f: f - 1,
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
        lambda r: -1.0 * (r < 1),
        lambda f: 1.0 * (f > -1),
        lambda f: -f,
        lambda f: -np.ones_like(f),
    ),
    "wasserstein": (
        lambda r, f: f - r,
        lambda r: -np.ones_like(r),
        np.ones_like,
        lambda f: -f,
        lambda f: -np.ones_like(f),
    ),
}


def step_by_hand(loss, a, w, b, x, z, rates, k=1, r1=0.0, gp=0.0):
    """G(z) = a z, D(x) = w x + b: returns a, w, b after one step, and both losses.

    |dD/dx| = |w| everywhere, so that R1 is r1 w^2 / 2 and WGAN-GP is gp (|w| - 1)^2.
    """
    d_loss, d_real, d_fake, g_loss, g_fake = BY_HAND[loss]
    rate_g, rate_d = rates
    fake = a * z
    losses = []
    for _ in range(k):
        r, f = w * x + b, w * fake + b
        losses.append(np.mean(d_loss(r, f)) + r1 * w**2 / 2 + gp * (abs(w) - 1) ** 2)
        penalty = r1 * w + 2 * gp * (abs(w) - 1) * np.sign(w)
        gradient_w = np.mean(d_real(r) * x + d_fake(f) * fake) + penalty
        gradient_b = np.mean(d_real(r) + d_fake(f))
        w, b = w - rate_d * gradient_w, b - rate_d * gradient_b
    # Through the updated discriminator, on the fakes that it was updated with.
    f = w * fake + b
    gradient_a = np.mean(g_fake(f) * w * z)
    losses = [np.mean(losses) if k else None, np.mean(g_loss(f))]
    return a - rate_g * gradient_a, w, b, losses


@pytest.mark.parametrize(
    ("loss", "settings"),
    [
        *((loss, {}) for loss in zoo.losses.LOSSES),
        ("minimax", {"discriminator_steps": 0}),
        ("least_squares", {"discriminator_steps": 3}),
        ("non_saturating", {"r1_penalty": 0.7}),
        ("wasserstein", {"gradient_penalty": 0.3, "discriminator_steps": 2}),
        ("hinge", {"r1_penalty": 0.7, "gradient_penalty": 0.3}),
    ],
)
def test_steps_match_gradients_worked_out_by_hand(loss, settings):
    generator = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    discriminator = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model = FixedLatents(generator, discriminator, latent_dim=1)
    model.fixed = normal(BATCH, 1, seed=1)
    rates = 0.3, 0.2
    model.compile(*map(keras.optimizers.SGD, rates), loss=loss, **settings)
    a, w, b = 0.8, -0.6, 0.1
    generator.set_weights([np.array([[a]])])
    discriminator.set_weights([np.array([[w]]), np.array([b])])
    for step in range(3):
        real = normal(BATCH, 1, seed=10 + step) + 1.5
        a, w, b, losses = step_by_hand(
            loss,
            *(a, w, b),
            *(real.astype("float64"), model.fixed.astype("float64")),
            rates,
            k=settings.get("discriminator_steps", 1),
            r1=settings.get("r1_penalty", 0.0),
            gp=settings.get("gradient_penalty", 0.0),
        )
        logs = model.train_on_batch(real, return_dict=True)
        received = [v.item() for v in generator.get_weights() + discriminator.get_weights()]
        assert received == pytest.approx([a, w, b], abs=2e-6)
        assert logs["generator_loss"] == pytest.approx(losses[1], abs=2e-6)
        if losses[0] is not None:
            assert logs["discriminator_loss"] == pytest.approx(losses[0], abs=2e-6)


def test_accuracies_count_logits_on_the_right_side():
    generator = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    discriminator = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model = FixedLatents(generator, discriminator, latent_dim=1)
    model.fixed = np.array([[1.0], [-1.0], [-2.0], [-3.0]], "float32")
    generator.set_weights([np.array([[1.0]])])
    discriminator.set_weights([np.array([[1.0]]), np.array([0.0])])
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    real = np.array([[2.0], [-1.0], [0.7], [-0.1]], "float32")
    logs = model.train_on_batch(real, return_dict=True)
    assert (logs["real_accuracy"], logs["fake_accuracy"]) == (0.5, 0.75)
    # The labels of least squares are 0 and 1: the border lies between them.
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), loss="least_squares")
    real = np.array([[2.0], [0.4], [0.7], [0.1]], "float32")
    logs = model.train_on_batch(real, return_dict=True)
    assert (logs["real_accuracy"], logs["fake_accuracy"]) == (0.5, 0.75)


# ------------------------------------------------------------------------------------- cost


@keras.saving.register_keras_serializable("zoo_tests")
class Counting(keras.layers.Layer):
    """Passes its inputs on, and counts how often."""

    calls = 0

    def call(self, inputs):
        self.calls += 1
        return inputs


@pytest.mark.parametrize(
    ("settings", "generator_calls", "discriminator_calls"),
    [
        # A pair of updates needs the discriminator on real samples, on fake ones, and after its
        # update on the fake ones again: three calls leave room for just one on real samples.
        ({}, 1, 3),
        ({"r1_penalty": 1.0}, 1, 3),
        ({"gradient_penalty": 1.0}, 1, 4),
        ({"r1_penalty": 1.0, "gradient_penalty": 1.0}, 1, 4),
        ({"average_decay": 0.9}, 1, 3),
        ({"discriminator_steps": 0}, 1, 1),
        ({"discriminator_steps": 2}, 2, 5),
        ({"discriminator_steps": 5, "r1_penalty": 1.0}, 5, 11),
    ],
)
def test_a_step_runs_each_network_as_often_as_needed(
    settings, generator_calls, discriminator_calls
):
    inner_generator, inner_discriminator = Counting(), Counting()
    generator = keras.Sequential([keras.Input((3,)), inner_generator, layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), inner_discriminator, layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, LATENT_DIM)
    model.compile(run_eagerly=True, **settings)
    steps = 3
    inner_generator.calls = inner_discriminator.calls = 0
    model.fit(normal(steps * BATCH, 2), batch_size=BATCH, verbose=0)
    assert inner_generator.calls == steps * generator_calls
    assert inner_discriminator.calls == steps * discriminator_calls


# ------------------------------------------------------------------- eager, compiled, average


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "wasserstein", "gradient_penalty": 10.0, "discriminator_steps": 2},
        {"loss": "hinge", "r1_penalty": 1.0, "average_decay": 0.9},
    ],
    ids=["non_saturating", "wasserstein-gp", "hinge-r1-average"],
)
def test_eager_and_compiled_steps_agree(settings):
    losses = []
    for run_eagerly in (True, False):
        model = build(FixedLatents, run_eagerly=run_eagerly, **settings)
        model.fixed = normal(BATCH, LATENT_DIM, seed=4)
        # Where the penalty needs points between real and fake, both runs draw the same ones.
        losses.append(
            [model.train_on_batch(normal(BATCH, 2, seed=step) + 1.0) for step in range(5)]
        )
    eager, compiled = np.array(losses)
    assert len(np.unique(eager[:, 0])) == 5
    np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-5)


def test_average_follows_the_generator_with_a_rising_decay():
    decay = 0.25
    model = build(average_decay=decay)
    expected = model.generator.get_weights()
    assert all(same(expected, model.average_generator.get_weights()))
    for step in range(1, 6):
        model.train_on_batch(normal(BATCH, 2, seed=step) + 1.0)
        current = min(decay, (1 + step) / (10 + step))  # reaches `decay` at the second step
        expected = [
            current * slow + (1 - current) * fast
            for slow, fast in zip(expected, model.generator.get_weights(), strict=True)
        ]
        for slow, weight in zip(model.average_generator.get_weights(), expected, strict=True):
            np.testing.assert_allclose(slow, weight, atol=1e-6)


def test_samples_come_from_the_average():
    model = build(average_decay=0.99, generator_optimizer=keras.optimizers.SGD(1.0))
    train(model, "fit")
    latents = normal(5, LATENT_DIM)
    samples = model.generate(latents=latents)
    of_average, of_generator = (
        ops.convert_to_numpy(network(latents))
        for network in (model.average_generator, model.generator)
    )
    np.testing.assert_allclose(samples, of_average, atol=1e-6)
    assert np.abs(samples - of_generator).max() > 1e-3


def test_average_is_no_part_of_what_trains():
    model = build(average_decay=0.9)
    trained = model.generator.trainable_variables + model.discriminator.trainable_variables
    assert [v.path for v in model.trainable_variables] == [v.path for v in trained]
    shapes = [tuple(v.shape) for v in model.optimizer.generator_optimizer.variables[2:]]
    assert len(shapes) == 2 * len(model.generator.trainable_variables)
