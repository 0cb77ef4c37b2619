"""What samples of a drawing model score: the measuring half of `scripts.release`."""

import shutil
from pathlib import Path

import numpy as np

import zoo
from scripts.rounding import rounded
from zoo import datasets, evaluation
from zoo.files import replacing

SAMPLES = 10_000
DIGITS = 4  # significant ones in a card
OPTIONS = {"peers"}
TRAINING_SAMPLES, TRAINING_EPOCHS = 10_000, 3
"""Of the classification accuracy score: what a classifier is trained on, and how long."""


def measure(card, weights, peers=None):
    """Scores of a run's weights, with the protocol that they hold for.

    Args:
        card: `zoo.ModelCard`.
        weights: path of its weights file.
        peers: path of a `.npz` of uint8 arrays (N, H, W, C), or `None`.

    Returns:
        dict for `ModelCard.metrics`.
    """
    dataset = card.dataset
    extractor = evaluation.load_extractor(dataset)
    model = zoo.load(card.name, weights=weights)
    record = evaluation.evaluate(model, dataset, extractor, SAMPLES, memorized=True)
    floor = evaluation.evaluate_training_images(dataset, extractor, SAMPLES)
    others = {"real training images": floor["scores"]}
    if peers is not None:
        with np.load(peers, allow_pickle=False) as arrays:
            for name, images in arrays.items():
                others[name] = evaluation.evaluate(images, dataset, extractor, SAMPLES)["scores"]
    scores = dict(record["scores"])
    if hasattr(model, "sample_labels"):
        scores["classification_accuracy_score"] = _classification_score(model, dataset)
    return {
        "command": f"zoo evaluate {card.name} --memorization",
        "protocol": record["protocol"],
        **rounded(scores, DIGITS),
        "others": rounded(others, DIGITS),
    }


def write_picture(card, run, path):
    """Copies the run's picture to `path`, whole or not at all."""
    with replacing(path) as temporary:
        shutil.copyfile(Path(run) / card.files["picture"], temporary)


def _classification_score(model, dataset):
    """Of a class-conditional model's images, and of as many real ones."""
    labels = np.arange(TRAINING_SAMPLES) % model.classes
    images, truth = datasets.load(dataset, datasets.info(dataset).splits[0])
    some = np.random.default_rng(0).permutation(len(images))[:TRAINING_SAMPLES]

    def score(images, labels):
        return evaluation.classification_accuracy_score(images, labels, dataset, TRAINING_EPOCHS)

    return {
        "generated": score(model.generate(labels=labels, seed=0), labels),
        "real": score(images[some], truth[some]),
        "images": len(some),
        "epochs": TRAINING_EPOCHS,
        "seed": 0,
    }
