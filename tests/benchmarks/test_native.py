"""The hand-written loops train as the zoo does: a comparison of speed compares the same work."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from benchmarks import dcgan28
from tests.tiny import set_weights

STEPS = 3
BATCH = 8


def test_losses_are_those_of_the_zoo():
    native = importlib.import_module(f"benchmarks.native.{keras.backend.backend()}")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (STEPS, BATCH, 28, 28, 1), "uint8")
    latents = rng.standard_normal((STEPS, BATCH, 6)).astype("float32")
    model = zoo.DCGAN((28, 28, 1), latent_dim=6, base_filters=4, dropout=0.0, seed=0)
    set_weights(model)
    loop = native.Loop(
        model.generator.get_weights(), model.discriminator.get_weights(), dropout=0.0
    )

    def draw_latents(batch_size):
        return ops.take(latents, model.optimizer.iterations, axis=0)

    model.draw_latents = draw_latents
    model.compile()
    for step in range(STEPS):
        model.reset_metrics()
        logs = model.train_on_batch(images[step], return_dict=True)
        found = loop.step(images[step], latents[step])
        expected = [logs["discriminator_loss"], logs["generator_loss"]]
        np.testing.assert_allclose([float(loss) for loss in found], expected, rtol=1e-4)


def test_a_comparison_reports_every_round():
    row = dcgan28.measure(batch_size=BATCH, steps=2, rounds=3, base_filters=4)
    assert row["backend"] == keras.backend.backend()
    for rounds in (row["native"], row["zoo"]):
        assert len(rounds["images_per_second"]) == 3
        assert rounds["first_call_seconds"] > 0
    ratios = np.divide(row["zoo"]["images_per_second"], row["native"]["images_per_second"])
    assert row["ratios"] == pytest.approx(ratios)


@pytest.mark.parametrize("losses", [[(1.0, 2.0), (1.0, 2.0)], [(1.0, 2.0), (float("nan"), 1.0)]])
def test_a_loop_that_does_not_train_cannot_win(losses):
    with pytest.raises(RuntimeError, match="native"):
        dcgan28.check_losses("native", losses)
