"""`zoo train --augment` and `zoo sample --gallery`: what they take, and how they fail."""

import os
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import zoo
from tests.keras_cv import needs_keras_cv
from zoo import datasets
from zoo.cli import app
from zoo.hub import catalog, registry
from zoo.hub.specs import ModelSpec
from zoo.hub.weights import save_weights
from zoo.training.input_augmentation import AUGMENTATIONS

CONFIG = {"image_shape": (8, 8, 3), "hidden_units": (4,), "latent_dim": 3}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The name of a model that has a data set; the current folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    monkeypatch.setattr(datasets, "load", lambda *_: (images, np.zeros(20, "int64")))
    registry.add(ModelSpec("tiny", **catalog.VANILLA_GAN, config=CONFIG, dataset="cifar10"))
    yield "tiny"
    registry.unregister("tiny")


@pytest.fixture
def weights(tiny, tmp_path):
    path = tmp_path / "weights" / "tiny.weights.h5"
    path.parent.mkdir()
    save_weights(zoo.load(tiny, weights=None, seed=1), path)
    return path


@pytest.fixture
def without_keras_cv(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)


@pytest.fixture
def reads_no_data(monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("data were read"))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="zoo")


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments):
    """The error line of a command that must fail with nothing else to say, or to leave behind."""
    before = sorted(os.listdir())
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    assert sorted(os.listdir()) == before
    return result.stderr


# ------------------------------------------------------------------------ train --augment


@needs_keras_cv
def test_train_hands_over_what_changes_the_images(tiny, monkeypatch):
    given = []
    monkeypatch.setattr("zoo.training.run.train", lambda *_, augment, **__: given.append(augment))
    succeed("train", "tiny", "--augment", "crop, flip")
    (augment,) = given
    assert augment.names == ("crop", "flip")
    assert augment.image_shape == (8, 8, 3)
    images = datasets.load("cifar10")[0]
    assert augment(images, np.random.default_rng(0)).shape == images.shape


def test_train_takes_images_as_they_are_unless_asked(tiny, monkeypatch, without_keras_cv):
    given = []
    monkeypatch.setattr("zoo.training.run.train", lambda *_, augment, **__: given.append(augment))
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
    assert f"{', '.join(AUGMENTATIONS)}, with commas between" in text


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
    assert set(os.listdir()) == {"weights", written}
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
        (["--interpolate"], "a png. Received: --interpolate"),
        (["--format", "npy"], "a png. Received: --format npy"),
        (["-o", "walk.gif"], "--gallery writes a png file, but the output ends in .gif"),
        (["-n", "401"], "up to 400 images"),
    ],
)
def test_sample_refuses_before_it_loads_a_model(tiny, monkeypatch, options, expected):
    monkeypatch.setattr(
        "zoo.hub.specs.ModelSpec.build", lambda *_, **__: pytest.fail("a model was built")
    )
    assert expected in fail("sample", tiny, "--gallery", *options)


def test_sample_says_what_to_install_before_it_draws(tiny, monkeypatch, without_keras_cv):
    monkeypatch.setattr(
        "zoo.hub.specs.ModelSpec.build", lambda *_, **__: pytest.fail("a model was built")
    )
    assert 'pip install "keras-gan-zoo[cv]"' in fail("sample", tiny, "--gallery")
