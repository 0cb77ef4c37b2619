"""Trains a model in float32 and in mixed precisions, and scores the runs alike.

    ZOO_DATA_DIR=... python -m scripts.experiments.precision --epochs 2 --out runs/precision

Half precision scales the losses of both networks (`keras.optimizers.LossScaleOptimizer`). The runs
differ in the recipe's `precision` only; all are sampled in float32.
"""

import argparse
from pathlib import Path

from scripts.experiments.trials import report, train_and_score
from zoo import datasets
from zoo.hub import registry

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="dcgan_mnist", help="a registered model that draws")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--limit", type=int, help="train on this many images only")
    parser.add_argument("--out", type=Path, default=Path("runs", "precision"))
    parser.add_argument("--only", choices=PRECISIONS, help="train one of the runs")
    arguments = parser.parse_args()
    spec = registry.find(arguments.model)
    images, _ = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    images = images[: arguments.limit]
    distances = {}
    for precision in [arguments.only] if arguments.only else PRECISIONS:
        trial = spec.with_recipe(precision=precision, epochs=arguments.epochs)
        distances[precision] = train_and_score(trial, images, arguments.out / precision)
    if not arguments.only:
        report(arguments.out, distances, "float32", epochs=arguments.epochs, images=len(images))


if __name__ == "__main__":
    main()
