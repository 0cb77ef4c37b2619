"""`zoo train --augment` and `zoo sample --gallery`: what they take, and how they fail."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import fail, register, succeed
from tests.keras_cv import needs_keras_cv
from zoo import datasets
from zoo.training.input_augmentation import AUGMENTATIONS

pytestmark = pytest.mark.cross_backend


@pytest.fixture
def tiny(here, monkeypatch):
    """The name of a model that has a data set."""
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    monkeypatch.setattr(datasets, "load", lambda *_: (images, np.zeros(20, "int64")))
    register("tiny", dataset="cifar10")
    return "tiny"


@pytest.fixture
def without_keras_cv(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)


@pytest.fixture
def reads_no_data(monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("data were read"))


# ------------------------------------------------------------------------ train --augment


@pytest.fixture
def given(monkeypatch):
    """What changes the images in each call of `training.train`, which does nothing."""
    given = []
    monkeypatch.setattr("zoo.training.run.train", lambda *_, augment, **__: given.append(augment))
    return given


@needs_keras_cv
def test_train_hands_over_what_changes_the_images(tiny, given):
    succeed("train", "tiny", "--augment", "crop, flip")
    (augment,) = given
    assert augment.names == ("crop", "flip")
    assert augment.image_shape == (8, 8, 3)
    images = datasets.load("cifar10")[0]
    assert augment(images, np.random.default_rng(0)).shape == images.shape


def test_train_takes_images_as_they_are_by_default(tiny, given, without_keras_cv):
    succeed("train", "tiny")
    assert given == [None]


def test_train_lists_the_augmentations_for_an_unknown_one(tiny, reads_no_data):
    error = fail("train", "tiny", "--augment", "flip,spin")
    assert f"Augmentations are {', '.join(AUGMENTATIONS)}" in error
    assert error.endswith("Received: flip, spin\n")


def test_train_says_what_to_install_before_it_reads_data(tiny, without_keras_cv, reads_no_data):
    assert 'pip install "keras-gan-zoo[cv]"' in fail("train", "tiny", "--augment", "flip")


def test_the_help_names_every_augmentation():
    text = " ".join(succeed("train", "--help").split())
    assert f"{', '.join(AUGMENTATIONS)}, separated by commas" in text


# ----------------------------------------------------------------------- sample --gallery


@needs_keras_cv
@pytest.mark.parametrize(
    ("options", "written"),
    [
        ([], "tiny.png"),
        (["-o", "mine.png"], "mine.png"),
        (["-o", "epoch.12"], "epoch.12"),
        (["--format", "png", "-o", "A.PNG"], "A.PNG"),
    ],
)
def test_sample_draws_a_gallery(tiny, weights, options, written):
    assert written in succeed("sample", tiny, "--weights", weights, "-n", 4, "--gallery", *options)
    assert set(os.listdir()) - {"weights"} == {weights, written}
    with Image.open(written) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        gallery = np.asarray(picture)
    images = zoo.load(tiny, weights=weights).generate(4, seed=0)
    height, width = gallery.shape[0] // 2, gallery.shape[1] // 2
    # The first pixel of the first image, and the last of the last, a little inside.
    np.testing.assert_array_equal(gallery[3, 3, :3], images[0, 0, 0])
    np.testing.assert_array_equal(gallery[-4, -4, :3], images[3, -1, -1])
    assert min(height, width) > 60


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--interpolate"], "draws a png. Received: --interpolate"),
        (["--format", "npy"], "draws a png. Received: --format npy"),
        (["-o", "walk.gif"], "--gallery writes a png file, but the output ends in .gif"),
        (["-n", "401"], "up to 400 images"),
    ],
)
def test_sample_refuses_before_it_builds_a_model(tiny, builds_no_model, options, expected):
    assert expected in fail("sample", tiny, "--gallery", *options)


def test_sample_says_what_to_install_before_it_draws(tiny, builds_no_model, without_keras_cv):
    assert 'pip install "keras-gan-zoo[cv]"' in fail("sample", tiny, "--gallery")
