"""`zoo train`: trains a registered model on its own data set or on the user's images."""

import contextlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo import interrupts
from zoo.checks import check_count
from zoo.cli.activity import activity
from zoo.cli.checks import (
    check_draws,
    check_output_folder,
    check_run_folder,
    check_weights_file,
    command_line,
    has_checkpoints,
    restores,
    start_keras,
)
from zoo.cli.quiet import quiet_backend
from zoo.cli.techniques import recipe_changes, with_recipe_options
from zoo.cli.training_data import check_training_data, read_training_data, with_size
from zoo.errors import InvalidInputError
from zoo.hub import registry
from zoo.imports import LOGGERS, choose_backend, import_optional


class OnNonfinite(StrEnum):
    """What to do after steps with NaN or infinity."""

    skip = "skip"
    rollback = "rollback"
    stop = "stop"


class Log(StrEnum):
    """Where a run is shown while it trains."""

    tensorboard = "tensorboard"
    wandb = "wandb"


@with_recipe_options
def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of `zoo list`.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder, zip or tar shards of images; cropped and resized to the model's shape. "
            "For a class-conditional model, with a folder for each class.",
            show_default="the model's data set",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HEIGHTxWIDTH",
            help="Size of the images, in pixels: 32 or 32x48.",
            show_default="the model's own",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Use only this many images: the first of a folder, a random choice of a data set.",
            show_default="all",
        ),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Read the images of --data while the model trains. Tar shards, and images that "
            "would take over a quarter of the memory, are always read so.",
        ),
    ] = False,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Random changes of the images before each step: flip, rotate, crop, cutout, "
            "brightness, contrast, separated by commas, in the order in which they are applied. "
            "The model learns the changed images. Needs keras-cv.",
            show_default="unchanged",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run's files.", show_default="runs/NAME")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in that folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_DIR",
            help="Folder of a run that was stopped or killed, to be continued: all other options "
            "as before. More --epochs make a run longer.",
        ),
    ] = None,
    initial_weights: Annotated[
        Path | None,
        typer.Option("--from", help="Weights to start from.", show_default="a fresh start"),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Score the model every N epochs; the best weights so far go into best.weights.h5.",
            metavar="N",
        ),
    ] = None,
    log: Annotated[
        list[Log] | None,
        typer.Option(
            help="Also show losses, scores and samples in TensorBoard, or on Weights & Biases "
            "(WANDB_MODE=offline needs no account). Can be given twice. history.csv is always "
            "written.",
        ),
    ] = None,
    distribute: Annotated[
        bool,
        typer.Option(
            "--distribute",
            help="Train on all devices and processes of this job; see docs/scaling.md. On PyTorch: "
            "torchrun --nproc-per-node=2 -m zoo train NAME --distribute.",
        ),
    ] = False,
    on_nonfinite: Annotated[
        OnNonfinite,
        typer.Option(
            help="After steps with NaN or infinity, which never reach the weights: continue, "
            "return to the last checkpoint with half the rates, or stop."
        ),
    ] = OnNonfinite.skip,
    **options,
):
    """Train a model: weights, card, losses and pictures of every epoch go into a folder.

    You can stop it at any time: the weights are saved after every epoch, along with all that
    --resume needs to continue to the same result as without a stop.
    """
    first = _join(distribute)
    for option, value in {"--limit": limit, "--evaluate-every": evaluate_every}.items():
        if value is not None:
            check_count(option, value)
    if stream and data is None:
        raise InvalidInputError("--stream reads the images of --data. Received: no --data")
    loggers = [item.value for item in log or ()]
    changes = recipe_changes(options)
    check_weights_file(initial_weights)
    spec = _find(name).with_recipe(**changes)
    if size is not None:
        spec = with_size(spec, size)
    if "epochs" in changes and not (resume is not None and (resume / "first").is_dir()):
        # This many in all: without a previous phase, and with rates that fall over these epochs.
        spec = spec.with_recipe(previous=None, schedule_epochs=None)
    out = _run_folder(name, out, resume, overwrite)
    if evaluate_every is not None:
        _check_evaluates(spec, data)
    check_training_data(spec, data)
    if data is None:
        source, dataset = "", spec.dataset
    else:  # without what can't be written in UTF-8
        source, dataset = os.fsencode(data.resolve().name).decode("utf-8", "replace"), ""
    # After all names and paths, but before the data, which can take a while to read.
    choose_backend()
    augmentation = _augmentation(spec, augment)
    for module in loggers:
        import_optional(module, LOGGERS[module])
    images, labels = read_training_data(spec, data, limit, stream)

    keras = start_keras()
    from zoo.cli.training_bar import training_progress
    from zoo.training import run

    # The scores join the logs that the progress shows: they come first.
    callbacks = _evaluations(spec, evaluate_every, out)
    monitor = callbacks[0].monitor if callbacks else None
    if overwrite:
        if first:
            _remove_run(out, name)
            _remove_run(out / "first", name)
        from zoo import backend

        backend.meet()
    # Not before: it would go on with the run that is to be replaced.
    interrupts.advise(_resume_command(context, out))
    recipe = spec.recipe
    how = "" if hasattr(images, "shape") else ", read from disk as it goes,"
    begins = (
        f"training {name} on {len(images):,} images{how} for {recipe.epochs} epochs in batches of "
        f"{recipe.batch_size}, in {recipe.precision} on {keras.backend.backend()}, into {out}"
    )
    with contextlib.ExitStack() as stack:
        if first:
            print(begins, file=sys.stderr)
            callbacks.append(stack.enter_context(training_progress(len(images))))
        run.train(
            spec,
            images,
            out,
            callbacks,
            initial_weights,
            labels,
            resume=resume is not None,
            on_nonfinite=on_nonfinite.value,
            monitor=monitor,
            augment=augmentation,
            dataset=dataset,
            data=source,
            log=loggers,
        )
    if not first:
        return
    use = ["inpaint", out, "PICTURE", "MASK"] if restores(name) else ["sample", out]
    print(f"wrote {out / name}.weights.h5; see {out / name}.png, or: {command_line(*use)}")


def _join(distribute):
    """Joins the job's processes; returns whether this is the one that writes and speaks."""
    if not distribute:
        return True
    start_keras()
    from zoo import distribution

    with activity("connecting the processes of this job"):
        distribution.data_parallel()
    return distribution.is_first_process()


def _find(name):
    if name not in registry.names() and Path(name).is_dir():
        raise InvalidInputError(
            f"NAME must be a model of `zoo list`. Received: {name}, a folder. To continue the run "
            f"in it: zoo train NAME ... --resume {name}"
        )
    return registry.find(name)


def _resume_command(context, out):
    """Returns the command that goes on with the run when this one is interrupted."""
    words = ["train"]
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        replaced = parameter.name in ("out", "overwrite", "resume")
        if replaced or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[parameter.name]
        for item in value if isinstance(value, (list, tuple)) else [value]:
            words += [] if parameter.name == "name" else [parameter.opts[0]]
            words += [] if item is True else [getattr(item, "value", item)]  # of a flag
    return command_line(*words, "--resume", out)


def _run_folder(name, out, resume, overwrite):
    """Returns the run's folder, after checking that files can be written to it."""
    if resume is None:
        out = Path("runs", name) if out is None else out
        check_run_folder(out, name, overwrite)
        return out
    if out is not None or overwrite:
        other = "--out" if out is not None else "--overwrite"
        raise InvalidInputError(f"--resume continues in its own folder. Received: {other} as well")
    check_output_folder(resume)
    if not has_checkpoints(resume):
        print(f"nothing to resume in {resume}: starting from the beginning", file=sys.stderr)
    return resume


def _augmentation(spec, text):
    """Returns the `InputAugmentation` of the names in a text; `None` without one."""
    if text is None:
        return None
    from zoo.training import input_augmentation

    names = input_augmentation.parse_names(text)
    with quiet_backend():
        return input_augmentation.make(names, spec.config.get("image_shape"))


def _check_evaluates(spec, data):
    check_draws(spec.name)
    if data is not None or not spec.dataset:
        raise InvalidInputError(
            "--evaluate-every compares with the evaluation split of the model's own data set. "
            "For images of your own, use zoo.evaluation.EvaluationCallback."
        )


def _evaluations(spec, every, out):
    """Returns a list with the callback that scores the model, empty without one."""
    if every is None:
        return []
    from zoo.evaluation.callback import EvaluationCallback
    from zoo.evaluation.features.classifier import load_classifier

    with activity(f"measuring the real images of {spec.dataset}"):
        extractor = load_classifier(spec.dataset)
        best = out / "best.weights.h5"
        return [EvaluationCallback(spec.dataset, extractor, every, best_weights=best)]


def _remove_run(out, name):
    """Removes an earlier run's files, so that they aren't taken for the new one's."""
    # The card first: it must not lie beside weights that it doesn't describe.
    earlier = [out / f"{name}.json", out / f"{name}.png", out / f"{name}.weights.h5"]
    earlier += [out / "best.weights.h5", out / "progress.gif", out / "history.csv"]
    earlier += [out / "wandb" / "run.json"]
    earlier += sorted((out / "tensorboard").glob("events.out.tfevents.*.zoo"))
    earlier += sorted((out / "samples").glob("epoch_*.png"))
    earlier += sorted((out / "checkpoints").glob("*.checkpoint.h5"))
    for path in earlier:
        path.unlink(missing_ok=True)
