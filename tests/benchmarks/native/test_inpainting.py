"""The hand-written inpainting loops train and restore as the zoo does."""

import importlib

import keras
import numpy as np
import pytest

import zoo
from benchmarks.native import inpainting
from tests.tiny import set_weights

# PyTorch's compiler imports a part of PyTorch that is deprecated, and meets warnings of others that
# it only keeps from being shown.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]

STEPS = 3
BATCH = 4
SIDE = 16
VARIANTS = {
    "jax": ["jit"],
    "tensorflow": ["graph", pytest.param("xla", marks=pytest.mark.slow)],
    "torch": ["eager", pytest.param("compile", marks=pytest.mark.slow)],
}[keras.backend.backend()]
CONFIGS = [
    {"image_shape": (SIDE, SIDE, 3), "base_filters": 4},
    # Another count of halvings, sides that differ, a channel, and an odd dilation rate.
    {"image_shape": (32, SIDE, 1), "base_filters": 4, "halvings": 2, "dilations": (3,)},
]
SMALLEST = {"image_shape": (SIDE, SIDE, 3), "base_filters": 4, "halvings": 1, "dilations": (1,)}
"""Compiling it takes least; whether the architecture is right, the tests above know."""


def make_pair(config, variant, precision="float32"):
    """A zoo model, compiled with its defaults, and the loop of its weights."""
    module = importlib.import_module(f"benchmarks.native.inpainting.{keras.backend.backend()}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = zoo.InpaintingGAN(**config, seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    set_weights(model)
    model.compile()
    weights = model.generator.get_weights(), model.discriminator.get_weights()
    return model, module.Loop(model.config, *weights, variant, precision, seed=0)


def make_data(count, image_shape):
    """Random uint8 images, with a rectangle missing in each."""
    rng = np.random.default_rng(0)
    height, width, _ = image_shape
    images = rng.integers(0, 256, (count, *image_shape), "uint8")
    masks = np.zeros((count, height, width), bool)
    for mask in masks:
        top, left = rng.integers(0, (height - 6, width - 6))
        mask[top : top + 6, left : left + 5] = True
    return images, masks


def compare_losses(model, loop, rtol):
    images, masks = make_data(STEPS * BATCH, model.image_shape)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH], masks[start : start + BATCH]
        model.reset_metrics()
        logs = model.train_on_batch(*batch, return_dict=True)
        found = loop.step(loop.put(*batch))
        expected = [logs["discriminator_loss"], logs["generator_loss"]]
        np.testing.assert_allclose([float(loss) for loss in found], expected, rtol=rtol)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_losses_and_restored_images_are_those_of_the_zoo(config, variant):
    model, loop = make_pair(config, variant)
    compare_losses(model, loop, rtol=1e-4)
    # After the steps: the weights that they left must agree too. Seven images, two batches.
    images, masks = make_data(7, model.image_shape)
    masks[2] = False
    expected = model.inpaint(images, masks)
    found = loop.restore(images, masks, batch_size=BATCH)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found[~masks] == images[~masks]).all()
    assert (found[masks] != images[masks]).any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_in_mixed_precision_are_those_of_the_zoo(variant):
    model, loop = make_pair(SMALLEST, variant, "mixed_bfloat16")
    compare_losses(model, loop, rtol=0.02)
    images, masks = make_data(BATCH, model.image_shape)
    found = loop.restore(images, masks, batch_size=BATCH)
    expected = model.inpaint(images, masks)
    assert np.abs(found.astype(int) - expected).max() <= 4
    assert (found[~masks] == images[~masks]).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_run_trains(variant):
    _, loop = make_pair(SMALLEST, variant)
    images, masks = make_data(2 * BATCH, SMALLEST["image_shape"])
    images[:] = images[:1]
    _, first = (float(loss) for loss in loop.step(loop.put(images[:BATCH], masks[:BATCH])))
    before = loop.restore(images, masks, BATCH)
    losses = loop.run(images, BATCH, epochs=10, masks=masks)
    assert all(isinstance(loss, float) for loss in losses)
    assert losses[1] < 0.99 * first
    assert (loop.restore(images, masks, BATCH) != before).any()


def test_images_without_holes_stay_as_they_are():
    _, loop = make_pair(SMALLEST, VARIANTS[0])
    images, masks = make_data(2, SMALLEST["image_shape"])
    assert (loop.restore(images, np.zeros_like(masks), BATCH) == images).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gated": False}, "gated=False"),
        ({"image_shape": (16, 24, 3)}, "16x24"),
    ],
)
def test_an_architecture_without_a_loop_is_refused(change, message):
    config = {**zoo.InpaintingGAN((16, 16, 3), base_filters=4).config, **change}
    with pytest.raises(ValueError, match=message):
        inpainting.InpaintingLoop(config, [], [], "jit")


def test_an_unknown_precision_is_refused():
    model, loop = make_pair(SMALLEST, VARIANTS[0])
    weights = model.generator.get_weights(), model.discriminator.get_weights()
    with pytest.raises(ValueError, match="precision='float8'"):
        type(loop)(model.config, *weights, VARIANTS[0], "float8")
