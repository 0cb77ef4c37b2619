"""Random changes of training images: what each name does, and that a generator fixes it."""

import hashlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.keras_cv import needs_keras_cv
from tests.processes import HERE, NEXT, environment
from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.training.input_augmentation import AUGMENTATIONS, make, parse_names

SHAPES = [(12, 20, 1), (16, 16, 3)]
ALL = tuple(AUGMENTATIONS)


def noise(shape, count=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), "uint8")


def changed(names, images, seed=0):
    return make(names, images.shape[1:])(images, np.random.default_rng(seed))


# ---------------------------------------------------------------- names, without keras-cv


def test_names_are_separated_by_commas():
    assert parse_names("flip") == ("flip",)
    assert parse_names("crop, flip ,rotate") == ("crop", "flip", "rotate")


@pytest.mark.parametrize("names", ["", "flop", "flip,", "flip rotate", "Flip"])
def test_unknown_names_are_refused_with_the_known_ones(names):
    received = ", ".join(name.strip() for name in names.split(","))
    expected = f"Augmentations are {', '.join(ALL)}; .* Received: {received}$"
    with pytest.raises(InvalidInputError, match=expected):
        parse_names(names)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        *((names, "Augmentations are flip") for names in ((), "flip", None, {"flip"}, [["flip"]])),
        (("flip", "crop", "flip"), r"once\. Received: flip, crop, flip"),
        (("brightness",), r"brightness.*1 or 3 channels.*\(8, 8, 4\)"),
        (("contrast",), r"contrast.*1 or 3 channels.*\(8, 8, 4\)"),
    ],
)
def test_names_that_dont_go_together_or_with_the_images(names, expected):
    with pytest.raises(InvalidInputError, match=expected):
        make(names, (8, 8, 4))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "keras-gan-zoo\[cv\]"'):
        make(("flip",), (8, 8, 3))


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = """
import sys
import zoo
from zoo import imports
from zoo.images import gallery
from zoo.training import input_augmentation
input_augmentation.parse_names("flip,rotate")
print(*sys.modules)
"""
    loaded = set(run(HERE, code).split())
    assert "zoo.training.input_augmentation" in loaded
    assert not {"keras", "keras_cv", "tensorflow", "matplotlib"} & loaded


def run(backend, code):
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(backend),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


# -------------------------------------------------------------------- what all have in common


@needs_keras_cv
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALL)
def test_a_generator_fixes_the_images(name, shape):
    augment, images = make((name,), shape), noise(shape)
    first = augment(images, np.random.default_rng(3))
    np.testing.assert_array_equal(images, noise(shape))
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    again, other = (augment(images, np.random.default_rng(seed)) for seed in (3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != images).any()
    assert (first != other).any()
    np.testing.assert_array_equal(first, changed((name,), images, seed=3))


@needs_keras_cv
def test_another_process_on_another_backend_makes_the_same_images():
    code = """
import hashlib
import numpy as np
from tests.training.test_input_augmentation import ALL, make, noise
augment, rng = make(ALL, (16, 16, 3)), np.random.default_rng(5)
augment(noise((16, 16, 3)), rng)
print(hashlib.sha256(augment(noise((16, 16, 3)), rng).tobytes()).hexdigest())
"""
    augment, rng = make(ALL, (16, 16, 3)), np.random.default_rng(5)
    augment(noise((16, 16, 3)), rng)
    second = augment(noise((16, 16, 3)), rng)
    assert run(NEXT, code).split()[-1] == hashlib.sha256(second.tobytes()).hexdigest()


@needs_keras_cv
@pytest.mark.parametrize("name", ALL)
def test_a_run_resumes_from_the_generators_state(name):
    augment, rng = make((name,)), np.random.default_rng(0)
    augment(noise((8, 8, 3)), rng)
    state = rng.bit_generator.state
    after = augment(noise((8, 8, 3), seed=1), rng)
    resumed = np.random.default_rng(77)
    resumed.bit_generator.state = state
    again = make((name,))(noise((8, 8, 3), seed=1), resumed)
    np.testing.assert_array_equal(again, after)
    # What the images show has no part in how far the generator moves.
    blank = np.random.default_rng(0)
    augment(np.zeros((6, 8, 8, 3), "uint8"), blank)
    assert blank.bit_generator.state == state


@needs_keras_cv
def test_no_other_generator_moves():
    keras.utils.set_random_seed(0)
    before = np.asarray(keras.random.uniform((4,))), np.random.random(4)
    keras.utils.set_random_seed(0)
    changed(ALL, noise((8, 8, 3)))
    after = np.asarray(keras.random.uniform((4,))), np.random.random(4)
    np.testing.assert_array_equal(before, after)


@needs_keras_cv
def test_the_precision_of_training_is_not_the_images():
    images = noise((16, 16, 3))
    expected = changed(ALL, images)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        np.testing.assert_array_equal(changed(ALL, images), expected)
    finally:
        keras.config.set_dtype_policy(policy)


@needs_keras_cv
def test_names_are_applied_in_their_order():
    images, rng = noise((16, 16, 3)), np.random.default_rng(0)
    expected = make(("crop",))(make(("flip",))(images, rng), rng)
    augment = make(["flip", "crop"], (16, 16, 3))
    assert augment.names == ("flip", "crop")
    np.testing.assert_array_equal(augment(images, np.random.default_rng(0)), expected)


@needs_keras_cv
@pytest.mark.parametrize("count", [0, 1])
def test_small_batches(count):
    assert changed(ALL, noise((8, 8, 1), count)).shape == (count, 8, 8, 1)


@needs_keras_cv
def test_other_arrays_are_refused():
    with pytest.raises(InvalidInputError, match=r"\(N, 8, 8, 3\)\. Received: uint8 of shape"):
        make(("flip",), (8, 8, 3))(np.zeros((2, 8, 8, 1), "uint8"), np.random.default_rng(0))


# -------------------------------------------------------------------------- each by itself


@needs_keras_cv
def test_flip_mirrors_half_of_the_images():
    images = noise((6, 8, 3), 200)
    result = changed(("flip",), images)
    mirrored = (result == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored ^ (result == images).all(axis=(1, 2, 3))).all()
    assert 0.35 < mirrored.mean() < 0.65


@needs_keras_cv
@pytest.mark.parametrize("gray", [0, 200])
def test_rotate_leaves_no_corners(gray):
    images = np.full((20, 16, 16, 1), gray, "uint8")
    np.testing.assert_array_equal(changed(("rotate",), images), images)


@needs_keras_cv
def test_rotate_turns_either_way_up_to_ten_degrees():
    # A line through the center: where its right end comes to lie says by how much it turned.
    images = np.zeros((200, 65, 65, 1), "uint8")
    images[:, 32] = 255
    columns = changed(("rotate",), images)[:, :, 56, 0].astype(float)
    heights = (columns * np.arange(65)).sum(axis=1) / columns.sum(axis=1) - 32
    angles = np.degrees(np.arctan2(heights, 56 - 32))
    assert -10.5 < angles.min() < -8
    assert 8 < angles.max() < 10.5


@needs_keras_cv
def test_crop_shifts_by_whole_pixels_and_repeats_the_edge():
    images = noise((20, 30, 3), 200)
    padded = np.pad(images, [(0, 0), (2, 2), (3, 3), (0, 0)], mode="edge")
    result = changed(("crop",), images)
    shifts = np.full((200, 2), 99)
    for row in range(5):
        for column in range(7):
            window = padded[:, row : row + 20, column : column + 30]
            shifts[(result == window).all(axis=(1, 2, 3))] = row, column
    assert {tuple(shift) for shift in shifts} <= {(r, c) for r in range(5) for c in range(7)}
    assert len({tuple(shift) for shift in shifts}) > 30


@needs_keras_cv
def test_cutout_blackens_one_rectangle():
    images = np.full((200, 20, 40, 3), 200, "uint8")
    holes = changed(("cutout",), images) == 0
    for hole in holes:
        rows, columns = hole.any(axis=(1, 2)), hole.any(axis=(0, 2))
        np.testing.assert_array_equal(hole[..., 0], np.outer(rows, columns))
        np.testing.assert_array_equal(hole[..., 0], hole[..., 2])
    heights, widths = holes.any(axis=(2, 3)).sum(axis=1), holes.any(axis=(1, 3)).sum(axis=1)
    # Some lie across the edge; three tenths of the side is the most.
    assert (heights.max(), widths.max()) == (6, 12)
    assert (heights.min() >= 1, widths.min() >= 1) == (True, True)
    share = holes[:, 10].any(axis=(1, 2)).mean()
    assert 0.05 < share < 0.5


@needs_keras_cv
@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_adds_the_same_everywhere(channels):
    images = np.full((200, 4, 4, channels), 100, "uint8")
    levels = changed(("brightness",), images).reshape(200, -1)
    assert (np.ptp(levels, axis=1) == 0).all()
    assert 74 <= levels.min() < 80
    assert 120 < levels.max() <= 126
    white = changed(("brightness",), np.full((50, 4, 4, channels), 255, "uint8"))
    assert white.max() == 255
    assert white.min() >= 229


@needs_keras_cv
@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_keeps_each_channels_mean(channels):
    images = np.full((200, 4, 4, channels), 100, "uint8")
    images[:, :2] = 150
    result = changed(("contrast",), images).astype(int)
    distances = result[:, 0] - result[:, 3]
    assert (np.ptp(distances.reshape(200, -1), axis=1) == 0).all()
    assert 40 <= distances.min() < 43
    assert 57 < distances.max() <= 60
    assert np.abs(result.mean(axis=(1, 2)) - 125).max() <= 1
    flat = np.full((5, 4, 4, channels), 70, "uint8")
    np.testing.assert_array_equal(changed(("contrast",), flat), flat)
