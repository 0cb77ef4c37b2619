"""Trains variants of a registered model, and scores them alike.

Variants differ in their recipes; seed, images and steps are the same.
"""

import json
from pathlib import Path

import keras

import zoo
from zoo import evaluation
from zoo.training import run

SAMPLES = 10_000


def train_and_score(spec, images, folder):
    """Trains a model by its recipe, as `zoo train` does, and scores its samples.

    Resumes a trial that was stopped; one that is finished is only scored.

    Args:
        spec: `zoo.hub.registry.ModelSpec`.
        images: uint8 ndarray (N, H, W, C).
        folder: of the run's files.

    Returns:
        Fréchet distance of 10,000 samples to the held-out images, as in `zoo evaluate`.
    """
    run.train(spec, images, folder, resume=True)
    return score(spec, Path(folder) / f"{spec.name}.weights.h5")


def score(spec, weights):
    """Returns the Fréchet distance of float32 samples of a weights file to held-out images."""
    keras.backend.clear_session()
    model = zoo.load(spec.name, weights=weights)
    record = evaluation.evaluate(model, spec.dataset, count=SAMPLES)
    return record["scores"]["frechet_distance"]


def report(folder, distances, reference, **facts):
    """Prints each variant's distance as a multiple of the reference's, and writes `result.json`.

    Args:
        folder: folder of the file.
        distances: dictionary from a variant to its distance.
        reference: name of the variant that the others are compared with.
        **facts: further entries of the file.
    """
    ratios = {name: value / distances[reference] for name, value in distances.items()}
    for name, distance in distances.items():
        print(f"{name}: Fréchet distance {distance:.2f}, {ratios[name]:.3f} x {reference}")
    record = {"frechet_distance": distances, "reference": reference, "ratios": ratios, **facts}
    text = json.dumps({**record, "backend": keras.backend.backend()}, indent=2) + "\n"
    (Path(folder) / "result.json").write_text(text)
