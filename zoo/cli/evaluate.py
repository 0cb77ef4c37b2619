"""`zoo evaluate`: what a model, a weights file or a folder of images scores."""

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import DatasetError, InvalidInputError

FLOOR = "real (train)"


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
    features: Annotated[
        str | None,
        typer.Option(
            help="Whose features distances are measured in: a data set's classifier, or inception.",
            show_default="the data set's own classifier",
        ),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="Images to score.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the images that are drawn.")] = 0,
    split: Annotated[
        str | None,
        typer.Option(help="Of the real images.", show_default="the one for measuring"),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights file for NAME.", show_default="the pretrained one"),
    ] = None,
    floor: Annotated[
        bool,
        typer.Option(help="Score real training images too: the best one can hope for."),
    ] = True,
    memorization: Annotated[
        bool, typer.Option("--memorization", help="Look for copies of training images.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, unrounded, in place of the table.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the JSON to a file too.")
    ] = None,
):
    """Score generated images against real ones, or restored images against their originals.

    Twice the same command gives the same scores. The JSON has all that it takes to repeat it.
    """
    from zoo.checks import check_count
    from zoo.cli import score_tables
    from zoo.cli.checks import check_output_file
    from zoo.cli.evaluation_sources import check_dataset, find_source
    from zoo.cli.quiet import quiet_backend
    from zoo.evaluation.features import extractors
    from zoo.imports import choose_backend, import_keras

    check_count("-n", count, minimum=4)
    check_count("--seed", seed, minimum=0)
    if features is not None and features not in extractors.names():
        raise InvalidInputError(
            f"--features must be one of {', '.join(extractors.names())}. Received: {features}"
        )
    if output is not None:
        check_output_file(output)
    found = find_source(target, weights, dataset)
    dataset = check_dataset(found.dataset if dataset is None else dataset, split)
    choose_backend()
    with quiet_backend():
        import_keras()

    sources = found.read(dataset)
    restoring = any(hasattr(source, "inpaint") for source in sources.values())
    if restoring:
        if features is not None or split is not None or memorization:
            raise InvalidInputError(
                "A model that restores is scored on the split for measuring, in the features of "
                "its data set's classifier: no --features, --split or --memorization."
            )
        records = _score_restorers(sources, dataset, count)
    else:
        extractor = extractors.load_extractor(features or dataset)
        records = _score(sources, dataset, extractor, count, seed, split, memorization)
        if floor:
            records |= _score_floor(dataset, extractor, count, split)
    given = {"--weights": weights, "--features": features, "--split": split}
    options = ["--dataset", dataset, "-n", count, "--seed", seed]
    options += [
        part for name, value in given.items() if value is not None for part in (name, value)
    ]
    options += ["--memorization"] * memorization + ["--no-floor"] * (not floor)
    record = _record(["zoo", "evaluate", target, *options], found, records)
    if output is not None:
        from zoo.files import replacing

        with replacing(output) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(record, indent=2))
    elif restoring:
        score_tables.print_restorations(records)
    else:
        score_tables.print_drawings(records)


def _score(sources, dataset, extractor, count, seed, split, memorization):
    from zoo.evaluation.scores import evaluate

    records = {}
    for name, source in sources.items():
        with _progress(name, count) as advance:
            records[name] = evaluate(
                source, dataset, extractor, count, seed, split, memorization, advance
            )
    return records


def _score_floor(dataset, extractor, count, split):
    from zoo.evaluation.scores import evaluate_training_images

    try:
        return {FLOOR: evaluate_training_images(dataset, extractor, count, split)}
    except DatasetError as error:  # The scores above may be against moments that ship.
        print(f"warning: no scores of real training images: {error}", file=sys.stderr)
        return {}


def _score_restorers(sources, dataset, count):
    from zoo.evaluation.restorers import evaluate_restorer

    return {name: evaluate_restorer(model, dataset, count) for name, model in sources.items()}


@contextlib.contextmanager
def _progress(name, count):
    """A bar on a terminal; nothing elsewhere. Gives a function of the images done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"scoring {name}", total=count)
        yield lambda done: bar.update(task, completed=done)


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
