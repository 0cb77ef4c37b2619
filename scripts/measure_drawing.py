"""Scores the samples of a model that draws: half of the measuring of `scripts.release`."""

import shutil
from pathlib import Path

import numpy as np

import zoo
from zoo import datasets, evaluation
from zoo.files import replacing
from zoo.hub.cards import ModelCard

SAMPLES = 10_000
OPTIONS = {"peers"}
TRAINING_SAMPLES, TRAINING_EPOCHS = 10_000, 3
"""Images and epochs that the classifier of the classification accuracy score is trained on."""


def measure(card: ModelCard, weights: Path, peers: Path | None = None) -> dict:
    """Scores a run's weights, and records the protocol.

    Args:
        card: the run's card.
        weights: its weights file.
        peers: `.npz` file of other models' samples, uint8 arrays of shape `(N, H, W, C)`.

    Returns:
        `ModelCard.metrics`.
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
        **scores,
        "others": others,
    }


def write_picture(card: ModelCard, run: Path, path: Path) -> None:
    """Copies the run's picture to `path`, atomically."""
    with replacing(path) as temporary:
        shutil.copyfile(Path(run) / card.files["picture"], temporary)


def _classification_score(model, dataset):
    """Scores a class-conditional model's images, and as many real ones."""
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
