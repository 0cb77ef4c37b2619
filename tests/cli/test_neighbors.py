"""`zoo neighbors`: the picture that it writes, and how it fails."""

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import fail, register, save_fresh_weights, succeed
from tests.evaluation.stand_ins import Extractor, load_photos
from zoo import datasets
from zoo.evaluation.features import extractors
from zoo.images.grids import make_grid

pytestmark = pytest.mark.cross_backend


@pytest.fixture
def weights(here, monkeypatch):
    monkeypatch.setattr(
        datasets, "load", lambda name, split="train": load_photos(name, split, (28, 28, 1))
    )
    monkeypatch.setattr(extractors, "load_extractor", Extractor)
    register("tiny", dataset="mnist", image_shape=(28, 28, 1))
    register("homeless")
    return save_fresh_weights("tiny")


def test_each_sample_is_followed_by_its_nearest_images(weights):
    said = succeed("neighbors", "tiny", "--weights", weights, "-n", 3, "-k", 4, "--seed", 2)
    assert "3 samples, each followed by its 4 nearest" in said
    with Image.open("tiny-neighbors.png") as picture:
        pixels = np.asarray(picture)
    samples = zoo.load("tiny", weights=weights).generate(3, seed=2)
    train, _ = datasets.load("mnist")
    indices, _ = zoo.evaluation.nearest_images(samples, train, Extractor(), 4)
    grid = make_grid(zoo.evaluation.neighbor_grid(samples, train, indices), columns=5)
    scale = pixels.shape[0] // grid.shape[0]
    np.testing.assert_array_equal(pixels[::scale, ::scale], grid[..., 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "-k", "0"], "-k=0"),
        (["tiny", "-n", "0"], "-n=0"),
        (["tiny", "--seed", "-1"], "--seed=-1"),
        (["tiny", "-k", "100000"], "-k=100000"),
        (["tiny", "-o", "a.gif"], r"must end in .png. Received: a.gif"),
        (["tiny", "--weights", "missing.weights.h5"], "no weights file at missing"),
        (["homeless"], "no data set of its own"),
        (["inpaint_mnist"], "restores pictures"),
    ],
)
def test_refuses_and_writes_nothing(weights, arguments, message):
    if "--weights" not in arguments and "homeless" not in arguments:
        arguments = [*arguments, "--weights", weights]
    assert message in fail("neighbors", *arguments)
