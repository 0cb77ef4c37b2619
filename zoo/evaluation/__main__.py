"""Scores files of generated images: `python -m zoo.evaluation SAMPLES.npz --dataset mnist`."""

import json
import zipfile
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from zoo.errors import InvalidInputError, ZooError
from zoo.evaluation import evaluate_images, load_classifier, reference_gaussian
from zoo.evaluation.classifier import ARCHITECTURES

COLUMNS = {
    "frechet_distance": ("Fréchet", "{:.2f}"),
    "n": ("images", "{}"),
    "rarest_class_share": ("rarest class", "{:.2%}"),
    "confident_share": ("confident", "{:.2%}"),
    "closest_pair_distance": ("closest pair", "{:.3f}"),
}
FLOOR_IMAGES = 10_000


def read_samples(path, array=None):
    """Reads sets of images from a `.npz` or `.npy` file.

    Args:
        path: The file; its arrays are uint8, of shape `(N, height, width, channels)`, or
            `(N, height, width)` if they are gray.
        array: The name of one array of a `.npz`; all of them by default.

    Returns:
        A dict from names to uint8 arrays of shape `(N, height, width, channels)`.

    Raises:
        InvalidInputError: If the file can't be read, or has no such array.
    """
    try:
        # Pickles run code on loading.
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if array is not None:
                raise InvalidInputError(
                    f"Expected a .npz file, to take the array {array!r} from. Received: {path}"
                )
            sets = {Path(path).stem: loaded}
        else:
            with loaded:
                if array is not None and array not in loaded.files:
                    raise InvalidInputError(
                        f"Expected one of the arrays {', '.join(loaded.files)} of {path}. "
                        f"Received: {array!r}"
                    )
                sets = {name: loaded[name] for name in ([array] if array else loaded.files)}
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInputError(
            f"Expected a .npy or .npz file of images. Received: {path}: {error}"
        ) from error
    except ValueError as error:
        if isinstance(error, ZooError):
            raise
        raise InvalidInputError(
            f"Expected plain arrays in {path}, no pickled objects. Received: {error}"
        ) from error
    return {
        name: images[..., None] if images.ndim == 3 else images for name, images in sets.items()
    }


def draw(images, count):
    """Draws images at random, always the same ones.

    Some data sets come class by class: their first images would be of one kind.

    Args:
        images: Array of shape `(N, ...)`.
        count: How many to draw; all of them if there are no more.

    Returns:
        Array of shape `(min(N, count), ...)`, in the order that they had.

    Example:

    >>> draw(np.arange(5), 9)
    array([0, 1, 2, 3, 4])
    """
    chosen = np.random.default_rng(0).permutation(len(images))[:count]
    return images[np.sort(chosen)]


def evaluate(
    samples: Annotated[Path, typer.Argument(help="A .npz or .npy file of uint8 images.")],
    array: Annotated[str | None, typer.Option(help="One array of the .npz; default: all.")] = None,
    dataset: Annotated[
        Literal[tuple(ARCHITECTURES)], typer.Option(help="The real images to compare with.")
    ] = "mnist",
    split: Annotated[
        str | None, typer.Option(help="Their split; default: the one for measuring.")
    ] = None,
    floor: Annotated[
        bool, typer.Option(help="Score real training images too: the best one can hope for.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, unrounded.")] = False,
):
    """Scores generated images against real ones."""
    from zoo import datasets

    train_split, measuring_split = datasets.info(dataset).splits
    split = split or measuring_split
    try:
        sets = read_samples(samples, array)
        classifier = load_classifier(dataset)
        real = reference_gaussian(datasets.load(dataset, split=split)[0], classifier)
        if floor:
            train_images, _ = datasets.load(dataset, split=train_split)
            sets["real (train)"] = draw(train_images, FLOOR_IMAGES)
        scores = {name: evaluate_images(images, real, classifier) for name, images in sets.items()}
    except ZooError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(scores, indent=2))
    else:
        _print_table(scores, f"against {real.count} images of {dataset} {split}")


def _print_table(scores, title):
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("samples", overflow="fold")
    for heading, _ in COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, score in scores.items():
        table.add_row(name, *(form.format(score[key]) for key, (_, form) in COLUMNS.items()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(evaluate)
