"""`zoo neighbors`: shows samples beside the training images most similar to them."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_count
from zoo.cli.activity import activity
from zoo.cli.checks import (
    Name,
    Weights,
    check_draws,
    check_output_file,
    check_weights_file,
    load_model,
    start_keras,
)
from zoo.errors import InvalidInputError
from zoo.hub.loading import find_spec


def neighbors(
    name: Name,
    count: Annotated[int, typer.Option("-n", "--count", help="Samples, one row each.")] = 8,
    nearest: Annotated[int, typer.Option("-k", "--nearest", help="Training images in a row.")] = 7,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PNG to write.", show_default="NAME-neighbors.png"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    weights: Weights = None,
):
    """Show samples beside their nearest training images, in a classifier's features.

    The features of all training images are computed the first time, and then cached.
    """
    check_draws(name)
    check_count("-n", count)
    check_count("-k", nearest)
    check_count("--seed", seed, minimum=0)
    spec = find_spec(name)
    output = Path(f"{spec.name}-neighbors.png") if output is None else output
    if output.suffix.lower() != ".png":
        raise InvalidInputError(f"The output must end in .png. Received: {output}")
    check_output_file(output)
    dataset = spec.dataset
    if not dataset:
        raise InvalidInputError(
            f"{name} has no data set of its own. For images of your own, use "
            "zoo.evaluation.nearest_images."
        )
    check_weights_file(weights)
    start_keras()

    from zoo import datasets
    from zoo.evaluation import nearest_images, neighbor_grid
    from zoo.evaluation.features.extractors import load_extractor
    from zoo.images import grids

    with activity(f"loading {dataset} and its classifier"):
        extractor = load_extractor(dataset)
        images, _ = datasets.load(dataset, datasets.info(dataset).splits[0])
    if nearest > len(images):
        raise InvalidInputError(
            f"-k must be at most {len(images)}, the number of training images. "
            f"Received: -k={nearest}"
        )
    model = load_model(name, weights, check_draws)
    with activity(f"comparing {count} samples with {len(images)} images"):
        samples = model.generate(count, seed=seed)
        indices, _ = nearest_images(samples, images, extractor, nearest)
    grids.save_png(neighbor_grid(samples, images, indices), output, columns=nearest + 1)
    print(f"wrote {output}: {count} samples, each followed by its {nearest} nearest images")
