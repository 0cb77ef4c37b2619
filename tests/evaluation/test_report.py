import json
import os
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import InvalidInputError
from zoo.evaluation import (
    closest_pair_distance,
    evaluate_images,
    load_classifier,
    reference_gaussian,
)
from zoo.evaluation.features.classifier import ARCHITECTURES


class BrightnessClassifier:
    """Stands in for a network: two features that a test can work out by hand."""

    def __init__(self, image_shape=(28, 28, 1), classes=10):
        self.image_shape = image_shape
        self.classes = classes

    def features(self, images, batch_size=500):
        brightness = images.reshape(len(images), -1).mean(axis=1, dtype=np.float32)
        classes = brightness.astype(int) % self.classes
        probabilities = np.full((len(images), self.classes), 0.01, np.float32)
        probabilities[np.arange(len(images)), classes] = 0.91
        probabilities[classes == 9] = 0.1
        return np.stack([brightness, np.zeros_like(brightness)], axis=1), probabilities


def gray(values, image_shape=(28, 28, 1)):
    values = np.asarray(values, np.uint8)
    return np.broadcast_to(values[:, None, None, None], (len(values), *image_shape))


def needs(*names):
    """Skips a test unless ZOO_DATA_DIR has the data sets."""
    from zoo import datasets

    folder = os.environ.get("ZOO_DATA_DIR")
    files = [datasets.info(name).file for name in names]
    there = folder and all(Path(folder, file).is_file() for file in files)
    return pytest.mark.skipif(not there, reason=f"ZOO_DATA_DIR names no folder with {files}")


def test_scores_match_a_calculation_by_hand():
    images, real = gray([0, 1, 2, 3] * 5), gray([10, 12, 14, 16, 18])
    scores = evaluate_images(images, real, BrightnessClassifier(), batch_size=3)
    means, variances = zip(
        *((v.mean(), v.var(ddof=1)) for v in (images[:, 0, 0, 0], real[:, 0, 0, 0])), strict=True
    )
    expected = (means[0] - means[1]) ** 2 + (variances[0] ** 0.5 - variances[1] ** 0.5) ** 2
    assert scores["frechet_distance"] == pytest.approx(expected)
    assert (scores["n"], scores["n_reference"]) == (20, 5)
    assert scores["class_shares"] == [0.25] * 4 + [0.0] * 6
    assert scores["rarest_class_share"] == 0.0
    assert scores["confident_share"] == 1.0
    assert scores["closest_pair_distance"] == 0.0
    assert json.loads(json.dumps(scores)) == scores


def test_any_image_shape_and_number_of_classes():
    shape = (6, 4, 3)
    classifier = BrightnessClassifier(shape, classes=3)
    scores = evaluate_images(gray([0, 1, 1, 4], shape), gray([0, 1, 2], shape), classifier)
    assert scores["class_shares"] == [0.25, 0.75, 0.0]
    for function in (evaluate_images, reference_gaussian):
        arguments = [gray([1, 2]), classifier]
        if function is evaluate_images:
            arguments.insert(1, gray([1, 2], shape))
        with pytest.raises(InvalidInputError, match=r"shape \(N, 6, 4, 3\)"):
            function(*arguments)


def test_a_reference_computed_once_gives_the_same_score():
    images, real = gray(range(9)), gray(range(20, 40))
    classifier = BrightnessClassifier()
    once = reference_gaussian(real, classifier)
    assert once.count == 20
    assert evaluate_images(images, once, classifier) == evaluate_images(images, real, classifier)


def test_unsure_images_are_not_confident():
    scores = evaluate_images(gray([9, 9, 9, 1]), gray([0, 1]), BrightnessClassifier())
    assert scores["confident_share"] == 0.25


def test_refuses_too_few_images():
    with pytest.raises(InvalidInputError, match="at least two"):
        evaluate_images(gray([1]), gray([1, 2]), BrightnessClassifier())
    with pytest.raises(InvalidInputError, match="batch_size"):
        reference_gaussian(gray([1, 2]), BrightnessClassifier(), batch_size=0)


def test_closest_pair():
    images = gray([0, 51, 255, 102])
    assert closest_pair_distance(images) == pytest.approx(0.2)
    # 200 -> 210 and back: unsigned differences would wrap around.
    assert closest_pair_distance(gray([210, 200])) == pytest.approx(10 / 255)
    assert closest_pair_distance(gray([7, 90, 7])) == 0.0
    half = np.zeros((2, 28, 28, 1), np.uint8)
    half[1, :14] = 255
    assert closest_pair_distance(half) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("images", [gray([1]), gray([1, 2]) / 255, np.zeros((3, 0), np.uint8)])
def test_closest_pair_refuses(images):
    with pytest.raises(InvalidInputError, match="at least two uint8 images"):
        closest_pair_distance(images)


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs(n)) for n in ARCHITECTURES])
def test_tells_real_images_from_damaged_ones(name):
    from zoo import datasets

    classifier = load_classifier(name)
    images, _ = datasets.load(name, split=datasets.info(name).splits[1])
    # Some come class by class.
    real = np.random.default_rng(0).permutation(images)[:2000]
    images = real[1::2]
    real = reference_gaussian(real[::2], classifier)
    noise = np.random.default_rng(0).integers(0, 100, images.shape, dtype=np.uint8)
    good = evaluate_images(images, real, classifier)
    damaged = evaluate_images(images // 2 + noise, real, classifier)
    assert damaged["frechet_distance"] > 5 * good["frechet_distance"]
    assert good["rarest_class_share"] > 0.05
    assert good["confident_share"] > 0.5
