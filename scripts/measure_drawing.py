"""What samples of a drawing model score: the measuring half of `scripts.release`."""

import shutil
from pathlib import Path

import numpy as np

import zoo
from zoo import datasets, evaluation
from zoo.files import replacing

SAMPLES = 10_000
DIGITS = 3  # significant ones in a card
OPTIONS = {"peers"}


def measure(card, weights, peers=None):
    """Scores of a run's weights, with the protocol that they hold for.

    Args:
        card: `zoo.ModelCard`.
        weights: path of its weights file.
        peers: path of a `.npz` of uint8 arrays (N, H, W, C), or `None`.

    Returns:
        dict for `ModelCard.metrics`.
    """
    train, held_out = datasets.info(card.dataset).splits
    classifier = evaluation.load_classifier(card.dataset)
    real = evaluation.reference_gaussian(datasets.load(card.dataset, held_out)[0], classifier)
    model = zoo.load(card.name, weights=weights)
    sets = {"real training images": _some(datasets.load(card.dataset, train)[0])}
    if peers is not None:
        with np.load(peers) as arrays:
            sets.update(arrays)
    scores = _score(model.generate(SAMPLES, seed=0), real, classifier)
    return {
        "command": "python -m scripts.release",
        "protocol": (
            f"{SAMPLES} samples (seed 0, inference mode, float32) against the {real.count} "
            f"{held_out} images, in the features of classifiers/{card.dataset}"
        ),
        "classifier_sha256": classifier.card["sha256"],
        **scores,
        "others": {name: _score(images, real, classifier) for name, images in sets.items()},
    }


def write_picture(card, run, path):
    """Copies the run's picture to `path`, whole or not at all."""
    with replacing(path) as temporary:
        shutil.copyfile(Path(run) / card.files["picture"], temporary)


def _some(images):
    # By chance, since some data sets come class by class.
    count = min(SAMPLES, len(images))
    return images[np.random.default_rng(0).choice(len(images), count, replace=False)]


def _score(images, real, classifier):
    scores = evaluation.evaluate_images(images, real, classifier)
    scores = {key: value for key, value in scores.items() if key not in ("n", "n_reference")}
    scores["class_shares"] = [round(share, 4) for share in scores["class_shares"]]
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in scores.items()
    }
