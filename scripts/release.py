"""Measures a training run, and puts its weights into `weights/` with a complete card.

    python -m scripts.release runs/dcgan_mnist --peers PEERS.npz
    python -m scripts.release runs/inpaint_mnist
    python -m scripts.release weights/dcgan_mnist.json       # measures shipped weights again

10,000 samples of a model that draws are scored against the data set's held-out split, beside real
training images (the floor) and, if given, samples of other models. A model that inpaints restores
that split beside classical methods, whose restorations are in its picture as well.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path
from types import ModuleType

from scripts import measure_drawing, measure_restoration
from zoo import datasets
from zoo.errors import CardError, InvalidInputError, ZooError
from zoo.files import replacing
from zoo.hub import registry
from zoo.hub.cards import ModelCard

DIGITS = 4  # significant ones of the figures in a card


def kind_of(card: ModelCard) -> ModuleType:
    """Returns the module with `measure`, `write_picture` and `OPTIONS` for models of this kind."""
    restores = card.family == measure_restoration.FAMILY
    return measure_restoration if restores else measure_drawing


def rounded(value, digits: int = DIGITS):
    """Returns plain values with their floats rounded to a number of significant digits.

    Example:

    >>> rounded({"precision": [0.123456, 12345.6], "samples": 10000})
    {'precision': [0.1235, 12350.0], 'samples': 10000}
    """
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def release(run: str | Path, folder: str | Path, **options) -> ModelCard:
    """Puts a run's weights into `folder`, with a picture and a complete card.

    Args:
        run: folder that `zoo train` wrote, or a card beside its weights; weights that are in
            `folder` already are only measured again.
        folder: folder of the released files.
        **options: further arguments of `measure` for this kind of model.

    Returns:
        The finished card.

    Raises:
        CardError: if the run's folder holds no card, or the finished card is incomplete.
        InvalidInputError: for an option that this kind of model doesn't have.
    """
    run, folder = Path(run), Path(folder)
    paths = [run] if run.is_file() else list(run.glob("*.json"))
    if len(paths) != 1:
        raise CardError(f"Expected one card, NAME.json, in {run}. Received: {len(paths)}")
    run = paths[0].parent
    card = ModelCard.read(paths[0])
    if not card.pretrained:
        raise CardError(f"The run in {run} isn't finished: its card has no hash of the weights.")
    kind = kind_of(card)
    if not set(options) <= kind.OPTIONS:
        raise InvalidInputError(
            f"The options for {card.name} must be among {', '.join(sorted(kind.OPTIONS))}. "
            f"Received: {', '.join(sorted(options))}"
        )
    license = datasets.info(card.dataset).license
    spec = registry.find(card.name)
    weights = run / card.files["weights"]
    card = dataclasses.replace(
        card,
        metrics=rounded(kind.measure(card, weights, **options)),
        description=spec.description,
        paper=spec.paper,
        limits=spec.limits,
        dataset_license=license,
        license=f"{license}, as the images it was trained on",
    )
    missing = card.missing_for_release()
    if missing:
        raise CardError(f"The card of {card.name} lacks {', '.join(missing)}.")
    if run.resolve() != folder.resolve():
        kind.write_picture(card, run, folder / card.files["picture"])
        with replacing(folder / weights.name) as temporary:
            shutil.copyfile(weights, temporary)
    card.write(folder / paths[0].name)
    return card


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder that `zoo train` wrote, or a card")
    parser.add_argument("--peers", help=".npz file of other models' samples to score beside it")
    parser.add_argument("--limit", type=int, help="largest number of images to restore")
    parser.add_argument("--weights-folder", default=Path(__file__).parents[1] / "weights")
    arguments = parser.parse_args()
    options = {"peers": arguments.peers, "limit": arguments.limit}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        card = release(arguments.run, arguments.weights_folder, **given)
    except ZooError as error:
        parser.exit(2, f"error: {error}\n")
    for key, value in card.metrics.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
