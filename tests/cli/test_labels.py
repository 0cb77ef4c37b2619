"""`zoo sample --labels`: which classes are meant, what is drawn, and how it fails."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import (
    PRINT_WHETHER_KERAS_IS_LOADED,
    fail,
    register,
    run_process,
    save_pictures,
    succeed,
)
from zoo.cli.labels import parse_labels, repeat_labels
from zoo.errors import InvalidInputError
from zoo.hub import registry

pytestmark = pytest.mark.cross_backend


@pytest.fixture
def tiny(here):
    register("tiny", "conditional", "fashion_mnist", {"batch_size": 8})
    return "tiny"


@pytest.fixture
def model(weights):
    return zoo.load("tiny", weights=weights)


@pytest.fixture
def draw(weights):
    """What `zoo sample` draws, as an array."""

    def draw(*options):
        arguments = ["--weights", weights, "-o", "a.npy", "--seed", 5, *options]
        succeed("sample", "tiny", *arguments)
        return np.load("a.npy", allow_pickle=False)

    return draw


# --------------------------------------------------------------------- parsing


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("cdcgan_mnist", "7", [7]),
        ("cdcgan_mnist", "7,7,3", [7, 7, 3]),
        ("cdcgan_mnist", " 0 , 9 ", [0, 9]),
        ("cdcgan_cifar10", "cat, 3 ,DOG,Airplane", [3, 3, 5, 0]),
        ("tiny", "ankle boot,T-SHIRT/TOP,9", [9, 0, 9]),
    ],
)
def test_classes_are_numbers_or_names(tiny, name, text, labels):
    assert parse_labels(text, registry.find(name)) == labels


@pytest.mark.parametrize("text", ["10", "-1", "7,frog", "", "7,,3", "7,", "1.0", "٣"])
def test_an_unknown_class_is_named_among_those_there_are(text):
    with pytest.raises(InvalidInputError, match="must be classes of cdcgan_mnist") as caught:
        parse_labels(text, registry.find("cdcgan_mnist"))
    assert "numbers from 0 to 9." in str(caught.value)
    unknown = next(item for item in text.split(",") if item not in ("7", "3"))
    assert str(caught.value).endswith(f"Received: {unknown!r}")


def test_the_names_there_are_are_listed():
    with pytest.raises(InvalidInputError, match=r"0 airplane, 1 automobile, .* 9 truck\. Received"):
        parse_labels("dragon", registry.find("cdcgan_cifar10"))


def test_a_model_without_classes_is_refused():
    with pytest.raises(InvalidInputError, match=r"cdcgan_cifar10, cdcgan_mnist.*: dcgan_mnist"):
        parse_labels("7", registry.find("dcgan_mnist"))


@pytest.mark.parametrize(("dataset", "classes"), [("", 3), ("my_photos", 3), ("cifar10", 3)])
def test_classes_of_other_data_have_numbers_only(here, dataset, classes):
    register("own", "conditional", dataset, classes=classes)
    assert parse_labels("2,0", registry.find("own")) == [2, 0]
    with pytest.raises(InvalidInputError, match=r"numbers from 0 to 2\. Received: 'cat'"):
        parse_labels("cat", registry.find("own"))


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [7]), (3, [7, 7, 3]), (5, [7, 7, 3, 7, 7]), (6, [7, 7, 3] * 2)]
)
def test_labels_are_repeated(count, expected):
    assert repeat_labels([7, 7, 3], count) == expected


# -------------------------------------------------------------------- sampling


def test_sample_draws_the_classes(draw, model):
    images = draw("--labels", "7,Dress,7")
    assert np.array_equal(images, model.generate(3, seed=5, labels=[7, 3, 7]))
    assert not np.array_equal(images, model.generate(3, seed=5, labels=[7, 4, 7]))


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--labels", "7"], [7] * 64),
        (["--labels", "7", "-n", 2], [7, 7]),
        (["--labels", "7,3", "-n", 5], [7, 3, 7, 3, 7]),
        (["--labels", "7,3,1", "-n", 2], [7, 3]),
    ],
)
def test_sample_repeats_the_classes_to_fill_the_count(draw, model, options, labels):
    assert np.array_equal(draw(*options), model.generate(seed=5, labels=labels, count=len(labels)))


def test_without_labels_classes_are_drawn_by_the_seed(draw, model):
    assert np.array_equal(draw("-n", 6), model.generate(6, seed=5))
    assert len(draw()) == 64


@pytest.mark.parametrize("options", [["--labels", "7,3"], ["-n", 3]])
def test_a_walk_keeps_the_classes_and_begins_at_the_grid(weights, model, monkeypatch, options):
    asked, generate = [], type(model).generate

    def spy(self, *arguments, labels=None, **rest):
        asked.append(labels)
        return generate(self, *arguments, labels=labels, **rest)

    arguments = ["sample", "tiny", "--weights", weights, "--seed", 5, *options]
    succeed(*arguments, "-o", "still.gif")
    monkeypatch.setattr(type(model), "generate", spy)
    succeed(*arguments, "-o", "walk.gif", "--interpolate")
    wanted = [7, 3] if "--labels" in options else model.sample_labels(3, seed=5).tolist()
    assert len(asked) > 20
    assert all(list(labels) == wanted for labels in asked)
    with Image.open("walk.gif") as walk, Image.open("still.gif") as still:
        first, grid = (np.asarray(image.convert("RGB"), "int") for image in (walk, still))
    assert np.abs(first - grid).max() <= 1


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("tiny", "7,frog", "0 T-shirt/top, 1 Trouser"),
        ("dcgan_mnist", "7", "cdcgan_mnist"),
        ("inpaint_mnist", "7", "zoo inpaint"),
    ],
)
def test_sample_refuses_labels_before_it_builds_a_model(
    tiny, builds_no_model, name, labels, expected
):
    assert expected in fail("sample", name, "--labels", labels)


def test_labels_are_checked_before_keras_is_imported(here):
    arguments = ["sample", "cdcgan_mnist", "--labels", "frog"]
    result = run_process(*arguments, code=PRINT_WHETHER_KERAS_IS_LOADED)
    assert (result.returncode, result.stdout) == (2, "False\n")
    assert "'frog'" in result.stderr


# -------------------------------------------------------------------- training


def test_training_takes_a_folder_for_each_class(tiny, here):
    for index in range(10):
        save_pictures(here / "labeled" / f"class{index}", 3, (16, 16))
    options = ["train", tiny, "--data", "labeled", "--precision", "float32"]
    succeed(*options, "--out", "run")
    images = zoo.load(tiny, weights="run/tiny.weights.h5").generate(labels=[9, 0], seed=0)
    assert images.shape == (2, 16, 16, 1)
    Path("labeled/class0").rename("labeled/class1/deeper")
    said = fail(*options, "--out", "other")
    assert "needs 10 classes" in said
    assert "Received: 9 in labeled: class1, class2" in said
