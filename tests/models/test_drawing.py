"""Drawing batch by batch: in order, one batch ahead, with the weights of now."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from tests.tiny import build_tiny
from zoo.errors import InvalidInputError
from zoo.latents import sample_latent
from zoo.models.drawing import batch_slices, draw_batches


def make_model():
    layers = keras.layers
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(3), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    return zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=0)


LATENTS = np.random.default_rng(0).normal(size=(5, 4, 2)).astype("float32")
"""Five batches of four."""


def test_batches_come_in_order_each_started_before_the_last_is_read():
    model = make_model()
    asked = []

    def batches():
        for index, latents in enumerate(LATENTS):
            asked.append(index)
            yield (latents,)

    expected = [keras.ops.convert_to_numpy(model(latents)) for latents in LATENTS]
    ahead = []
    for index, batch in enumerate(draw_batches(model, batches())):
        np.testing.assert_allclose(batch, expected[index], rtol=1e-5, atol=1e-6)
        ahead.append(len(asked) - 1 - index)
    assert ahead == [1, 1, 1, 1, 0]


def test_no_batches():
    assert list(draw_batches(make_model(), [])) == []


@pytest.mark.parametrize("options", [{"truncation": 0.5}, {"psi": 0.5}])
@pytest.mark.parametrize("name", ["gan_mnist_small", "cdcgan_mnist"])
def test_truncated_samples_are_those_of_truncated_latents(name, options):
    model = build_tiny(name)
    drawn = model.generate(6, seed=1, **options)
    assert (drawn != model.generate(6, seed=1)).any()
    latents = sample_latent(6, model.latent_dim, 1, **options)
    labels = {"labels": model.sample_labels(6, 1)} if hasattr(model, "sample_labels") else {}
    np.testing.assert_array_equal(drawn, model.generate(latents=latents, **labels))
    with pytest.raises(InvalidInputError, match=f"{next(iter(options))} and `latents`"):
        model.generate(latents=latents, **options)


def test_new_weights_draw_other_samples():
    model = make_model()
    before = model.generate(latents=LATENTS[0])
    model.generator.set_weights([2 * w for w in model.generator.get_weights()])
    after = model.generate(latents=LATENTS[0])
    np.testing.assert_allclose(after, 4 * before, rtol=1e-5)  # two layers, no bias yet


def test_the_average_is_drawn_from_once_there_is_one():
    model = make_model()
    before = model.generate(latents=LATENTS[0])
    model.compile(average_decay=0.9)
    model.generator.set_weights([2 * w for w in model.generator.get_weights()])
    np.testing.assert_allclose(model.generate(latents=LATENTS[0]), before, rtol=1e-5)
    model.compile()
    np.testing.assert_allclose(model.generate(latents=LATENTS[0]), 4 * before, rtol=1e-5)


@pytest.mark.parametrize("settings", [{"jit_compile": False}, {"run_eagerly": True}])
def test_how_it_is_compiled_changes_nothing(settings):
    model = make_model()
    before = model.generate(latents=LATENTS[0])
    model.compile(**settings)
    np.testing.assert_allclose(model.generate(latents=LATENTS[0]), before, rtol=1e-5)
    assert model.drawing.jit_compile is False


def test_drawing_again_compiles_nothing():
    model = make_model()
    model.generate(4, seed=0)
    first = model.drawing
    model.generate(4, seed=1)
    assert model.drawing is first


def test_random_layers_are_still_when_samples_are_drawn():
    layers = keras.layers
    generator = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=0)
    weights = generator.get_weights()
    samples = model.generate(latents=LATENTS[0])
    np.testing.assert_array_equal(samples, model.generate(latents=LATENTS[0]))
    for before, after in zip(weights, generator.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@given(st.integers(0, 50), st.integers(0, 60))
def test_slices_cover_all_with_one_length(count, batch_size):
    slices = list(batch_slices(count, batch_size))
    covered = {index for part in slices for index in range(part.start, part.stop)}
    assert covered == set(range(count))
    assert len({part.stop - part.start for part in slices}) <= 1
    assert all(part.stop - part.start <= max(1, batch_size) for part in slices)
