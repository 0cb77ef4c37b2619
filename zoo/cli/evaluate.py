"""`zoo evaluate`: scores a model, a weights file or a folder of images."""

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_count
from zoo.cli.activity import activity
from zoo.cli.checks import Psi, Truncation, check_output_file, start_keras, truncation_options
from zoo.cli.evaluation_sources import check_dataset, check_real, find_source, read_real
from zoo.errors import DatasetError, InvalidInputError

FLOOR = "real (train)"
FEW = 1000
"""Fewer images than this, on either side, get a warning."""


def evaluate(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|WEIGHTS|IMAGES",
            help="A model of `zoo list`; a NAME.weights.h5; a folder or zip of images; "
            "a .npy or .npz of uint8 arrays.",
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(help="The real images to compare with.", show_default="the model's"),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            help="Your own real images to compare with: a folder or zip, a .npy or .npz.",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Features for the distances: those of a data set's classifier, or inception.",
            show_default="the data set's own classifier; inception with --real",
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="Images to score.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the images to draw.")] = 0,
    truncation: Truncation = None,
    psi: Psi = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the real images.", show_default="the evaluation split"),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights file for NAME.", show_default="the pretrained one"),
    ] = None,
    floor: Annotated[
        bool,
        typer.Option(help="Also score real training images: the best score to expect."),
    ] = True,
    memorization: Annotated[
        bool, typer.Option("--memorization", help="Look for copies of training images.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print unrounded JSON instead of the table.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the JSON to a file.")
    ] = None,
):
    """Score generated images against real ones, or restored images against their originals.

    With --real, pictures are cropped and resized to the size of the images that are scored.

    The same command always gives the same scores. The JSON holds all that is needed to repeat it.
    """
    from zoo.cli import tables
    from zoo.evaluation.features import extractors

    check_count("-n", count, minimum=4)
    check_count("--seed", seed, minimum=0)
    truncated = truncation_options(truncation, psi)
    if features is not None and features not in extractors.names():
        raise InvalidInputError(
            f"--features must be one of {', '.join(extractors.names())}. Received: {features}"
        )
    if output is not None:
        check_output_file(output)
    if real is not None:
        check_real(real, {"--dataset": dataset, "--split": split, "--memorization": memorization})
    found = find_source(target, weights, dataset, real)
    if real is None:
        dataset = check_dataset(found.dataset if dataset is None else dataset, split)
    start_keras()
    with activity(f"loading {target}"):
        sources = found.read(dataset)
    restoring = any(hasattr(source, "inpaint") for source in sources.values())
    if truncated and not all(hasattr(x, "sample_latent") for x in sources.values()):
        raise InvalidInputError(
            f"--{next(iter(truncated))} is for models that draw from latents. Received: {target}"
        )
    if restoring and real is not None:
        raise InvalidInputError(
            "A model that restores is scored on the images of a data set. Received: --real"
        )
    if restoring:
        if features is not None or split is not None or memorization:
            raise InvalidInputError(
                "A model that restores is scored on the evaluation split, in the features of its "
                "data set's classifier, with no --features, --split or --memorization."
            )
        with activity(f"restoring images of {dataset}"):
            records = _score_restorers(sources, dataset, count)
    else:
        features_of = features or dataset or extractors.INCEPTION
        with activity(f"loading the features of {features_of}"):
            extractor = extractors.load_extractor(features_of)
        against = dataset
        if real is not None:
            with activity(f"reading the images in {real}"):
                against = read_real(real, sources)
        records = _score(sources, against, extractor, count, seed, split, memorization, truncated)
        scored = max(record["protocol"]["samples"] for record in records.values())
        if floor and real is None:  # of as many images: fewer score worse
            with activity("scoring real training images"):
                records |= _score_floor(dataset, extractor, scored, split)
        _warn_of_few(records)
    given = {"--weights": weights, "--features": features, "--split": split}
    options = ["--dataset", dataset] if real is None else ["--real", real]
    options += ["-n", count, "--seed", seed]
    options += [
        part for name, value in given.items() if value is not None for part in (name, value)
    ]
    options += [part for name, value in truncated.items() for part in (f"--{name}", value)]
    options += ["--memorization"] * memorization + ["--no-floor"] * (not floor)
    record = _record(["zoo", "evaluate", target, *options], found, records)
    if output is not None:
        from zoo.files import replacing

        with replacing(output) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(record, indent=2))
    elif restoring:
        tables.print_restorations(records)
    else:
        tables.print_drawings(records)


def _score(sources, dataset, extractor, count, seed, split, memorization, truncated):
    from zoo.evaluation.scores import evaluate

    records = {}
    for name, source in sources.items():
        with _progress(name, count) as advance:
            records[name] = evaluate(
                source, dataset, extractor, count, seed, split, memorization, advance, **truncated
            )
    return records


def _warn_of_few(records):
    protocols = [record["protocol"] for record in records.values()]
    fewest = min(min(item["samples"], item["reference_images"]) for item in protocols)
    if fewest < FEW:
        print(
            f"warning: {fewest} images are few: distances are too large, and all scores compare "
            "only with those of as many images",
            file=sys.stderr,
        )


def _score_floor(dataset, extractor, count, split):
    from zoo.evaluation.scores import evaluate_training_images

    try:
        return {FLOOR: evaluate_training_images(dataset, extractor, count, split)}
    except DatasetError as error:  # the scores above can be against moments that ship
        print(f"warning: no scores of real training images: {error}", file=sys.stderr)
        return {}


def _score_restorers(sources, dataset, count):
    from zoo.evaluation.restorers import evaluate_restorer

    return {name: evaluate_restorer(model, dataset, count) for name, model in sources.items()}


@contextlib.contextmanager
def _progress(name, count):
    """Says how far the scores are; gives a function of the number of images done."""
    with activity(f"scoring {name}") as report:
        yield lambda done: report(done / count)


def _record(command, source, records):
    import keras

    import zoo

    return {
        "command": shlex.join(map(str, command)),
        **source.identity(),
        "versions": {
            "zoo": zoo.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
        "records": records,
    }
