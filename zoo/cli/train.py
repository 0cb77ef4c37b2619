"""`zoo train`: a registered model, on its own data set or on a person's own images."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import techniques
from zoo.cli.techniques import RECIPE
from zoo.cli.training_data import read_training_data
from zoo.errors import InvalidInputError, WeightsNotFoundError


class OnNonfinite(StrEnum):
    """What to do about steps with NaN or infinity."""

    skip = "skip"
    rollback = "rollback"
    stop = "stop"


class Precision(StrEnum):
    """The dtype policies that models train in."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    mixed_float16 = "mixed_float16"


def train(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of `zoo list`.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of images; cropped and resized to the model's shape. For a "
            "class-conditional model, with a folder for each class.",
            show_default="the model's data set",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the images, in one phase.", show_default=RECIPE)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images per step.", show_default=RECIPE)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of weights, latents and the order of images.",
            show_default=RECIPE,
        ),
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Keras dtype policy.", show_default=RECIPE)
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of both optimizers, at the start.", show_default=RECIPE),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Change the images at random before each step: flip, rotate, crop, cutout, "
            "brightness, contrast, with commas between, in the order in which they are applied. "
            "The model learns to draw what they look like then. Takes keras-cv.",
            show_default="as they are",
        ),
    ] = None,
    initial_weights: Annotated[
        Path | None,
        typer.Option("--from", help="Weights to start from.", show_default="a fresh start"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run's files.", show_default="runs/NAME")
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Score the model after so many epochs each; the best weights so far go into "
            "best.weights.h5."
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_DIR",
            help="Folder of a run that was stopped or killed, to go on with: everything else on "
            "the line as it was.",
        ),
    ] = None,
    on_nonfinite: Annotated[
        OnNonfinite,
        typer.Option(
            help="After steps with NaN or infinity, which never reach the weights: go on, go back "
            "to the last checkpoint with half the rates, or stop."
        ),
    ] = OnNonfinite.skip,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in that folder.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Use this many images only: the first of a folder, a random choice of a data set.",
            show_default="all",
        ),
    ] = None,
    discriminator_rate: techniques.DiscriminatorRate = None,
    schedule: techniques.ScheduleOfRates = None,
    average_decay: techniques.AverageDecay = None,
    real_label: techniques.RealLabel = None,
    clip_norm: techniques.ClipNorm = None,
    accumulation_steps: techniques.AccumulationSteps = None,
    diff_augment: techniques.DiffAugment = None,
    instance_noise: techniques.InstanceNoise = None,
    instance_noise_steps: techniques.InstanceNoiseSteps = None,
):
    """Train a model: weights, card and pictures of every epoch go into a folder.

    Stop it at any time: after every epoch the weights so far are saved, and all that --resume needs
    to go on to what the run would have come to without a stop.
    """
    from zoo.checks import LARGEST_SEED, check_count, check_weight
    from zoo.cli.kinds import restores
    from zoo.cli.quiet import quiet_backend
    from zoo.hub import registry
    from zoo.imports import choose_backend, import_keras

    counts = {"epochs": epochs, "batch-size": batch_size, "limit": limit}
    for option, value in {**counts, "evaluate-every": evaluate_every}.items():
        if value is not None:
            check_count(f"--{option}", value)
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise InvalidInputError(
            f"`--seed` must be an integer from 0 to {LARGEST_SEED}. Received: --seed={seed}"
        )
    if learning_rate is not None:
        check_weight("--learning-rate", learning_rate)
    if initial_weights is not None and not initial_weights.is_file():
        raise WeightsNotFoundError(f"There is no weights file at {initial_weights}.")
    changes = {"generator_rate": learning_rate, "discriminator_rate": learning_rate}
    changes |= {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    changes["precision"] = None if precision is None else precision.value
    changes |= techniques.technique_changes(
        discriminator_rate=discriminator_rate,
        schedule=schedule,
        average_decay=average_decay,
        real_label=real_label,
        clip_norm=clip_norm,
        accumulation_steps=accumulation_steps,
        diff_augment=diff_augment,
        instance_noise=instance_noise,
        instance_noise_steps=instance_noise_steps,
    )
    spec = registry.find(name).with_recipe(
        **{key: value for key, value in changes.items() if value is not None}
    )
    if epochs is not None:
        # So many in all: no phase before, and rates that fall over these.
        spec = spec.with_recipe(previous=None, schedule_epochs=None)
    out = _run_folder(name, out, resume, overwrite)
    if evaluate_every is not None:
        _check_evaluates(spec, data)
    choose_backend()  # Before the data: reading them can take a while.
    augmentation = _augmentation(spec, augment)
    images, labels = read_training_data(spec, data, limit)

    with quiet_backend():
        keras = import_keras()
    from zoo.cli.training_bar import training_progress
    from zoo.training import run

    # The scores join the logs that the progress shows: they come first.
    callbacks = _evaluations(spec, evaluate_every, out)
    if overwrite:
        _remove_run(out, name)
    recipe = spec.recipe
    print(
        f"training {name} on {len(images):,} images for {recipe.epochs} epochs in batches of "
        f"{recipe.batch_size}, in {recipe.precision} on {keras.backend.backend()}, into {out}",
        file=sys.stderr,
    )
    with training_progress(len(images)) as progress:
        run.train(
            spec,
            images,
            out,
            [*callbacks, progress],
            initial_weights,
            labels,
            resume=resume is not None,
            on_nonfinite=on_nonfinite.value,
            monitor=callbacks[0].monitor if callbacks else None,
            augment=augmentation,
        )
    weights = out / f"{name}.weights.h5"
    use = f"inpaint {name} PICTURE MASK" if restores(name) else f"sample {name}"
    print(f"wrote {weights}; see {out / name}.png, or: zoo {use} --weights {weights}")


def _run_folder(name, out, resume, overwrite):
    """The run's folder, once it is known to take the run's files."""
    from zoo.cli.checks import check_output_folder, check_run_folder

    if resume is None:
        out = Path("runs", name) if out is None else out
        check_run_folder(out, overwrite)
        return out
    if out is not None or overwrite:
        other = "--out" if out is not None else "--overwrite"
        raise InvalidInputError(f"--resume goes on in its own folder. Received: {other} as well")
    check_output_folder(resume)
    if not any(resume.glob("**/checkpoints/*")):
        print(f"nothing to go on from in {resume}: from the beginning", file=sys.stderr)
    return resume


def _augmentation(spec, text):
    """The `InputAugmentation` of the names in a text; `None` for none."""
    if text is None:
        return None
    from zoo.cli.quiet import quiet_backend
    from zoo.training import input_augmentation

    names = input_augmentation.parse_names(text)
    with quiet_backend():
        return input_augmentation.make(names, spec.config.get("image_shape"))


def _check_evaluates(spec, data):
    from zoo.cli.kinds import check_draws

    check_draws(spec.name)
    if data is not None or not spec.dataset:
        raise InvalidInputError(
            "--evaluate-every compares with the split for measuring of the model's own data set. "
            "For images of your own, give zoo.evaluation.EvaluationCallback some to compare with."
        )


def _evaluations(spec, every, out):
    """The callback that scores the model, in a list; none if nobody asked for it."""
    if every is None:
        return []
    from zoo.evaluation.callback import EvaluationCallback
    from zoo.evaluation.features.classifier import load_classifier

    extractor = load_classifier(spec.dataset)
    return [
        EvaluationCallback(spec.dataset, extractor, every, best_weights=out / "best.weights.h5")
    ]


def _remove_run(out, name):
    """Removes what an earlier run wrote, so that the new one's files aren't taken for its."""
    # The card first: it must not lie beside weights that it doesn't describe.
    earlier = [out / f"{name}.json", out / f"{name}.png", out / f"{name}.weights.h5"]
    earlier += [out / "best.weights.h5", out / "progress.gif"]
    earlier += sorted((out / "samples").glob("epoch_*.png"))
    earlier += sorted((out / "checkpoints").glob("*.checkpoint.h5"))
    for path in earlier:
        path.unlink(missing_ok=True)
