"""Masks: how much they cover, that a seed fixes them, and what they cost a step."""

import json
import time

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import zoo
from zoo import masks
from zoo.errors import InvalidInputError
from zoo.masks import brush

SIZES = [(16, 16), (28, 28), (64, 64), (40, 96)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", masks.MASKS)
def test_masks_cover_what_they_promise(kind, size):
    drawn = masks.draw(kind, 50, size, seed=0)
    assert drawn.shape == (50, *size)
    assert drawn.dtype == bool
    shares = drawn.mean(axis=(1, 2))
    low, high = masks.get_masks(kind).coverage
    rounding = 1 / size[0] + 1 / size[1]
    assert low - rounding <= shares.min()
    assert shares.max() <= high + rounding


@pytest.mark.parametrize("size", SIZES)
def test_brush_strokes_stay_strictly_within_their_coverage(size):
    shares = masks.draw(masks.FreeForm((0.2, 0.3)), 200, size, seed=1).mean(axis=(1, 2))
    assert shares.min() >= 0.2
    assert shares.max() <= 0.3
    assert np.ptp(shares) > 0.03


@pytest.mark.parametrize("kind", masks.MASKS)
def test_a_seed_fixes_the_masks(kind):
    first, second, other = (masks.draw(kind, 8, (32, 32), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    if kind != "center_square":
        assert (first != other).any()
    if kind not in ("center_square", "mixture"):
        assert len(np.unique(first.reshape(8, -1), axis=0)) == 8


def test_the_center_square_is_centered_and_a_quarter():
    (mask,) = masks.draw("center_square", 1, (64, 64))
    expected = np.zeros((64, 64), bool)
    expected[16:48, 16:48] = True
    np.testing.assert_array_equal(mask, expected)


@settings(max_examples=60, deadline=None)
@given(
    ends=st.tuples(*[st.floats(-5, 35, width=32)] * 4),
    radius=st.floats(0.75, 8, width=32),
)
def test_a_stroke_is_every_pixel_near_its_line(ends, radius):
    """Against the definition: the distance of each pixel's center to the segment."""
    x0, y0, x1, y1 = np.array(ends, "float64")
    rows, columns = np.mgrid[:24, :30] + 0.5
    length = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-12)
    along = np.clip(((columns - x0) * (x1 - x0) + (rows - y0) * (y1 - y0)) / length, 0, 1)
    distance = np.hypot(columns - x0 - along * (x1 - x0), rows - y0 - along * (y1 - y0))

    def pair(x, y):
        return [np.full((1, 1), x, "float32"), np.full((1, 1), y, "float32")]

    left, right = brush.rows_of_capsules(
        np, pair(x0, y0), pair(x1, y1), np.full((1, 1), radius, "float32"), 24
    )
    painted = (columns >= left[0, 0][:, None]) & (columns <= right[0, 0][:, None])
    clear = np.abs(distance - radius) > 1e-2  # what rounding can decide either way is left out
    np.testing.assert_array_equal(painted[clear], (distance <= radius)[clear])


def test_a_mixture_holds_each_kind_as_often_as_its_share():
    mixture = masks.Mixture(["center_square", "missing_pixels"], shares=[3, 1])
    drawn = masks.draw(mixture, 400, (32, 32), seed=0)
    (square,) = masks.draw("center_square", 1, (32, 32))
    assert 0.68 < (drawn == square).all(axis=(1, 2)).mean() < 0.82


@pytest.mark.parametrize("kind", masks.MASKS)
def test_numpy_and_the_backend_paint_the_same(kind):
    kind = masks.get_masks(kind)
    uniforms = np.random.default_rng(0).random((9, kind.numbers(24, 32)), dtype="float32")
    ours = kind.paint(np, uniforms, 24, 32)
    theirs = ops.convert_to_numpy(kind.paint(ops, ops.convert_to_tensor(uniforms), 24, 32))
    assert theirs.dtype == bool
    assert (ours != theirs).mean() < 1e-3  # a pixel on an edge, rounded the other way


@pytest.mark.parametrize("count", [1, 6])
def test_masks_of_a_step(count):
    seed = keras.random.SeedGenerator(0)
    drawn = ops.convert_to_numpy(
        masks.draw_in_step(masks.FreeForm((0.2, 0.3)), count, (32, 32), seed)
    )
    assert drawn.shape == (count, 32, 32, 1)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    shares = drawn.mean(axis=(1, 2, 3))
    assert shares.max() <= 0.3 + 1e-6
    again = ops.convert_to_numpy(
        masks.draw_in_step(masks.FreeForm((0.2, 0.3)), count, (32, 32), seed)
    )
    assert (again != drawn).any()


@pytest.mark.parametrize("kind", [*masks.MASKS, masks.FreeForm((0.2, 0.4), brush=(0.05, 0.1))])
def test_plain_values_bring_the_same_masks_back(kind):
    kind = masks.get_masks(kind)
    copy = masks.get_masks(masks.serialize(kind))
    assert type(copy) is type(kind)
    np.testing.assert_array_equal(
        masks.draw(copy, 5, (32, 32), seed=1), masks.draw(kind, 5, (32, 32), seed=1)
    )


def test_a_user_defined_kind():
    class LeftHalf(masks.Masks):
        def __init__(self):
            super().__init__(0.5)

        def numbers(self, height, width):
            return 1

        def paint(self, xp, uniforms, height, width):
            return xp.broadcast_to(xp.arange(width) < width // 2, (len(uniforms), height, width))

    drawn = masks.draw(LeftHalf(), 3, (16, 20))
    assert drawn[:, :, :10].all()
    assert not drawn[:, :, 10:].any()


@keras.saving.register_keras_serializable("tests")
class TopHalf(masks.Masks):
    """Nothing like its mirror images, unlike the kinds of the zoo."""

    def __init__(self, coverage=(0.4, 0.6)):
        super().__init__(coverage)

    def numbers(self, height, width):
        return 1

    def paint(self, xp, uniforms, height, width):
        rows = xp.arange(height)[:, None] < height // 2
        return xp.broadcast_to(rows, (xp.shape(uniforms)[0], height, width))


@pytest.mark.parametrize("kind", [TopHalf(), masks.Mixture([TopHalf(), TopHalf()])])
def test_a_step_draws_what_draw_draws(kind):
    drawn = masks.draw_in_step(kind, 6, (16, 16), keras.random.SeedGenerator(0))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(drawn)[..., 0], masks.draw(kind, 6, (16, 16))
    )


@pytest.mark.parametrize("kind", [TopHalf((0.3, 0.7)), masks.Mixture([TopHalf(), "rectangles"])])
def test_a_registered_kind_comes_back_from_plain_values(kind):
    copy = masks.get_masks(json.loads(json.dumps(masks.serialize(kind))))
    assert type(copy) is type(kind)
    assert copy.get_config() == kind.get_config()


@pytest.mark.parametrize("kind", ["free_form", "scratches", "rectangles", "missing_pixels"])
def test_kinds_that_say_so_are_symmetric(kind):
    drawn = masks.draw(kind, 1500, (32, 32), seed=0)
    assert masks.get_masks(kind).symmetric
    places = np.arange(32) - 15.5
    for place in (places[:, None], places):
        lean = (drawn * place).mean(axis=(1, 2))  # how far each mask leans toward one edge
        assert abs(lean.mean()) < 4 * lean.std() / 1500**0.5


@pytest.mark.parametrize("kind", ["free_form", "scratches"])
def test_no_two_masks_of_a_step_are_the_same(kind):
    drawn = masks.draw_in_step(masks.get_masks(kind), 8, (32, 32), keras.random.SeedGenerator(0))
    assert len(np.unique(ops.convert_to_numpy(drawn), axis=0)) == 8


def test_masks_of_a_step_keep_their_coverage():
    kind = masks.FreeForm((0.2, 0.3))
    drawn = masks.draw_in_step(kind, 400, (32, 32), keras.random.SeedGenerator(0))
    shares = ops.convert_to_numpy(drawn).mean(axis=(1, 2, 3))
    assert shares.min() >= 0.2 - 1e-6  # of a quarter of the masks, too large strokes leave less
    assert len(np.unique(shares)) > 30


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_masks_of_a_step_are_the_same_whatever_keras_default_type_is(floatx):
    def drawn():
        seed = keras.random.SeedGenerator(0)
        return ops.convert_to_numpy(masks.draw_in_step(masks.Mixture(), 8, (16, 16), seed))

    expected = drawn()
    keras.config.set_floatx(floatx)
    try:
        found = drawn()
    finally:
        keras.config.set_floatx("float32")
    np.testing.assert_array_equal(found, expected)


def test_masks_that_all_miss_their_coverage_stay():
    drawn = masks.draw_in_step(TopHalf(0.1), 3, (32, 32), keras.random.SeedGenerator(0))
    assert ops.convert_to_numpy(drawn).mean() == 0.5


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: masks.draw("free_from", 1, (16, 16)), "Did you mean 'free_form'"),
        (lambda: masks.draw(None, 1, (16, 16)), "Received: masks=None"),
        (lambda: masks.draw("free_form", 0, (16, 16)), "positive integer"),
        (lambda: masks.draw("free_form", 1, 16), "(height, width)"),
        (lambda: masks.draw("free_form", 1, (16, 0)), "width"),
        (lambda: masks.draw("free_form", 1, (16, 16), seed=-1), "seed"),
        (lambda: masks.FreeForm((0.2, 0.21)), "0.05 apart"),
        (lambda: masks.CenterSquare(1.5), "coverage=1.5"),
        (lambda: masks.Rectangles((0.3, 0.1)), "coverage"),
        (lambda: masks.Mixture([]), "sequence of masks"),
        (lambda: masks.Mixture(["free_form"], shares=[1, 2]), "1 positive numbers"),
        (lambda: masks.get_masks({"kind": "free_form", "brsh": 1}), "brsh"),
    ],
)
def test_bad_input_is_refused(call, reason):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert reason in str(caught.value)


@pytest.mark.slow
def test_masks_take_a_small_part_of_a_step():
    """Under 5% of a step on a quiet machine; asserted with room for a busy one."""
    model = zoo.InpaintingGAN(image_shape=(64, 64, 3), base_filters=32, seed=0)
    model.compile(masks="mixture", jit_compile="auto")
    images = np.random.default_rng(0).integers(0, 256, (128, 64, 64, 3), "uint8")
    fixed = masks.draw("mixture", 128, (64, 64), seed=0)

    def seconds(**data):
        model.fit(**data, batch_size=64, verbose=0)
        times = []
        for _ in range(3):
            start = time.process_time()
            model.fit(**data, batch_size=64, epochs=2, verbose=0)
            times.append(time.process_time() - start)
        return min(times)

    given_masks, drawn_masks = seconds(x=images, y=fixed), seconds(x=images)
    assert drawn_masks < 1.2 * given_masks
