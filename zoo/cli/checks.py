"""What commands do before the work: check their arguments, then start Keras and load a model."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_positive, check_share
from zoo.cli.activity import activity
from zoo.cli.quiet import quiet_backend
from zoo.errors import CardError, InvalidInputError, WeightsNotFoundError
from zoo.files import check_output_folder
from zoo.hub import loading, registry
from zoo.hub.cards import ModelCard
from zoo.imports import choose_backend, import_keras

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model of `zoo list`, a run's folder: runs/photos, or hf://OWNER/REPO.",
    ),
]
"""Argument of commands: the name of a model, the path of a run's folder, or an address."""
Weights = Annotated[
    Path | None, typer.Option(help="Weights file of your own.", show_default="the pretrained one")
]
"""Option of commands: weights in place of the pretrained ones."""

Truncation = Annotated[
    float | None,
    typer.Option(
        help="Redraw the latents' numbers further from 0 than this, for images that are more "
        "alike, and of some models better one by one; for example 1.5.",
        show_default="none are",
    ),
]
"""Option of commands that draw: the bound of the truncated normal."""
Psi = Annotated[
    float | None,
    typer.Option(
        help="Scale the latents by this, over 0 and at most 1, toward their mean, for images that "
        "are more alike; for example 0.7.",
        show_default="unscaled",
    ),
]
"""Option of commands that draw: the factor of latents."""


def truncation_options(truncation, psi):
    """Returns the two, checked, as keyword arguments of `generate` and `sample_latent`.

    Without those that aren't given: a model of somebody's own need not know them.
    """
    given = {}
    if truncation is not None:
        check_positive("--truncation", truncation)
        given["truncation"] = truncation
    if psi is not None:
        check_share("--psi", psi)
        given["psi"] = psi
    return given


def check_output_file(path):
    """Raises `InvalidInputError` unless a regular file can be written, or replaced, at `path`."""
    path = Path(path)
    if path.is_dir():
        raise InvalidInputError(f"Expected a file to write to. Received: {path}, a folder")
    # Files are written beside and renamed; a device would be gone.
    if path.exists() and not path.is_file():
        raise InvalidInputError(
            f"Expected a file to write to. Received: {path}, which isn't a regular file"
        )
    check_output_folder(path.parent)


def command_line(*arguments):
    """Returns the command that these arguments make, as this process was called."""
    program = Path(sys.argv[0])
    if program.suffix != ".py":
        words = ["zoo"]
    elif program.name == "__main__.py":
        words = ["python", "-m", "zoo"]
    else:  # a script that registers models of its own
        words = ["python", str(program)]
    return shlex.join([*words, *map(str, arguments)])


def check_run_folder(path, name, overwrite):
    """Raises `InvalidInputError` unless `path` can take the files of a training run.

    Args:
        path: a folder that is empty, doesn't exist, or holds a run that was stopped in its first
            epoch.
        name: str, the model.
        overwrite: bool, whether it can have other contents.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InvalidInputError(f"Expected a folder for the run's files. Received: {path}, a file")
    if path.is_dir() and any(path.iterdir()) and not (overwrite or _has_just_begun(path, name)):
        way = f"continue the run in it with --resume {path}, or replace it with --overwrite"
        if not has_checkpoints(path):
            way = "replace the run in it with --overwrite"
        raise InvalidInputError(
            f"The folder {path} isn't empty. Choose another with --out, or {way}."
        )
    check_output_folder(path)


def has_checkpoints(run):
    """Returns whether there is a checkpoint in a run's folder, of any of its phases."""
    from zoo.hub.checkpoint_files import list_checkpoints  # with NumPy

    return any(map(list_checkpoints, [run / "checkpoints", run / "first" / "checkpoints"]))


def _has_just_begun(run, name):
    """Returns whether a folder holds a run without a checkpoint yet: nothing to lose."""
    cards = [folder / f"{name}.json" for folder in (run, run / "first")]
    cards = [card for card in cards if card.exists()]
    if not cards or has_checkpoints(run) or any(run.glob("**/samples/epoch_0002.png")):
        return False
    try:
        return not any(ModelCard.read(card).pretrained for card in cards)
    except CardError:  # something of the user's
        return False


def check_weights_file(path):
    """Raises `WeightsNotFoundError` unless there is a file at `path`, or it is `None`."""
    if path is not None and not path.is_file():
        raise WeightsNotFoundError(f"There is no weights file at {path}.")


def check_restores(name, model=None):
    """Raises `InvalidInputError` unless a model restores pictures.

    Args:
        name: str, a registered model, or the path of a run's folder.
        model: the built model. Without it, models of other families than the zoo's are accepted.
    """
    if restores(name, model) is False:
        raise InvalidInputError(
            f"{name!r} draws images and doesn't restore any; `zoo sample {name}` draws some. "
            f"Models that restore: {', '.join(_names(restoring=True))}."
        )


def check_draws(name, model=None):
    """Raises `InvalidInputError` unless a model draws images; see `check_restores`."""
    if restores(name, model) is True:
        raise InvalidInputError(
            f"{name!r} restores pictures and can't draw new ones. Write: zoo inpaint {name} "
            f"PICTURE MASK. Models that draw: {', '.join(_names(restoring=False))}."
        )


def restores(name, model=None):
    """Returns whether a model restores pictures; `None` if only building it can tell."""
    if model is not None:
        return hasattr(model, "inpaint")
    task = loading.find_spec(name).task
    return None if task is None else task == "restore"


def start_keras():
    """Imports Keras on an installed backend, without the backend's start-up messages."""
    with quiet_backend() as stream, activity(f"starting Keras on {choose_backend()}", stream):
        return import_keras()


def load_model(name, weights, check):
    """Loads a model, and checks once more what it does: now it is known for every family.

    Args:
        name: str, a registered model, or the path of a run's folder.
        weights: path of a weights file, or `None` for the pretrained weights.
        check: `check_draws` or `check_restores`.
    """
    start_keras()
    with activity(f"loading {name}"):
        model = loading.load(name, weights=loading.PRETRAINED if weights is None else weights)
    check(name, model)
    return model


def _names(restoring):
    return [name for name in registry.names() if restores(name) is restoring]
