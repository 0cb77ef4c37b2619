"""Trains a model's networks with the DCGAN paper's recipe, for comparison with its own.

    python -m scripts.experiments.train_plain dcgan_cifar10 --out runs/plain_cifar10
    python -m scripts.release runs/dcgan_cifar10 --peers runs/plain_cifar10/samples.npz

Adam at 2e-4 with beta_1 0.5 for both networks, without schedule, penalty and average (Radford et
al. 2015, section 4); epochs and batch size are by default those of the model's own recipe, as are
precision and seed. Writes 10,000 samples beside the run's files.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

import zoo
from zoo import datasets
from zoo.hub import registry
from zoo.hub.specs import Recipe
from zoo.training import run

SAMPLES = 10_000


def plain_recipe(recipe, epochs=None, batch_size=None):
    """Returns the DCGAN paper's recipe with the length of another.

    Args:
        recipe: `zoo.Recipe`.
        epochs: int, or `None` for that recipe's.
        batch_size: int, or `None` for that recipe's.
    """
    return Recipe(
        epochs=epochs or recipe.epochs,
        batch_size=batch_size or recipe.batch_size,
        precision=recipe.precision,
        seed=recipe.seed,
    )


def train_plain(name, out, epochs=None, batch_size=None):
    """Trains a model, and writes `samples.npz` with one array, named after its recipe.

    Args:
        name: str, a registered model that draws.
        out: folder of the run.
        epochs: int, or `None` for those of the model's own recipe.
        batch_size: int, likewise.
    """
    spec = registry.find(name)
    recipe = plain_recipe(spec.recipe, epochs, batch_size)
    spec = dataclasses.replace(spec, recipe=recipe)
    images, labels = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    run.train(spec, images, out, labels=labels if spec.conditional else None)
    write_samples(name, out, f"radford_{recipe.epochs}_epochs_of_batch_{recipe.batch_size}")


def write_samples(name, out, label):
    """Writes samples of a run's weights to its `samples.npz`."""
    model = zoo.load(name, weights=Path(out) / f"{name}.weights.h5")
    np.savez(Path(out) / "samples.npz", **{label: model.generate(SAMPLES, seed=0)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a registered model that draws")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--out", type=Path, help="folder; runs/plain_NAME by default")
    arguments = parser.parse_args()
    out = arguments.out or Path("runs", f"plain_{arguments.name}")
    train_plain(arguments.name, out, arguments.epochs, arguments.batch_size)


if __name__ == "__main__":
    main()
