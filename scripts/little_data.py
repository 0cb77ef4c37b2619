"""What DiffAugment does for a GAN with few images: trains the same model with and without it.

    ZOO_DATA_DIR=... python -m scripts.little_data --out runs/little_data

Both runs have the networks and the recipe of `dcgan_mnist`, the same seed, the same training images
and the same number of steps; all that differs is `diff_augment`. Each is scored as `zoo evaluate`
scores: 10,000 samples against the held-out images, in the features of the data set's classifier.
Writes a grid of samples and the weights of each run, and `little_data.json`.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import keras
import numpy as np

from zoo import datasets, evaluation, pictures, registry
from zoo.average import refresh_batch_statistics
from zoo.policy import POLICIES
from zoo.training import compile_arguments
from zoo.weights import load_weights, save_weights

NAME = "dcgan_mnist"
SAMPLES = 10_000
GRID = 64
RUNS = {"plain": None, "augmented": POLICIES}


def training_images(dataset, count, seed):
    """uint8 (count, H, W, C): a random choice of the training split."""
    images, _ = datasets.load(dataset, datasets.info(dataset).splits[0])
    return images[np.random.default_rng(seed).permutation(len(images))[:count]]


def train_run(spec, images, steps, diff_augment, weights):
    """Trains one of the runs, and writes its weights.

    Args:
        spec: `zoo.registry.ModelSpec`; the length of its recipe is replaced by `steps`.
        images: uint8 ndarray (N, H, W, C).
        steps: int, rounded up to whole passes over the images.
        diff_augment: as in `compile`.
        weights: path of the weights file.
    """
    recipe = dataclasses.replace(spec.recipe, diff_augment=diff_augment)
    a_pass = -(-len(images) // recipe.batch_size)
    epochs = -(-steps // a_pass)
    keras.utils.set_random_seed(recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        model = spec.build(**spec.config, seed=recipe.seed)
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(**compile_arguments(recipe, epochs * a_pass))
    model.fit(images, batch_size=recipe.batch_size, epochs=epochs, verbose=0)
    save_weights(model, weights)


def score_run(spec, weights, grid):
    """Fréchet distance of a run's samples to the held-out images, in float32; writes a grid."""
    model = spec.build(**spec.config, seed=spec.recipe.seed)
    load_weights(model, weights)
    refresh_batch_statistics(model)
    extractor = evaluation.load_extractor(spec.dataset)
    record = evaluation.evaluate(model, spec.dataset, extractor, SAMPLES)
    pictures.save_png(model.generate(GRID, seed=0), grid)
    return record["scores"]["frechet_distance"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="how many to train on")
    parser.add_argument("--steps", type=int, default=6000, help="generator updates of each run")
    parser.add_argument("--data", default="mnist", help="data set, of the same size as MNIST")
    parser.add_argument("--out", type=Path, default=Path("runs", "little_data"))
    parser.add_argument("--only", choices=RUNS, help="one of the runs, beside another process")
    arguments = parser.parse_args()
    spec = dataclasses.replace(registry.find(NAME), dataset=arguments.data)
    images = training_images(spec.dataset, arguments.images, spec.recipe.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    record = {"images": len(images), "steps": arguments.steps, "frechet_distance": {}}
    for name in [arguments.only] if arguments.only else RUNS:
        weights = arguments.out / f"{name}.weights.h5"
        train_run(spec, images, arguments.steps, RUNS[name], weights)
        distance = score_run(spec, weights, arguments.out / f"{name}.png")
        record["frechet_distance"][name] = distance
        print(f"{name}: Fréchet distance {distance:.2f}", flush=True)
    if not arguments.only:
        plain, augmented = (record["frechet_distance"][name] for name in RUNS)
        record["ratio"] = augmented / plain
        print(f"ratio {record['ratio']:.2f}")
    path = arguments.out / f"{arguments.only or 'little_data'}.json"
    path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
