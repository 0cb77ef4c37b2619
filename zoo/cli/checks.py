"""What commands do before the work: check their arguments, then start Keras and load a model."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.quiet import quiet_backend
from zoo.errors import InvalidInputError, WeightsNotFoundError
from zoo.files import check_output_folder
from zoo.hub import registry
from zoo.imports import choose_backend, import_keras

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of `zoo list`.")]
"""Argument of commands: the name of a model."""
Weights = Annotated[
    Path | None, typer.Option(help="Weights file of your own.", show_default="the pretrained one")
]
"""Option of commands: weights in place of the pretrained ones."""


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


def check_run_folder(path, overwrite):
    """Raises `InvalidInputError` unless `path` can take a training run's files.

    Args:
        path: a folder that is empty or doesn't exist.
        overwrite: bool, whether it can have contents.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InvalidInputError(f"Expected a folder for the run's files. Received: {path}, a file")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InvalidInputError(
            f"The folder {path} isn't empty. Choose another with --out, or replace the run in it "
            "with --overwrite."
        )
    check_output_folder(path)


def check_weights_file(path):
    """Raises `WeightsNotFoundError` unless there is a file at `path`, or it is `None`."""
    if path is not None and not path.is_file():
        raise WeightsNotFoundError(f"There is no weights file at {path}.")


def check_restores(name, model=None):
    """Raises `InvalidInputError` unless a model restores pictures.

    Args:
        name: str, a registered model.
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
    task = registry.find(name).task
    return None if task is None else task == "restore"


def start_keras():
    """Imports Keras on an installed backend, without the backend's start-up messages."""
    choose_backend()
    with quiet_backend():
        return import_keras()


def load_model(name, weights, check):
    """Loads a model, and checks once more what it does: now it is known for every family.

    Args:
        name: str, a registered model.
        weights: path of a weights file, or `None` for the pretrained weights.
        check: `check_draws` or `check_restores`.
    """
    start_keras()
    from zoo.hub.loading import PRETRAINED, load

    model = load(name, weights=PRETRAINED if weights is None else weights)
    check(name, model)
    return model


def _names(restoring):
    return [name for name in registry.names() if restores(name) is restoring]
