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
from zoo.evaluation import load_classifier
from zoo.evaluation.classifier import FEATURE_WIDTH

SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "classifiers"

needs_data = pytest.mark.skipif(
    not os.environ.get("ZOO_DATA_DIR"), reason="ZOO_DATA_DIR names no folder with MNIST"
)


@pytest.fixture(scope="module")
def classifier():
    return load_classifier("mnist")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A weights folder of one's own, found before the shipped one."""
    folder = tmp_path / "classifiers"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
    return folder


def blobs(n=20):
    """Smooth random images: strokes enough to light up the features, the same everywhere."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:28, :28]
    centers = rng.uniform(6, 22, size=(n, 4, 2, 1, 1))
    squares = (y - centers[:, :, 0]) ** 2 + (x - centers[:, :, 1]) ** 2
    return (255 * np.exp(-squares / 12).max(axis=1))[..., None].astype(np.uint8)


def test_importing_needs_no_keras():
    code = "import sys, zoo.evaluation; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_data
def test_classifies_the_test_set(classifier):
    from zoo import datasets

    images, labels = datasets.load("mnist", split="test")
    _, probabilities = classifier.features(images[:1000])
    assert np.mean(probabilities.argmax(axis=1) == labels[:1000]) > 0.99


def test_features_do_not_depend_on_the_batch_size(classifier):
    images = blobs()
    features, probabilities = classifier.features(images)
    assert features.shape == (20, FEATURE_WIDTH)
    assert probabilities.shape == (20, 10)
    assert features.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    again, _ = classifier.features(images, batch_size=7)
    np.testing.assert_allclose(again, features, atol=1e-4)


def test_features_are_the_same_on_every_backend(classifier):
    # Recorded once; each backend's run of the tests compares with the same numbers.
    features, _ = classifier.features(blobs())
    recorded = np.load(Path(__file__).parent / "features.npy")
    np.testing.assert_allclose(features, recorded, atol=1e-4)


def test_no_images_have_no_features(classifier):
    features, probabilities = classifier.features(blobs()[:0])
    assert features.shape == (0, FEATURE_WIDTH)
    assert probabilities.shape == (0, 10)


def test_ignores_the_global_policy(classifier):
    import keras

    before = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        features, _ = load_classifier("mnist").features(blobs())
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_image_data_format(before[1])
    np.testing.assert_allclose(features, classifier.features(blobs())[0], atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28, 1), np.float32),
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((2, 32, 32, 3), np.uint8),
    ],
)
def test_refuses_other_images(classifier, images):
    with pytest.raises(InvalidInputError, match=r"uint8 images of shape \(N, 28, 28, 1\)"):
        classifier.features(images)


def test_refuses_an_empty_batch(classifier):
    with pytest.raises(InvalidInputError, match="batch_size"):
        classifier.features(blobs(), batch_size=0)


def test_the_card_tells_the_truth(classifier):
    path = SHIPPED / "mnist.weights.h5"
    card = json.loads((SHIPPED / "mnist.json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["parameters"] == classifier.network.count_params()
    assert card["metrics"]["test_accuracy"] > 0.994
    assert {"dataset", "dataset_license", "recipe", "run"} <= card.keys()
    assert {"seed", "backend", "precision", "device"} <= card["run"].keys()
    assert path.stat().st_size < 1_000_000


def test_tampered_weights_are_refused(copied):
    path = copied / "mnist.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumError, match="sha256"):
        load_classifier("mnist")


def test_truncated_weights_are_refused(copied):
    path = copied / "mnist.weights.h5"
    path.write_bytes(path.read_bytes()[:1000])
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


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_card_is_refused(copied, text):
    (copied / "mnist.json").write_text(text)
    with pytest.raises(CardError, match="card"):
        load_classifier("mnist")


@pytest.mark.parametrize("name", ["letters", "../classifiers/mnist", "", None])
def test_unknown_classifiers_are_named(name):
    with pytest.raises(WeightsNotFoundError, match="classifier: mnist"):
        load_classifier(name)
