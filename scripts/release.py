"""Measures what a training run made, and puts it into `weights/` with a complete card.

    python -m scripts.release runs/dcgan_mnist --peers PEERS.npz
    python -m scripts.release runs/inpaint_mnist
    python -m scripts.release weights/dcgan_mnist.json       # measures again what has shipped

A drawing model's 10,000 samples are scored against the data set's held-out split, beside real
training images (the floor) and, if given, the samples of other people's models. An inpainting
model restores that split, beside classical methods, which draw its picture too.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path

from scripts import measure_drawing, measure_restoration
from scripts.inpainting import FAMILY
from zoo import datasets
from zoo.errors import CardError, InvalidInputError
from zoo.files import replacing
from zoo.hub import registry
from zoo.hub.cards import ModelCard


def kind_of(card):
    """The module that measures models like this one: has `measure`, `write_picture`, `OPTIONS`."""
    return measure_restoration if card.family == FAMILY else measure_drawing


def release(run, folder, **options):
    """Puts a run's weights into `folder`, with a picture and a card that has everything.

    Args:
        run: folder that `zoo train` wrote; or the card of weights beside it, which are only
            measured anew if they lie in `folder` already.
        folder: where the released files go.
        **options: more arguments of `measure` for this kind of model.

    Returns:
        The finished `zoo.ModelCard`.

    Raises:
        CardError: if the run's folder holds no card, or the finished card lacks something.
        InvalidInputError: for an option that this kind of model doesn't have.
    """
    run, folder = Path(run), Path(folder)
    paths = [run] if run.is_file() else list(run.glob("*.json"))
    if len(paths) != 1:
        raise CardError(f"Expected one card, NAME.json, in {run}. Received: {len(paths)}")
    run = paths[0].parent
    card = ModelCard.read(paths[0])
    kind = kind_of(card)
    if not set(options) <= kind.OPTIONS:
        raise InvalidInputError(
            f"Expected no other options than {', '.join(sorted(kind.OPTIONS))} for {card.name}. "
            f"Received: {', '.join(sorted(options))}"
        )
    license = datasets.info(card.dataset).license
    spec = registry.find(card.name)
    weights = run / card.files["weights"]
    card = dataclasses.replace(
        card,
        metrics=kind.measure(card, weights, **options),
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
    parser.add_argument("--peers", help=".npz of other drawing models' samples to score beside it")
    parser.add_argument("--limit", type=int, help="restore at most so many images")
    parser.add_argument("--weights-folder", default=Path(__file__).parents[1] / "weights")
    arguments = parser.parse_args()
    options = {"peers": arguments.peers, "limit": arguments.limit}
    given = {name: value for name, value in options.items() if value is not None}
    card = release(arguments.run, arguments.weights_folder, **given)
    for key, value in card.metrics.items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
