"""`zoo evaluate`: what a model, a weights file or a folder of images scores."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.errors import DatasetError, InvalidInputError, WeightsNotFoundError

COLUMNS = {
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "kernel_distance": ("kernel", "{:.4f}"),
    "inception_score": ("IS", "{:.2f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "density": ("density", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "rarest_class_share": ("rarest class", "{:.1%}"),
    "confident_share": ("confident", "{:.1%}"),
    "label_agreement": ("as asked", "{:.1%}"),
}
FLOOR = "real (train)"
RESTORATION_COLUMNS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "hole_l1": ("L1 in the hole", "{:.4f}"),
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "images_per_second": ("images/s", "{:.0f}"),
}


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
    from zoo.cli.checks import check_output_file
    from zoo.cli.quiet import quiet_backend
    from zoo.evaluation import extractors
    from zoo.keras_import import choose_backend, import_keras

    check_count("-n", count, minimum=4)
    check_count("--seed", seed, minimum=0)
    if features is not None and features not in extractors.names():
        raise InvalidInputError(
            f"--features must be one of {', '.join(extractors.names())}. Received: {features}"
        )
    if output is not None:
        check_output_file(output)
    find = _find_source(target, weights, dataset)
    dataset = _check_dataset(find.dataset if dataset is None else dataset, split)
    choose_backend()
    with quiet_backend():
        import_keras()

    sources = find.read(dataset)
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
    record = _record(target, find, records)
    if output is not None:
        from zoo.files import replacing

        with replacing(output) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(record, indent=2))
    elif restoring:
        _print_restorations(records)
    else:
        _print_table(records)


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


class _Model:
    """A registered model, with pretrained or other weights."""

    def __init__(self, name, weights=None):
        from zoo import registry

        self.name, self.weights = name, weights
        self.dataset = registry.find(name).dataset or None
        if weights is not None and not weights.is_file():
            raise WeightsNotFoundError(f"There is no weights file at {weights}.")

    def read(self, dataset):
        from zoo.loading import PRETRAINED, load

        del dataset
        return {self.name: load(self.name, weights=self.weights or PRETRAINED)}

    def identity(self):
        """What the record says about it."""
        from zoo import locations
        from zoo.download import sha256_of

        path = self.weights or locations.find_weights(locations.find_card(self.name))
        return {"model": self.name, "weights_sha256": sha256_of(path)}


class _Images:
    """A folder, a zip or a file of images."""

    dataset = None

    def __init__(self, path):
        self.path = path

    def read(self, dataset):
        from zoo import datasets
        from zoo.evaluation.sources import read_images

        return read_images(self.path, datasets.info(dataset).image_shape)

    def identity(self):
        """What the record says about it."""
        return {"images": str(self.path)}


def _find_source(target, weights, dataset):
    """What TARGET names; a file or folder goes before a model of the same name."""
    path = Path(target)
    if target.endswith(".weights.h5"):
        if weights is not None:
            raise InvalidInputError(
                f"--weights goes with the name of a model. Received: the weights file {path}"
            )
        if not path.is_file():
            raise WeightsNotFoundError(f"There is no weights file at {path}.")
        name = path.name.removesuffix(".weights.h5")
        from zoo import registry

        if name not in registry.names():
            raise InvalidInputError(
                f"A weights file's model is known by its name, NAME.weights.h5. Received: {path}. "
                f"Write: zoo evaluate NAME --weights {path}"
            )
        return _Model(name, path)
    if path.exists() and (path.is_dir() or path.suffix):
        if weights is not None:
            raise InvalidInputError(
                f"--weights goes with the name of a model. Received: images in {path}"
            )
        if dataset is None:
            raise InvalidInputError(
                f"Which real images shall those in {path} be compared with? Pass --dataset."
            )
        return _Images(path)
    return _Model(target, weights)


def _check_dataset(name, split):
    from zoo import datasets

    if name is None:
        raise InvalidInputError(
            f"The model has no data set of its own. Pass --dataset, one of "
            f"{', '.join(datasets.names())}."
        )
    info = datasets.info(name)
    if split is not None and split not in info.splits:
        raise InvalidInputError(
            f"--split of {name} must be one of {', '.join(info.splits)}. Received: {split}"
        )
    return name


@contextlib.contextmanager
def _progress(name, count):
    """A bar on a terminal; nothing elsewhere. Gives a function of the images done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"scoring {name}", total=count)
        yield lambda done: bar.update(task, completed=done)


def _record(target, source, records):
    import keras

    import zoo

    return {
        "command": f"zoo evaluate {target}",
        **source.identity(),
        "versions": {
            "zoo": zoo.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
        },
        "records": records,
    }


def _print_restorations(records):
    from zoo.cli import tables

    for name, record in records.items():
        rows = [
            [
                f"{hole.replace('_', '-')}: {name if method == 'ours' else method}",
                *(form.format(scores[key]) for key, (_, form) in RESTORATION_COLUMNS.items()),
            ]
            for hole in record["masks"]
            for method, scores in record[hole].items()
        ]
        headings = ["", *(heading for heading, _ in RESTORATION_COLUMNS.values())]
        title = f"{record['images']} images of the split {record['split']}, the same for all"
        tables.print_scores(title, headings, rows)


def _print_table(records):
    from zoo.cli import tables

    protocol = next(iter(records.values()))["protocol"]
    title = (
        f"against {protocol['reference_images']} images of {protocol['dataset']} "
        f"{protocol['split']}, in the features of {protocol['features']}"
    )
    scored = {key for record in records.values() for key in record["scores"]}
    columns = {key: column for key, column in COLUMNS.items() if key in scored}
    rows = [
        [
            name,
            str(record["protocol"]["samples"]),
            *(
                form.format(record["scores"][key]) if key in record["scores"] else ""
                for key, (_, form) in columns.items()
            ),
        ]
        for name, record in records.items()
    ]
    tables.print_scores(title, ["", "images", *(heading for heading, _ in columns.values())], rows)
    for name, record in records.items():
        if "memorization" in record["scores"]:
            figures = record["scores"]["memorization"]
            print(
                f"{name}: {figures['copied_share']:.1%} nearer to a training image than 99 of 100 "
                f"real images are; median distance {figures['median_ratio']:.2f} times theirs"
            )
