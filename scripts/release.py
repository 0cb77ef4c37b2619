"""Measures what a training run made, and puts it into `weights/` with a complete card.

    python -m scripts.release runs/dcgan_mnist --peers PEERS.npz

Draws 10,000 samples and scores them against the data set's test split, beside real training
images (the floor) and, if given, the samples of other people's models.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path

import numpy as np

import zoo
from zoo import datasets, evaluation, registry
from zoo.cards import ModelCard
from zoo.errors import CardError
from zoo.files import replacing

SAMPLES = 10_000
DIGITS = 3  # significant ones in a card


def measure(card, weights, peers=None):
    """Scores of a run's weights, with the protocol that they hold for.

    Args:
        card: `zoo.ModelCard`.
        weights: path of its weights file.
        peers: path of a `.npz` of uint8 arrays (N, H, W, C), or `None`.

    Returns:
        dict for `ModelCard.metrics`.
    """
    classifier = evaluation.load_classifier(card.dataset)
    test = evaluation.reference_gaussian(datasets.load(card.dataset, "test")[0], classifier)
    model = zoo.load(card.name, weights=weights)
    sets = {"real training images": datasets.load(card.dataset, "train")[0][:SAMPLES]}
    if peers is not None:
        with np.load(peers) as arrays:
            sets.update(arrays)
    scores = _score(model.generate(SAMPLES, seed=0), test, classifier)
    return {
        "command": "python -m scripts.release",
        "protocol": (
            f"{SAMPLES} samples (seed 0, inference mode, float32) against the {test.count} test "
            f"images, in the features of classifiers/{card.dataset}"
        ),
        "classifier_sha256": classifier.card["sha256"],
        **scores,
        "others": {name: _score(images, test, classifier) for name, images in sets.items()},
    }


def _score(images, test, classifier):
    scores = evaluation.evaluate_images(images, test, classifier)
    scores = {key: value for key, value in scores.items() if key not in ("n", "n_reference")}
    scores["class_shares"] = [round(share, 4) for share in scores["class_shares"]]
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in scores.items()
    }


def release(run, folder, peers=None):
    """Copies a run's weights and picture into `folder`, with a card that has everything."""
    (path,) = Path(run).glob("*.json")
    card = ModelCard.read(path)
    weights = path.with_name(card.files["weights"])
    license = datasets.info(card.dataset).license
    spec = registry.find(card.name)
    card = dataclasses.replace(
        card,
        metrics=measure(card, weights, peers),
        description=spec.description,
        paper=spec.paper,
        limits=spec.limits,
        dataset_license=license,
        license=f"{license}, as the images it was trained on",
    )
    missing = card.missing_for_release()
    if missing:
        raise CardError(f"The card of {card.name} lacks {', '.join(missing)}.")
    for kind in ("weights", "picture"):
        source = path.with_name(card.files[kind])
        with replacing(Path(folder) / source.name) as temporary:
            shutil.copyfile(source, temporary)
    card.write(Path(folder) / path.name)
    return card


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder that `zoo train` wrote")
    parser.add_argument("--peers", help=".npz of other models' samples to score beside it")
    parser.add_argument("--weights-folder", default=Path(__file__).parents[1] / "weights")
    arguments = parser.parse_args()
    card = release(arguments.run, arguments.weights_folder, arguments.peers)
    for key, value in card.metrics.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
