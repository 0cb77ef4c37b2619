"""Restoring arrays: any size and number, known pixels untouched."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import ops

import zoo
from tests.tiny import set_weights
from zoo import masks
from zoo.errors import InvalidInputError
from zoo.models import drawing

SIZES = [(16, 16), (17, 31), (64, 48), (100, 37)]


@pytest.fixture(scope="module")
def model():
    model = zoo.InpaintingGAN(
        image_shape=(16, 16, 3), base_filters=4, halvings=2, dilations=(1, 2), seed=0
    )
    set_weights(model)
    return model


def images_of(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), "uint8")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.sampled_from(SIZES),
    count=st.integers(1, 3),
    share=st.floats(0, 1),
    kind=st.sampled_from(["bool", "uint8", "int64", "one", "channel"]),
    seed=st.integers(0, 1000),
)
def test_known_pixels_are_identical(model, size, count, share, kind, seed):
    images = images_of(count, size, seed)
    holes = np.random.default_rng(seed).random((count, *size)) < share
    given_as = {
        "bool": holes,
        "uint8": holes.astype("uint8") * 255,
        "int64": holes.astype("int64") * 255,
        "one": holes.astype("uint8"),
        "channel": holes[..., None],
    }[kind]
    before = images.copy()
    restored = model.inpaint(images, given_as)
    assert restored.dtype == np.uint8
    assert restored.shape == images.shape
    np.testing.assert_array_equal(restored[~holes], images[~holes])
    np.testing.assert_array_equal(images, before)
    if share == 1.0:
        assert (restored != images).any()


def test_nothing_missing_returns_the_input(model):
    images = images_of(2, (20, 20))
    restored = model.inpaint(images, np.zeros((20, 20), bool))
    np.testing.assert_array_equal(restored, images)
    assert not np.shares_memory(restored, images)


@pytest.mark.parametrize("size", SIZES)
def test_everything_missing_is_still_a_valid_image(model, size):
    restored = model.inpaint(images_of(1, size), np.ones(size, bool))
    assert restored.shape == (1, *size, 3)
    again = model.inpaint(images_of(1, size, seed=5), np.ones(size, bool))
    np.testing.assert_array_equal(restored, again)  # nothing of the image is left to differ


def test_one_image_is_restored_as_in_a_batch(model):
    images = images_of(5, (24, 24))
    holes = masks.draw("mixture", 5, (24, 24), seed=0)
    together = model.inpaint(images, holes)
    for image, hole, restored in zip(images, holes, together, strict=True):
        alone = model.inpaint(image, hole)
        assert alone.shape == image.shape
        assert np.abs(alone.astype(int) - restored).max() <= 1  # rounding differs with the batch


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_batches_make_no_difference(model, batch_size):
    images = images_of(5, (16, 16))
    holes = masks.draw("free_form", 5, (16, 16), seed=0)
    holes[2] = False  # one that needs nothing, in the middle
    expected = model.inpaint(images, holes)
    restored = model.inpaint(images, holes, batch_size=batch_size)
    assert np.abs(restored.astype(int) - expected).max() <= 1


def test_one_mask_serves_for_all_images(model):
    images = images_of(3, (16, 16))
    (hole,) = masks.draw("center_square", 1, (16, 16))
    np.testing.assert_array_equal(
        model.inpaint(images, hole), model.inpaint(images, np.stack([hole] * 3))
    )


def test_a_mask_of_one_image_can_have_a_channel(model):
    (image,), hole = images_of(1, (16, 16)), masks.draw("center_square", 1, (16, 16))[0]
    np.testing.assert_array_equal(model.inpaint(image, hole[..., None]), model.inpaint(image, hole))


def test_ever_new_numbers_of_images_keep_no_more_than_the_last_shapes(monkeypatch):
    monkeypatch.setattr(drawing, "SHAPES", 2)
    model = zoo.InpaintingGAN(image_shape=(16, 16, 1), base_filters=2, halvings=1, dilations=(1,))
    alive = []
    compile_inference = drawing.backend.compile_inference

    def record(*args):
        infer = compile_inference(*args)
        alive.append(weakref.ref(infer))
        return infer

    monkeypatch.setattr(drawing.backend, "compile_inference", record)
    for count in (1, 2, 3, 4, 4, 1):
        model.inpaint(np.zeros((count, 16, 16, 1), "uint8"), np.eye(16, dtype=bool))
    gc.collect()
    assert len(alive) == 5
    assert [ref() is not None for ref in alive] == [False, False, False, True, True]


def test_an_image_of_the_training_size_is_what_the_network_draws(model):
    """Nothing needs shrinking: the figures of the cards are those of one pass of the network."""
    images, holes = images_of(3, (16, 16)), masks.draw("mixture", 3, (16, 16), seed=1)
    expected = ops.convert_to_numpy(model.draw_batch(images, holes))
    error = model.inpaint(images, holes).astype(int) - expected
    assert np.abs(error).max() <= 1  # compiled or not


def test_an_average_is_what_restores():
    model = zoo.InpaintingGAN(
        image_shape=(16, 16, 3), base_filters=4, halvings=2, dilations=(), seed=0
    )
    set_weights(model)
    images, holes = images_of(2, (16, 16)), masks.draw("center_square", 2, (16, 16))
    model.compile(average_decay=0.9)
    before = model.inpaint(images, holes)
    for variable in model.generator.trainable_variables:
        variable.assign(variable + 1.0)
    np.testing.assert_array_equal(model.inpaint(images, holes), before)


IMAGES, HOLES = np.zeros((2, 16, 16, 3), "uint8"), np.zeros((2, 16, 16), bool)


@pytest.mark.parametrize(
    ("images", "holes", "reason"),
    [
        (IMAGES.astype("float32"), HOLES, "uint8 of shape (N, H, W, 3)"),
        (IMAGES[..., :1], HOLES, "(2, 16, 16, 1)"),
        (IMAGES[0, 0], HOLES, "(16, 3)"),
        (IMAGES[:, :15], HOLES[:, :15], "from 16 to 8192"),
        (np.zeros((1, 16, 8193, 3), "uint8"), np.zeros((16, 8193), bool), "8193x16"),
        (IMAGES, HOLES[:1], "(2, 16, 16) or (16, 16)"),
        (IMAGES, HOLES[:, :8], "(2, 8, 16)"),
        (IMAGES, np.full((16, 16), 128, "uint8"), "uint8 with the values 128"),
        (IMAGES, HOLES.astype("float32"), "float32"),
        (IMAGES, np.array([[True, False]]), "(1, 2)"),
        ("photo.png", HOLES, "Received: <U9"),
        (IMAGES, None, "()"),
        ([IMAGES[0], IMAGES[0, :, 1:]], HOLES, "call `inpaint` for each size"),
        (IMAGES, [HOLES[0], HOLES[0, 1:]], "call `inpaint` for each size"),
    ],
)
def test_bad_input_is_told(model, images, holes, reason):
    with pytest.raises(InvalidInputError) as caught:
        model.inpaint(images, holes)
    assert reason in str(caught.value)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batch_size_is_checked(model, batch_size):
    with pytest.raises(InvalidInputError, match="batch_size"):
        model.inpaint(IMAGES, HOLES, batch_size=batch_size)
