"""What the page restores: painted pictures, beside classical methods, and what it refuses."""

import numpy as np
import pytest

from zoo import datasets
from zoo.demo import restoring
from zoo.demo.restoring import find_examples, read_painting, restore_picture
from zoo.errors import DatasetError, InvalidInputError, MissingDependencyError
from zoo.evaluation import baselines
from zoo.evaluation.baselines import METHODS
from zoo.hub import loading

pytestmark = pytest.mark.cross_backend


def painting(height=40, width=32, channels=3, layer=None):
    """What the editor sends: a picture with a painted square."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, channels), "uint8")
    if layer is None:
        layer = np.zeros((height, width, 4), "uint8")
        layer[10:14, 10:16] = 255
    return {"background": picture, "layers": [layer], "composite": picture}


def test_paint_is_the_mask(models):
    value = painting()
    value["layers"].append(np.zeros((40, 32, 4), "uint8"))
    value["layers"][1][0, 0, 3] = 128
    value["layers"][1][1, 1, 3] = 127  # the rim of a smooth brush
    picture, mask = read_painting(value)
    np.testing.assert_array_equal(picture, value["background"])
    expected = np.zeros((40, 32), bool)
    expected[10:14, 10:16] = expected[0, 0] = True
    np.testing.assert_array_equal(mask, expected)


def test_transparent_pictures_lie_on_white():
    value = painting(channels=4)
    value["background"][0, 0] = (10, 20, 30, 0)
    value["background"][0, 1] = (10, 20, 30, 255)
    value["background"][0, 2] = (0, 0, 0, 51)
    picture, _ = read_painting(value)
    assert picture[0, :3].tolist() == [[255] * 3, [10, 20, 30], [204] * 3]


def blank(height, width, value):
    return np.full((height, width, 4), value, "uint8")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "no picture yet"),
        ({"background": None, "layers": [], "composite": None}, "no picture yet"),
        (painting(15, 40), "from 16 to 8192 pixels.*40x15"),
        (painting(2049, 32), "up to 2048 pixels.*32x2049"),
        (painting(layer=blank(40, 32, 0)), "Nothing is painted"),
        (painting(layer=blank(40, 32, 255)), "leave some"),
        (painting(layer=blank(32, 40, 255)), "32x40. Received: 40x32"),
    ],
)
def test_paintings_that_it_refuses(value, message):
    with pytest.raises(InvalidInputError, match=message):
        read_painting(value)


def test_a_picture_is_restored_by_the_model_and_each_method(models):
    pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    picture, mask = read_painting(painting())
    restored, left_out = restore_picture(models, "inpaint_cifar10", picture, mask)
    assert list(restored) == ["inpaint_cifar10", *METHODS]
    assert left_out == {}
    for image in restored.values():
        np.testing.assert_array_equal(image[~mask], picture[~mask])
        assert (image[mask] != picture[mask]).any()
    with models.use("inpaint_cifar10") as (model,):
        expected = model.inpaint(picture, mask)
    np.testing.assert_array_equal(restored["inpaint_cifar10"], expected)


def test_a_gray_picture_is_restored_by_a_gray_model(models):
    value = painting(28, 28)
    value["background"][:] = value["background"][..., :1]
    picture, mask = read_painting(value)
    restored, _ = restore_picture(models, "inpaint_mnist", picture, mask)
    with models.use("inpaint_mnist") as (model,):
        expected = model.inpaint(picture[..., :1], mask)
    np.testing.assert_array_equal(restored["inpaint_mnist"], expected.repeat(3, axis=-1))


def test_methods_without_their_package_are_left_out(models, monkeypatch):
    def absent(module, package):
        raise MissingDependencyError(f"This takes {package}. Run: pip install {package}")

    monkeypatch.setattr(baselines, "import_optional", absent)
    picture, mask = read_painting(painting())
    restored, left_out = restore_picture(models, "inpaint_cifar10", picture, mask)
    assert list(restored) == ["inpaint_cifar10"]
    assert left_out == {
        "telea": "pip install opencv-python-headless",
        "navier_stokes": "pip install opencv-python-headless",
        "biharmonic": "pip install scikit-image",
    }


def test_the_slow_method_is_left_out_where_much_is_missing(models, monkeypatch):
    monkeypatch.setattr(restoring, "MOST_BIHARMONIC", 23)  # one less
    picture, mask = read_painting(painting())
    restored, left_out = restore_picture(models, "inpaint_cifar10", picture, mask)
    assert "biharmonic" not in restored
    assert left_out["biharmonic"] == "slow for more than 23 missing pixels"


@pytest.mark.parametrize(
    ("name", "message"),
    [("inpaint_mnist", "the model is grayscale"), ("dcgan_mnist", "restores none")],
)
def test_models_that_cannot_restore_it(models, name, message):
    with pytest.raises(InvalidInputError, match=message):
        restore_picture(models, name, *read_painting(painting()))


@pytest.mark.parametrize("name", ["inpaint_mnist", "inpaint_cifar10", "inpaint_scenes64"])
def test_examples_are_held_out_images(name):
    card = loading.info(name)
    examples = find_examples(card.config["image_shape"])
    assert len(examples) == 16
    try:
        images, _ = datasets.load(card.dataset, datasets.info(card.dataset).splits[1])
    except DatasetError:
        pytest.skip(f"no {card.dataset}")
    known = {np.broadcast_to(image, examples[0].shape).tobytes() for image in images}
    assert all(example.tobytes() in known for example in examples)


def test_without_a_shipped_model_of_that_shape_there_is_no_example():
    assert find_examples((20, 24, 3)) == []
