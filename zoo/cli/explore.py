"""`zoo explore`: shows what changes along directions of a model's latents."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_count, check_positive
from zoo.cli.activity import activity
from zoo.cli.checks import (
    Name,
    Psi,
    Truncation,
    Weights,
    check_draws,
    check_output_file,
    check_weights_file,
    load_model,
    truncation_options,
)
from zoo.cli.labels import parse_labels
from zoo.errors import InvalidInputError
from zoo.hub.loading import find_spec

SAMPLES = 5000
"""Images that a classifier looks at."""


class By(StrEnum):
    """Where directions come from."""

    sefa = "sefa"
    classes = "classes"


def explore(
    name: Name,
    by: Annotated[
        By,
        typer.Option(
            help="sefa: what the generator's first layer enlarges most; classes: toward each class "
            "that the data set's classifier sees.",
        ),
    ] = By.sefa,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", help="Directions.", show_default="8, or all classes"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Images in a row, an odd number.")] = 9,
    distance: Annotated[
        float, typer.Option(help="How far the ends of a row are from its middle, in latent space.")
    ] = 4.0,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Class of all images, number or name, for a class-conditional model.",
            show_default="drawn by the seed",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PNG to write.", show_default="NAME-explore.png"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the image in the middle of each row.")] = 0,
    truncation: Truncation = None,
    psi: Psi = None,
    weights: Weights = None,
):
    """Show what changes along directions of the latents: a row for each direction."""
    check_draws(name)
    spec = find_spec(name)
    labels = None if label is None else parse_labels(label, spec)
    if labels is not None and len(labels) != 1:
        raise InvalidInputError(f"--label takes one class. Received: {label}")
    if count is not None:
        check_count("-n", count)
    if steps < 3 or steps % 2 == 0:
        raise InvalidInputError(
            f"--steps must be an odd integer of at least 3. Received: --steps={steps}"
        )
    check_positive("--distance", distance)
    check_count("--seed", seed, minimum=0)
    truncated = truncation_options(truncation, psi)
    output = Path(f"{spec.name}-explore.png") if output is None else output
    if output.suffix.lower() != ".png":
        raise InvalidInputError(f"The output must end in .png. Received: {output}")
    check_output_file(output)
    check_weights_file(weights)
    if by is By.classes:
        _check_classes(spec)
    model = load_model(name, weights, check_draws)

    from zoo import latents
    from zoo.images import grids

    start = model.sample_latent(1, seed, **truncated)[0]
    if by is By.classes:
        with activity(f"looking for the classes of {SAMPLES:,} images"):
            directions = _toward_classes(model, spec.dataset)[:count]
    else:
        directions = latents.closed_form_directions(model, 8 if count is None else count)
    rows = latents.direction_grid(start, directions, steps, distance)
    options = {}
    if spec.conditional:
        options["labels"] = labels[0] if labels else int(model.sample_labels(1, seed)[0])
    grids.save_png(model.generate(latents=rows, **options), output, columns=steps)
    print(f"wrote {output}: {len(directions)} directions from one image, {steps} images along each")


def _check_classes(spec):
    from zoo.evaluation.features.classifier import ARCHITECTURES

    if spec.conditional:
        raise InvalidInputError(
            f"--by classes is for models without classes of their own. Received: {spec.name}; its "
            "classes are those of --label"
        )
    if spec.dataset not in ARCHITECTURES:
        raise InvalidInputError(
            f"--by classes takes a classifier of the model's data set: {', '.join(ARCHITECTURES)}. "
            f"Received: {spec.name}, of {spec.dataset or 'no data set of the zoo'}"
        )


def _toward_classes(model, dataset):
    import numpy as np

    from zoo.evaluation.features.classifier import load_classifier
    from zoo.latents import class_directions

    latents = model.sample_latent(SAMPLES, seed=0)
    _, probabilities = load_classifier(dataset).features(model.generate(latents=latents))
    return class_directions(latents, np.argmax(probabilities, axis=1))
