"""Trains variants of a registered model one after the other, and scores each alike.

What differs between two variants is in their recipes; seed, images and steps are the same.
"""

import json
from pathlib import Path

import keras

import zoo
from zoo import evaluation
from zoo.training import run

SAMPLES = 10_000


def train_and_score(spec, images, folder):
    """Trains a model by its recipe, as `zoo train` does, and scores what it draws.

    A trial that was stopped goes on; one that is done is only scored.

    Args:
        spec: `zoo.hub.registry.ModelSpec`.
        images: uint8 ndarray (N, H, W, C).
        folder: of the run's files.

    Returns:
        float, Fréchet distance of 10,000 samples to the held-out images, as `zoo evaluate` gives.
    """
    run.train(spec, images, folder, resume=True)
    return score(spec, Path(folder) / f"{spec.name}.weights.h5")


def score(spec, weights):
    """Fréchet distance of a weights file's samples to the held-out images, sampled in float32."""
    keras.backend.clear_session()
    model = zoo.load(spec.name, weights=weights)
    record = evaluation.evaluate(model, spec.dataset, count=SAMPLES)
    return record["scores"]["frechet_distance"]


def report(folder, distances, reference, **facts):
    """Prints each variant's distance as a multiple of the reference's, and writes it to a file.

    Args:
        folder: where `result.json` goes.
        distances: dict variant -> float.
        reference: name of the variant that the others are held against.
        **facts: what else belongs into the file.
    """
    ratios = {name: value / distances[reference] for name, value in distances.items()}
    for name, distance in distances.items():
        print(f"{name}: Fréchet distance {distance:.2f}, {ratios[name]:.3f} x {reference}")
    record = {"frechet_distance": distances, "reference": reference, "ratios": ratios, **facts}
    text = json.dumps({**record, "backend": keras.backend.backend()}, indent=2) + "\n"
    (Path(folder) / "result.json").write_text(text)
