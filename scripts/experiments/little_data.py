"""Trains a GAN on few images, with and without DiffAugment, and scores both.

    ZOO_DATA_DIR=... python -m scripts.experiments.little_data --out runs/little_data

Both runs have the networks and the recipe of `dcgan_mnist`, the same seed, training images and
number of steps; they differ in `diff_augment` only. Prints the Fréchet distance of each, and their
ratio. Two processes with `--only` can share the work; once both are done, the script without it
only scores.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from scripts.experiments.trials import report, train_and_score
from zoo import datasets
from zoo.checks import POLICIES
from zoo.hub import registry

NAME = "dcgan_mnist"
RUNS = {"plain": None, "augmented": POLICIES}


def training_images(dataset, count, seed):
    """Returns random images of the training split, uint8 of shape `(count, H, W, C)`."""
    images, _ = datasets.load(dataset, datasets.info(dataset).splits[0])
    return images[np.random.default_rng(seed).permutation(len(images))[:count]]


def variant(spec, images, steps, diff_augment):
    """Returns the model's specification, trained in whole epochs for at least `steps` steps."""
    epochs = -(-steps // -(-len(images) // spec.recipe.batch_size))
    return spec.with_recipe(diff_augment=diff_augment, epochs=epochs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="number of training images")
    parser.add_argument("--steps", type=int, default=8000, help="generator updates of each run")
    parser.add_argument("--data", default="mnist", help="data set, of the same size as MNIST")
    parser.add_argument("--out", type=Path, default=Path("runs", "little_data"))
    parser.add_argument("--only", choices=RUNS, help="train one of the runs, beside another")
    arguments = parser.parse_args()
    spec = dataclasses.replace(registry.find(NAME), dataset=arguments.data)
    images = training_images(spec.dataset, arguments.images, spec.recipe.seed)
    distances = {}
    for name in [arguments.only] if arguments.only else RUNS:
        trial = variant(spec, images, arguments.steps, RUNS[name])
        distances[name] = train_and_score(trial, images, arguments.out / name)
    if not arguments.only:
        facts = {"images": len(images), "steps": arguments.steps}
        report(arguments.out, distances, "plain", **facts)


if __name__ == "__main__":
    main()
