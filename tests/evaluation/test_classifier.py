import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    WeightsMismatchError,
    WeightsNotFoundError,
)
from zoo.evaluation import load_classifier, reference_gaussian
from zoo.evaluation.features.classifier import ARCHITECTURES, build_network, check_images
from zoo.evaluation.tally import Tally

SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "classifiers"
NAMES = sorted(ARCHITECTURES)
# What a card's accuracy must exceed, for its classifier to be worth measuring with.
ACCURACY = {"cifar10": 0.83, "fashion_mnist": 0.92, "mnist": 0.994, "scenes64": 0.85}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def classifier(name):
    return load_classifier(name)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A weights folder of one's own, found before the shipped one."""
    folder = tmp_path / "classifiers"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
    return folder


def blobs(classifier, n=20):
    """Smooth random images: strokes enough to light up the features, the same everywhere."""
    height, width, channels = classifier.image_shape
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    centers = rng.uniform(6, 22, size=(n, 4, 2, 1, 1)) * (height / 28)
    squares = (y - centers[:, :, 0]) ** 2 + (x - centers[:, :, 1]) ** 2
    light = 255 * np.exp(-squares * (28 / height) ** 2 / 12)
    if channels == 1:
        return light.max(axis=1)[..., None].astype(np.uint8)
    colors = rng.uniform(size=(n, 4, 1, 1, channels))
    return (light[..., None] * colors).max(axis=1).astype(np.uint8)


def real_images(name, count=1000):
    """Images for measuring, of all classes, with their labels."""
    from zoo import datasets

    folder = os.environ.get("ZOO_DATA_DIR")
    if not folder or not Path(folder, datasets.info(name).file).is_file():
        pytest.skip(f"ZOO_DATA_DIR names no folder with {datasets.info(name).file}")
    images, labels = datasets.load(name, split=datasets.info(name).splits[1])
    # Some come class by class.
    chosen = np.linspace(0, len(images) - 1, count).astype(int)
    return images[chosen], labels[chosen]


def test_importing_needs_no_keras():
    code = "import sys, zoo.evaluation; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_classifies_the_split_for_measuring(name, classifier):
    images, labels = real_images(name)
    _, probabilities = classifier.features(images)
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    (claimed,) = (v for k, v in classifier.card["metrics"].items() if k.endswith("_accuracy"))
    # Four standard errors of the share in a thousand images.
    assert accuracy == pytest.approx(claimed, abs=4 * (claimed * (1 - claimed) / 1000) ** 0.5)


def test_tells_real_images_from_damaged_ones(name, classifier):
    images, _ = real_images(name, 2000)
    images = np.random.default_rng(0).permutation(images)
    real, images = reference_gaussian(images[::2], classifier), images[1::2]
    good = Tally(classifier)
    good.add(images)
    noise = np.random.default_rng(0).integers(0, 100, images.shape, dtype=np.uint8)
    damaged = reference_gaussian(images // 2 + noise, classifier)
    assert damaged.distance_to(real) > 5 * good.moments.gaussian().distance_to(real)
    assert good.class_scores()["rarest_class_share"] > 0.05
    assert good.class_scores()["confident_share"] > 0.5


def test_is_of_the_data_set(name, classifier):
    from zoo import datasets

    dataset = datasets.info(name)
    assert classifier.image_shape == dataset.image_shape
    assert classifier.classes == len(dataset.classes)


def test_features_do_not_depend_on_the_batch_size(classifier):
    images = blobs(classifier)
    features, probabilities = classifier.features(images)
    assert features.shape == (20, classifier.feature_width)
    assert probabilities.shape == (20, classifier.classes)
    assert features.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    again, _ = classifier.features(images, batch_size=7)
    np.testing.assert_allclose(again, features, atol=1e-4)


def test_features_are_the_same_on_every_backend(name, classifier):
    # Recorded once; each backend's run of the tests compares with the same numbers.
    features, _ = classifier.features(blobs(classifier))
    recorded = np.load(Path(__file__).parent / "features.npz")[name]
    np.testing.assert_allclose(features, recorded, atol=1e-4)


def test_no_images_have_no_features(classifier):
    features, probabilities = classifier.features(blobs(classifier)[:0])
    assert features.shape == (0, classifier.feature_width)
    assert probabilities.shape == (0, classifier.classes)


def test_ignores_the_global_configuration(name, classifier):
    import keras

    images = blobs(classifier)
    before = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        features, _ = load_classifier(name).features(images)
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_image_data_format(before[1])
    np.testing.assert_allclose(features, classifier.features(images)[0], atol=1e-5)


def test_refuses_other_images(classifier):
    height, width, channels = classifier.image_shape
    expected = rf"uint8 array of shape \(N, {height}, {width}, {channels}\)"
    for images in (
        np.zeros((2, height, width, channels), np.float32),
        np.zeros((2, height, width), np.uint8),
        np.zeros((2, height, width, 4 - channels), np.uint8),
        np.zeros((2, 16, 16, channels), np.uint8),
    ):
        with pytest.raises(InvalidInputError, match=expected):
            classifier.features(images)


def test_lists_of_images_are_images():
    assert check_images([np.zeros((2, 3, 1), np.uint8)], (2, 3, 1)).shape == (1, 2, 3, 1)


def test_refuses_an_empty_batch(classifier):
    with pytest.raises(InvalidInputError, match="batch_size"):
        classifier.features(blobs(classifier), batch_size=0)


def test_the_card_tells_the_truth(name, classifier):
    path = SHIPPED / f"{name}.weights.h5"
    card = json.loads((SHIPPED / f"{name}.json").read_text())
    assert card["name"] == name
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["parameters"] == classifier.network.count_params()
    (accuracy,) = (v for k, v in card["metrics"].items() if k.endswith("_accuracy"))
    assert accuracy > ACCURACY[name]
    assert str(classifier.image_shape)[1:-1] in card["input"]
    assert {"dataset", "dataset_license", "recipe", "run"} <= card.keys()
    assert {"seed", "backend", "precision", "device"} <= card["run"].keys()
    assert card["recipe"]["command"] == f"python -m scripts.train_classifier {name}"
    assert path.stat().st_size < 5_000_000


def test_all_that_ships_is_known():
    assert sorted(path.stem for path in SHIPPED.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", ["letters", "", None, []])
def test_unknown_networks_are_refused(name):
    with pytest.raises(InvalidInputError, match="cifar10, fashion_mnist, mnist, scenes64"):
        build_network(name)


def test_changed_weights_are_refused(copied):
    path = copied / "mnist.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    for changed in (content, content[:1000]):
        path.write_bytes(changed)
        with pytest.raises(ChecksumError, match="sha256"):
            load_classifier("mnist")


def test_weights_of_another_network_are_refused(copied):
    import keras

    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    path = copied / "mnist.weights.h5"
    other.save_weights(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (copied / "mnist.json").write_text(json.dumps({"sha256": digest}))
    with pytest.raises(WeightsMismatchError, match="Retrain"):
        load_classifier("mnist")


def test_weights_of_another_data_set_are_refused(copied):
    shutil.copyfile(copied / "mnist.weights.h5", copied / "cifar10.weights.h5")
    shutil.copyfile(copied / "mnist.json", copied / "cifar10.json")
    with pytest.raises(WeightsMismatchError, match=r"scripts\.train_classifier cifar10"):
        load_classifier("cifar10")


def test_a_file_under_the_name_of_no_known_network_is_refused(copied):
    shutil.copyfile(copied / "mnist.weights.h5", copied / "letters.weights.h5")
    shutil.copyfile(copied / "mnist.json", copied / "letters.json")
    with pytest.raises(InvalidInputError, match="name of a classifier"):
        load_classifier("letters")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_card_is_refused(copied, text):
    (copied / "mnist.json").write_text(text)
    with pytest.raises(CardError, match="card"):
        load_classifier("mnist")


@pytest.mark.parametrize("name", ["letters", "../classifiers/mnist", "", None, []])
def test_unknown_classifiers_are_named(name):
    with pytest.raises(WeightsNotFoundError, match="classifier: cifar10, fashion_mnist, mnist"):
        load_classifier(name)
