"""What a recipe compiles to, field by field, and that training follows it."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo import backend
from zoo.errors import InvalidInputError
from zoo.hub.cards import ModelCard
from zoo.hub.specs import Recipe
from zoo.training import recipes


def number(tensor):
    return ops.convert_to_numpy(ops.convert_to_tensor(tensor)).item()


def arguments(steps=100, **fields):
    return recipes.compile_arguments(Recipe(**fields), steps)


# ------------------------------------------------------------------------------- rates


def test_two_rates_for_two_networks():
    compiled = arguments(generator_rate=1e-4, discriminator_rate=4e-4, beta_1=0.25)
    for half, rate in (("generator", 1e-4), ("discriminator", 4e-4)):
        optimizer = compiled[f"{half}_optimizer"]
        assert number(optimizer.learning_rate) == pytest.approx(rate)
        assert optimizer.beta_1 == 0.25


@pytest.mark.parametrize(
    ("schedule", "middle"), [("cosine", 0.51), ("linear", 0.51), ("constant", 1.0)]
)
def test_rates_fall_to_a_fiftieth(schedule, middle):
    compiled = arguments(schedule=schedule, generator_rate=1e-3, discriminator_rate=4e-3)
    end = 1.0 if schedule == "constant" else 0.02
    for half, rate in (("generator", 1e-3), ("discriminator", 4e-3)):
        optimizer = compiled[f"{half}_optimizer"]
        optimizer.build([keras.Variable([0.0])])
        for step, share in ((0, 1.0), (50, middle), (100, end), (200, end)):
            optimizer.iterations.assign(step)
            assert number(optimizer.learning_rate) == pytest.approx(share * rate), step


def test_linear_rates_fall_by_the_same_amount_in_every_step():
    schedule = arguments(schedule="linear", generator_rate=1.0)["generator_optimizer"]
    rates = [number(schedule._learning_rate(step)) for step in range(101)]
    np.testing.assert_allclose(np.diff(rates), -0.0098, rtol=1e-3)


# ------------------------------------------------------------------- loss and penalties


def test_label_smoothing_reaches_the_loss():
    assert arguments(loss="minimax", real_label=0.9)["loss"].real_label == 0.9


def test_the_rest_is_handed_on():
    fields = {
        "discriminator_steps": 2,
        "gradient_penalty": 3.0,
        "r1_penalty": 0.5,
        "average_decay": 0.99,
        "diff_augment": ("color", "cutout"),
        "instance_noise": 0.2,
        "instance_noise_steps": 30,
    }
    compiled = arguments(**fields, options={"masks": "center"})
    assert compiled.items() >= {**fields, "masks": "center"}.items()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"schedule": "warm"}, "schedule.*'linear'.*'warm'"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"clip_norm": float("inf")}, "clip_norm"),
        ({"accumulation_steps": 0}, "accumulation_steps"),
        ({"accumulation_steps": 2.0}, "accumulation_steps"),
        ({"loss": "non_saturating", "real_label": 0.2}, "real_label"),
        ({"loss": "hinge", "real_label": 0.9}, r"0\.9 with loss='hinge'"),
    ],
)
def test_values_out_of_range_are_refused(fields, name):
    with pytest.raises(InvalidInputError, match=name):
        arguments(**fields)


def test_every_field_survives_json_and_older_cards_lack_some():
    recipe = Recipe(diff_augment=("color",), instance_noise=0.1, clip_norm=1.0)
    assert Recipe.from_dict(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe
    old = {"epochs": 3, "schedule": "cosine"}
    assert Recipe.from_dict(old) == Recipe(epochs=3, schedule="cosine")
    assert isinstance(zoo.info("dcgan_mnist"), ModelCard)


# ------------------------------------------------------------ clipping and accumulation


class NumpyAdam:
    """Adam (Kingma & Ba 2015) as Keras writes it, of gradients that were clipped together."""

    def __init__(self, rate, beta_1=0.5, clip_norm=None):
        self.rate, self.beta_1, self.clip_norm = rate, beta_1, clip_norm
        self.first, self.second, self.step = {}, {}, 0

    def apply(self, gradients, values):
        norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
        share = 1.0 if self.clip_norm is None else min(1.0, self.clip_norm / norm)
        self.step += 1
        power_1, power_2 = self.beta_1**self.step, 0.999**self.step
        for index, gradient in enumerate(gradients):
            gradient = gradient * share
            zeros = np.zeros_like(gradient)
            first, second = self.first.get(index, zeros), self.second.get(index, zeros)
            self.first[index] = first + (gradient - first) * (1 - self.beta_1)
            self.second[index] = second + (gradient**2 - second) * (1 - 0.999)
            rate = self.rate * np.sqrt(1 - power_2) / (1 - power_1)
            values[index] -= rate * self.first[index] / (np.sqrt(self.second[index]) + 1e-7)


GRADIENTS = np.random.default_rng(0).standard_normal((6, 2, 3)).astype("float32")


@pytest.mark.parametrize(
    ("half", "clip_norm", "steps"),
    [("generator", 0.5, 1), ("discriminator", None, 2), ("generator", 0.5, 3)],
)
def test_clipping_and_accumulation_are_those_of_numpy(half, clip_norm, steps):
    """Through the backend's own `apply_gradients`, which both networks' updates go through."""
    compiled = arguments(clip_norm=clip_norm, accumulation_steps=steps, generator_rate=2e-4)
    optimizer = compiled[f"{half}_optimizer"]
    variables = [keras.Variable(np.ones(3, "float32")) for _ in range(2)]
    optimizer.build(variables)
    reference, values = NumpyAdam(2e-4, clip_norm=clip_norm), [np.ones(3), np.ones(3)]
    for index, gradients in enumerate(GRADIENTS):
        backend.apply_gradients(optimizer, list(map(ops.convert_to_tensor, gradients)), variables)
        if (index + 1) % steps == 0:
            reference.apply(GRADIENTS[index + 1 - steps : index + 1].mean(axis=0), values)
        for variable, value in zip(variables, values, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(variable), value, atol=1e-6)
    assert number(optimizer.iterations) == len(GRADIENTS) // steps


def weights(network):
    return [ops.convert_to_numpy(v).copy() for v in network.trainable_variables]


def test_training_changes_both_networks_at_every_second_batch():
    model = zoo.VanillaGAN((4, 4, 1), hidden_units=(4,), latent_dim=2, seed=0)
    model.compile(**arguments(accumulation_steps=2, clip_norm=1.0, schedule="cosine"))
    images = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 1), "uint8")
    for step in range(4):
        before = weights(model.generator), weights(model.discriminator)
        model.train_on_batch(images)
        after = weights(model.generator), weights(model.discriminator)
        for old, new in zip(before, after, strict=True):
            changed = [not np.array_equal(x, y) for x, y in zip(old, new, strict=True)]
            assert all(changed) if step % 2 else not any(changed)
    assert number(model.optimizer.iterations) == 2


def test_two_batches_of_eight_make_the_update_of_one_of_sixteen():
    """For networks of samples that don't see each other, against the same latents."""

    class FixedLatents(zoo.AdversarialModel):
        def draw_latents(self, batch_size):
            return ops.ones((batch_size, 2))

    def build(steps):
        keras.utils.set_random_seed(0)
        generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model = FixedLatents(generator, discriminator, latent_dim=2, seed=0)
        # The generator's gradient comes after the discriminator's update: keep that one still.
        model.compile(**arguments(accumulation_steps=steps, discriminator_rate=0.0))
        return model

    points = np.random.default_rng(0).standard_normal((16, 3)).astype("float32")
    whole, parts = build(1), build(2)
    for a, b in zip(weights(whole.generator), weights(parts.generator), strict=True):
        np.testing.assert_array_equal(a, b)
    whole.train_on_batch(points)
    parts.train_on_batch(points[:8])
    parts.train_on_batch(points[8:])
    for a, b in zip(weights(whole.generator), weights(parts.generator), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
