"""`zoo explore`: the picture that it writes, and how it fails."""

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import fail, register, save_fresh_weights, succeed
from tests.evaluation.stand_ins import Extractor
from zoo import latents
from zoo.evaluation.features import classifier
from zoo.images.grids import make_grid

pytestmark = pytest.mark.cross_backend


@pytest.fixture
def weights(here, monkeypatch):
    monkeypatch.setattr(classifier, "load_classifier", Extractor)
    register("tiny", dataset="mnist", image_shape=(28, 28, 1))
    register("homeless")
    register("conditional", "conditional", dataset="mnist")
    return save_fresh_weights("tiny")


def pixels(path, expected, columns):
    """Checks that a picture is the grid of images."""
    grid = make_grid(expected, columns=columns)
    with Image.open(path) as picture:
        shown = np.asarray(picture)
    scale = shown.shape[0] // grid.shape[0]
    np.testing.assert_array_equal(shown[::scale, ::scale], grid[..., 0])


def test_a_row_for_each_direction_with_one_image_in_the_middle(weights):
    options = ["-n", 2, "--steps", 5, "--distance", 2, "--seed", 3, "--truncation", 0.5]
    options += ["--psi", 0.9]
    said = succeed("explore", "tiny", "--weights", weights, *options)
    assert "2 directions from one image, 5 images along each" in said
    model = zoo.load("tiny", weights=weights)
    truncated = {"truncation": 0.5, "psi": 0.9}
    start = model.sample_latent(1, 3, **truncated)[0]
    directions = latents.closed_form_directions(model, 2)
    grid = model.generate(latents=latents.direction_grid(start, directions, 5, 2.0))
    np.testing.assert_array_equal(grid[2], model.generate(1, 3, **truncated)[0])
    pixels("tiny-explore.png", grid, 5)


def test_toward_the_classes_that_a_classifier_sees(weights):
    succeed("explore", "tiny", "--weights", weights, "--by", "classes", "-o", "a.png")
    model = zoo.load("tiny", weights=weights)
    drawn = model.sample_latent(5000, seed=0)
    _, probabilities = Extractor().features(model.generate(latents=drawn))
    directions = latents.class_directions(drawn, probabilities.argmax(axis=1))
    rows = latents.direction_grid(model.sample_latent(1, 0)[0], directions, 9, 4.0)
    pixels("a.png", model.generate(latents=rows), 9)


def test_all_images_of_a_conditional_model_are_of_one_class(weights):
    weights = save_fresh_weights("conditional")
    succeed("explore", "conditional", "--weights", weights, "-n", 1, "--label", "7", "-o", "a.png")
    model = zoo.load("conditional", weights=weights)
    directions = latents.closed_form_directions(model, 1)
    rows = latents.direction_grid(model.sample_latent(1, 0)[0], directions, 9, 4.0)
    pixels("a.png", model.generate(latents=rows, labels=7), 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "-n", "0"], "-n=0"),
        (["tiny", "--steps", "4"], "--steps=4"),
        (["tiny", "--distance", "0"], "--distance=0"),
        (["tiny", "--truncation", "0"], "--truncation=0"),
        (["tiny", "--seed", "-1"], "--seed=-1"),
        (["tiny", "--label", "7"], "no classes"),
        (["conditional", "--label", "7,3"], "one class"),
        (["conditional", "--by", "classes"], "--label"),
        (["homeless", "--by", "classes"], "no data set of the zoo"),
        (["tiny", "-o", "a.gif"], "must end in .png"),
        (["tiny", "--weights", "missing.weights.h5"], "no weights file at missing"),
        (["inpaint_mnist"], "restores pictures"),
    ],
)
def test_refuses_and_writes_nothing(weights, arguments, message):
    if "--weights" not in arguments and arguments[0] == "tiny":
        arguments = [*arguments, "--weights", weights]
    assert message in fail("explore", *arguments)
