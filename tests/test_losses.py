"""Losses against their papers' formulas, at logits where those overflow, and by name."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend, losses
from zoo.errors import InvalidInputError

NAMES = sorted(losses.LOSSES)
RNG = np.random.default_rng(0)
REAL = RNG.normal(0.5, 2.0, (16, 1))
FAKE = RNG.normal(-0.5, 2.0, (16, 1))


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-logits))


# The papers' own forms, in probabilities and float64: (discriminator, generator).
FORMULAS = {
    "minimax": (
        lambda r, f: -np.mean(np.log(sigmoid(r))) - np.mean(np.log(1.0 - sigmoid(f))),
        lambda f: np.mean(np.log(1.0 - sigmoid(f))),
    ),
    "non_saturating": (
        lambda r, f: -np.mean(np.log(sigmoid(r))) - np.mean(np.log(1.0 - sigmoid(f))),
        lambda f: -np.mean(np.log(sigmoid(f))),
    ),
    "least_squares": (
        lambda r, f: np.mean((r - 1.0) ** 2) / 2.0 + np.mean(f**2) / 2.0,
        lambda f: np.mean((f - 1.0) ** 2) / 2.0,
    ),
    "hinge": (
        lambda r, f: -np.mean(np.minimum(0.0, r - 1.0)) - np.mean(np.minimum(0.0, -f - 1.0)),
        lambda f: -np.mean(f),
    ),
    "wasserstein": (
        lambda r, f: -(np.mean(r) - np.mean(f)),
        lambda f: -np.mean(f),
    ),
}


def tensor(array):
    return ops.convert_to_tensor(np.asarray(array, "float32"))


def discriminator_loss(loss, real, fake):
    return float(loss.discriminator(tensor(real), tensor(fake)))


def generator_loss(loss, fake):
    return float(loss.generator(tensor(fake)))


def test_every_loss_has_a_formula_here():
    assert set(FORMULAS) == set(losses.LOSSES)


@pytest.mark.parametrize("name", NAMES)
def test_discriminator_loss_is_the_papers_formula(name):
    expected = FORMULAS[name][0](REAL, FAKE)
    assert discriminator_loss(losses.get(name), REAL, FAKE) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_generator_loss_is_the_papers_formula(name):
    expected = FORMULAS[name][1](FAKE)
    assert generator_loss(losses.get(name), FAKE) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_losses_average_over_every_logit_of_a_patch_discriminator(name):
    loss, shape = losses.get(name), (2, 2, 2, 2)
    patches = discriminator_loss(loss, REAL.reshape(shape), FAKE.reshape(shape))
    assert patches == pytest.approx(discriminator_loss(loss, REAL, FAKE), rel=1e-5)
    assert generator_loss(loss, FAKE.reshape(shape)) == pytest.approx(
        generator_loss(loss, FAKE), rel=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_different_sizes_weigh_the_same(name):
    loss = losses.get(name)
    doubled = discriminator_loss(loss, np.concatenate([REAL, REAL]), FAKE)
    assert doubled == pytest.approx(discriminator_loss(loss, REAL, FAKE), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_discriminator_pulls_apart_what_the_generator_pulls_together(name):
    loss = losses.get(name)
    start = discriminator_loss(loss, [0.1], [0.1])
    assert discriminator_loss(loss, [0.2], [0.1]) < start
    assert discriminator_loss(loss, [0.1], [0.0]) < start
    assert generator_loss(loss, [0.2]) < generator_loss(loss, [0.1])


# ------------------------------------------------------------------- sure discriminators

BIG = 1e4
# (loss, real logit, fake logit) -> (discriminator loss, its derivatives at r and at f,
# generator loss, its derivative at f)
LIMITS = [
    ("non_saturating", BIG, -BIG, (0.0, 0.0, 0.0, BIG, -1.0)),
    ("non_saturating", -BIG, BIG, (2 * BIG, -1.0, 1.0, 0.0, 0.0)),
    ("minimax", BIG, -BIG, (0.0, 0.0, 0.0, 0.0, 0.0)),
    ("minimax", -BIG, BIG, (2 * BIG, -1.0, 1.0, -BIG, -1.0)),
    ("least_squares", BIG, -BIG, (0.5 * ((BIG - 1) ** 2 + BIG**2), BIG - 1, -BIG, None, -BIG - 1)),
    ("hinge", BIG, -BIG, (0.0, 0.0, 0.0, BIG, -1.0)),
    ("hinge", -BIG, BIG, (2 * BIG + 2, -1.0, 1.0, -BIG, -1.0)),
    ("wasserstein", BIG, -BIG, (-2 * BIG, -1.0, 1.0, BIG, -1.0)),
]


@pytest.mark.parametrize(("name", "real", "fake", "limits"), LIMITS)
def test_losses_and_gradients_stay_exact_at_huge_logits(name, real, fake, limits):
    loss = losses.get(name)
    r, f = keras.Variable([real], dtype="float32"), keras.Variable([fake], dtype="float32")

    def of_discriminator():
        return loss.discriminator(ops.convert_to_tensor(r), ops.convert_to_tensor(f)), None

    def of_generator():
        return loss.generator(ops.convert_to_tensor(f)), None

    (value, _), gradients = backend.value_and_gradients(of_discriminator, [r, f])
    (generator_value, _), (generator_gradient,) = backend.value_and_gradients(of_generator, [f])
    found = [value, *gradients, generator_value, generator_gradient]
    found = [ops.convert_to_numpy(tensor).item() for tensor in found]
    expected = [mine if limit is None else limit for mine, limit in zip(found, limits, strict=True)]
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# -------------------------------------------------------------------------- label smoothing


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_label_smoothing_is_cross_entropy_against_the_soft_label(name):
    p = sigmoid(REAL)
    expected = -np.mean(0.9 * np.log(p) + 0.1 * np.log(1.0 - p))
    expected -= np.mean(np.log(1.0 - sigmoid(FAKE)))
    loss = losses.LOSSES[name](real_label=0.9)
    assert discriminator_loss(loss, REAL, FAKE) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_is_one_sided():
    plain, smooth = losses.NonSaturating(), losses.NonSaturating(real_label=0.8)
    real = np.zeros(1)
    gap = discriminator_loss(smooth, real, [3.0]) - discriminator_loss(smooth, real, [0.0])
    expected = discriminator_loss(plain, real, [3.0]) - discriminator_loss(plain, real, [0.0])
    assert gap == pytest.approx(expected, rel=1e-5)
    assert generator_loss(smooth, FAKE) == generator_loss(plain, FAKE)


def test_label_smoothing_is_smallest_at_the_label():
    loss, best = losses.NonSaturating(real_label=0.9), np.log(0.9 / 0.1)
    at_best = discriminator_loss(loss, [best], [0.0])
    assert at_best < discriminator_loss(loss, [best - 0.1], [0.0])
    assert at_best < discriminator_loss(loss, [best + 0.1], [0.0])


@pytest.mark.parametrize("label", [0.5, 0.0, -1.0, 1.01, float("nan")])
def test_labels_that_turn_the_game_around_are_refused(label):
    with pytest.raises(InvalidInputError, match=r"real_label.*Received"):
        losses.NonSaturating(real_label=label)


# ------------------------------------------------------------------------------------- get


@pytest.mark.parametrize("name", NAMES)
def test_get_by_name(name):
    assert type(losses.get(name)) is losses.LOSSES[name]


def test_get_returns_objects_as_they_are():
    loss = losses.NonSaturating(real_label=0.9)
    assert losses.get(loss) is loss


def test_any_object_with_the_two_methods_serves():
    class Mine:
        def discriminator(self, real_logits, fake_logits):
            return ops.mean(fake_logits - real_logits)

        def generator(self, fake_logits):
            return ops.mean(fake_logits)

    mine = Mine()
    assert losses.get(mine) is mine


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("non-saturating", "non_saturating"),
        ("wasserstien", "wasserstein"),
        ("least_square", "least_squares"),
        ("hinges", "hinge"),
    ],
)
def test_an_unknown_name_is_answered_with_the_closest(name, closest):
    with pytest.raises(InvalidInputError, match=f"Did you mean '{closest}'") as caught:
        losses.get(name)
    assert f"Received: loss={name!r}" in str(caught.value)


@pytest.mark.parametrize("identifier", ["x", "", None, 1, losses.Hinge, object(), ops.mean])
def test_what_is_no_loss_is_refused_with_the_list_of_losses(identifier):
    with pytest.raises(InvalidInputError) as caught:
        losses.get(identifier)
    message = str(caught.value)
    assert all(repr(name) in message for name in NAMES)
    assert "Received: loss=" in message


def test_an_object_with_one_of_the_two_methods_is_refused():
    class Half:
        def discriminator(self, real_logits, fake_logits):
            return 0.0

    with pytest.raises(InvalidInputError, match="generator"):
        losses.get(Half())


# --------------------------------------------------------------------------- serialization


@pytest.mark.parametrize(
    "loss",
    [losses.LOSSES[name]() for name in NAMES]
    + [losses.NonSaturating(real_label=0.9), losses.Minimax(real_label=0.7)],
)
def test_serialization_round_trip(loss):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(copy) is type(loss)
    assert copy is not loss
    assert copy.get_config() == loss.get_config()
    assert discriminator_loss(copy, REAL, FAKE) == discriminator_loss(loss, REAL, FAKE)


# -------------------------------------------------------------------------------- accuracy


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_threshold_is_the_middle_between_the_targets(name):
    # Mirrored at the threshold, real and fake logits change places without changing the loss.
    loss = losses.get(name)
    real, fake = loss.threshold + 0.3, loss.threshold - 0.1
    mirrored = discriminator_loss(loss, [2 * loss.threshold - fake], [2 * loss.threshold - real])
    assert mirrored == pytest.approx(discriminator_loss(loss, [real], [fake]), rel=1e-5)
