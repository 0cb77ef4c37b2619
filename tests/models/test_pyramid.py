"""Photographs from coarse to fine: windows of few sizes, no seams, known pixels untouched."""

import tracemalloc

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.tiny import set_weights
from zoo import masks
from zoo.models import pyramid


def build(**changes):
    return zoo.InpaintingGAN(
        **{"image_shape": (16, 16, 3), "base_filters": 4, "halvings": 2, "dilations": (1, 2)}
        | changes,
        seed=0,
    )


@pytest.fixture(scope="module")
def model():
    model = build()
    set_weights(model)
    return model


@pytest.fixture(scope="module")
def silent():
    """Its network draws the first guess and nothing else."""
    model = build()
    for variable in model.generator.layers[-2].variables:
        variable.assign(np.zeros(variable.shape))
    return model


def slope(height, width):
    """An image that grows evenly along both axes, to the right twice as fast."""
    rows, columns = np.mgrid[:height, :width]
    gray = 20 + 150 * (rows / height + 2 * columns / width) / 3
    return np.repeat(np.rint(gray)[..., None], 3, axis=-1).astype("uint8")


def hole_of(shape, *squares):
    hole = np.zeros(shape, bool)
    for top, left, height, width in squares:
        hole[top : top + height, left : left + width] = True
    return hole


@pytest.mark.parametrize("image", [np.full((300, 500, 3), 93, "uint8"), slope(300, 500)])
def test_a_flat_and_an_even_photograph_stay_so_across_windows(silent, image, monkeypatch):
    """A scratch that takes several windows, and a hole that is wider than any."""
    monkeypatch.setattr(pyramid, "WINDOWS", (64, 128))
    hole = hole_of((300, 500), (20, 30, 5, 440), (100, 150, 120, 180))
    regions = pyramid.find_regions(hole)
    assert len(regions) == 1
    restored = silent.inpaint(image, hole)
    error = np.abs(restored.astype(int) - image)
    assert np.array_equal(restored[~hole], image[~hole])
    assert error[:50].max() <= 1  # the scratch
    assert error.max() <= 3
    steps = np.abs(np.diff(restored[..., 0].astype(int), axis=1))
    assert steps.max() <= 2  # a seam would be a step


def test_windows_make_no_difference(model, monkeypatch):
    """What is drawn in many windows is what one window shows, up to how far it sees."""
    rng = np.random.default_rng(0)
    image = ops.convert_to_numpy(
        ops.image.resize(rng.uniform(0, 255, (1, 20, 24, 3)).astype("float32"), (200, 240))
    )
    image = image[0].astype("uint8")
    hole = hole_of((200, 240), (60, 20, 6, 200), (20, 100, 160, 6))
    whole = model.inpaint(image, hole)
    monkeypatch.setattr(pyramid, "WINDOWS", (64, 96))
    plan = [len(row) for row in pyramid._plan(pyramid.Level(image, hole, hole))]
    assert len(plan) > 2
    assert max(plan) > 2
    in_windows = model.inpaint(image, hole)
    assert np.abs(in_windows.astype(int) - whole)[hole].mean() < 1.5


def test_shares_of_windows_add_up_to_one():
    for length, bounds in ((1000, (3, 997)), (500, (100, 451)), (300, (5, 200)), (100, (0, 100))):
        total = np.zeros(length)
        for span in pyramid._spans(length, bounds, 256):
            assert span.start % 2 == 0
            assert span.start <= span.kept.start
            assert span.kept.stop <= span.start + span.side
            total[span.kept] += span.share
        np.testing.assert_allclose(total[slice(*bounds)], 1.0, atol=1e-6)
        assert not total[: bounds[0]].any()
        assert not total[bounds[1] :].any()


def test_new_sizes_of_photographs_compile_nothing_new(model):
    def restore(height, width):
        hole = hole_of((height, width), (4, 4, 26, 26))
        model.inpaint(np.zeros((height, width, 3), "uint8"), hole)

    restore(150, 170)
    before = model.drawing._compiled.cache_info().misses
    for side in range(80, 160, 7):
        restore(side, side + 13)
    assert model.drawing._compiled.cache_info().misses <= before + 2  # at most: smaller windows


def test_work_is_done_around_holes_only(model, monkeypatch):
    """Three holes in a photograph of 8,192 pixels: few windows, and little memory."""
    areas = []
    refine = pyramid._cut

    def record(level, window, smaller):
        areas.append(window.rows.side * window.columns.side)
        return refine(level, window, smaller)

    monkeypatch.setattr(pyramid, "_cut", record)
    image = np.broadcast_to(np.uint8(120), (8192, 8192, 3))
    squares = [(50, 60, 20, 20), (4000, 5000, 30, 30), (8180, 8150, 12, 30)]
    hole = hole_of((8192, 8192), *squares)
    tracemalloc.start()
    restored = model.inpaint(image, hole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * image.size + 100e6
    assert sum(areas) < 3 * 200_000
    assert restored.shape == image.shape
    for top, left, height, width in squares:
        here = slice(top - 4, top + height + 4), slice(left - 4, left + width + 4)
        assert (restored[here] == 120)[~hole[here]].all()


def test_regions_are_disjoint_and_hold_every_hole():
    hole = masks.draw("scratches", 1, (700, 900), seed=3)[0] | hole_of((700, 900), (600, 20, 9, 9))
    counted = np.zeros(hole.shape, int)
    for region in pyramid.find_regions(hole):
        counted[region] += 1
    assert counted.max() == 1
    assert (counted[hole] == 1).all()
    assert len(pyramid.find_regions(hole_of((700, 900), (9, 9, 9, 9), (600, 700, 9, 9)))) == 2


def test_thin_parts_are_those_where_no_larger_square_fits():
    hole = hole_of((60, 80), (10, 10, 20, 20), (15, 30, 4, 40))
    thin = pyramid.thin_parts(hole, 6)
    assert not thin[10:30, 10:30].any()
    assert thin[15:19, 30:70].all()
    assert not thin[~hole].any()
    assert np.array_equal(pyramid.thin_parts(hole, 20), hole)


def test_halving_takes_the_mean_of_what_is_known():
    image = np.arange(5 * 3, dtype="uint8").reshape(5, 3, 1) * 10
    hole = np.zeros((5, 3), bool)
    hole[0, 0] = hole[2, :2] = hole[4, 2] = True
    smaller, holes = pyramid.halve(image, hole)
    assert smaller.shape == (3, 2, 1)
    assert smaller[0, 0, 0] == pytest.approx(80 / 3)
    assert holes.tolist() == [[False, False], [True, False], [False, True]]


def test_the_network_draws_only_what_it_knows_the_size_of(model, monkeypatch):
    """A hole larger than those of the training is drawn at a smaller size, not at its own."""
    drawn = []
    cut = pyramid._cut

    def record(level, window, smaller):
        drawn.append((level.mask.sum() ** 0.5, window.drawn))
        return cut(level, window, smaller)

    monkeypatch.setattr(pyramid, "_cut", record)
    model.inpaint(np.zeros((200, 200, 3), "uint8"), hole_of((200, 200), (60, 60, 80, 80)))
    assert {known for side, known in drawn if side <= model.largest_hole} == {True}
    assert {known for side, known in drawn if side > 2 * model.largest_hole} == {False}


def test_progress_rises_to_one(model):
    shares = []
    hole = hole_of((100, 300), (30, 20, 9, 9), (40, 250, 20, 20))
    model.inpaint(slope(100, 300), hole, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert len(shares) > 4


def test_progress_true_is_keras_bar(model, capsys):
    keras.utils.enable_interactive_logging()
    model.inpaint(slope(40, 30), hole_of((40, 30), (9, 9, 9, 9)), progress=True)
    assert "100/100" in capsys.readouterr().out
