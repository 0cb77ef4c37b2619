"""`zoo neighbors`: samples beside the training images that they are most like."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import InvalidInputError, WeightsNotFoundError


def neighbors(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of `zoo list`.")],
    count: Annotated[int, typer.Option("-n", "--count", help="Samples, a row each.")] = 8,
    nearest: Annotated[int, typer.Option("-k", "--nearest", help="Training images in a row.")] = 7,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PNG to write.", show_default="NAME-neighbors.png"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights file of your own.", show_default="the pretrained one"),
    ] = None,
):
    """Show samples beside their nearest training images, in a classifier's features.

    The first time, the features of all training images are computed; they stay in the cache.
    """
    from zoo.checks import check_count
    from zoo.cli.checks import check_output_file
    from zoo.cli.kinds import check_draws
    from zoo.cli.quiet import quiet_backend
    from zoo.hub import registry
    from zoo.imports import choose_backend, import_keras

    check_draws(name)
    check_count("-n", count)
    check_count("-k", nearest)
    check_count("--seed", seed, minimum=0)
    output = Path(f"{name}-neighbors.png") if output is None else output
    if output.suffix.lower() != ".png":
        raise InvalidInputError(f"The output must end in .png. Received: {output}")
    check_output_file(output)
    dataset = registry.find(name).dataset
    if not dataset:
        raise InvalidInputError(
            f"{name} has no data set of its own. For images of your own there is "
            "zoo.evaluation.nearest_images."
        )
    if weights is not None and not weights.is_file():
        raise WeightsNotFoundError(f"There is no weights file at {weights}.")
    choose_backend()
    with quiet_backend():
        import_keras()

    from zoo import datasets
    from zoo.evaluation.features.extractors import load_extractor
    from zoo.evaluation.metrics.neighbors import nearest_images, neighbor_grid
    from zoo.hub.loading import PRETRAINED, load
    from zoo.images import grids

    extractor = load_extractor(dataset)
    images, _ = datasets.load(dataset, datasets.info(dataset).splits[0])
    if nearest > len(images):
        raise InvalidInputError(
            f"-k must be at most {len(images)}, the training images there are. "
            f"Received: -k={nearest}"
        )
    model = load(name, weights=PRETRAINED if weights is None else weights)
    samples = model.generate(count, seed=seed)
    indices, _ = nearest_images(samples, images, extractor, nearest)
    grids.save_png(neighbor_grid(samples, images, indices), output, columns=nearest + 1)
    print(f"wrote {output}: {count} samples, each followed by its {nearest} nearest images")
