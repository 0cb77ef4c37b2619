"""Options of `zoo train` that change the recipe: one entry each, with its type, help and check."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from zoo.checks import (
    LARGEST_SEED,
    check_count,
    check_fraction,
    check_positive,
    check_weight,
    read_policy,
)
from zoo.errors import InvalidInputError


class Precision(StrEnum):
    """Dtype policies for training."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    mixed_float16 = "mixed_float16"


class Schedule(StrEnum):
    """How the learning rates change over a run."""

    constant = "constant"
    cosine = "cosine"
    linear = "linear"


class Option(NamedTuple):
    """An option that changes the recipe.

    Args:
        type: type of its value.
        help: what it sets.
        check: function of the option's name and value, which raises `InvalidInputError`.
        convert: function from its value to that of the recipe.
        fields: the recipe's fields; by default the one of the option's name.
    """

    type: type
    help: str
    check: Callable | None = None
    convert: Callable | None = None
    fields: tuple = ()


def _check_seed(option, value):
    if not 0 <= value <= LARGEST_SEED:
        raise InvalidInputError(
            f"`{option}` must be an integer from 0 to {LARGEST_SEED}. Received: {option}={value}"
        )


def _check_label(option, value):
    if not 0.5 < value <= 1.0:
        raise InvalidInputError(
            f"`{option}` must be a number above 0.5, up to 1. Received: {option}={value!r}"
        )


OPTIONS = {
    "epochs": Option(int, "Passes over the images, in one phase.", check_count),
    "batch_size": Option(int, "Images per step.", check_count),
    "seed": Option(int, "Seed of the weights, latents and order of images.", _check_seed),
    "precision": Option(Precision, "Keras dtype policy.", convert=str),
    "learning_rate": Option(
        float,
        "Initial learning rate of both optimizers.",
        check_weight,
        fields=("generator_rate", "discriminator_rate"),
    ),
    "discriminator_rate": Option(
        float,
        "Learning rate of the discriminator's optimizer, if it differs from the generator's.",
        check_weight,
    ),
    "schedule": Option(
        Schedule,
        "Schedule of both rates; cosine and linear fall to a fiftieth over the run.",
        convert=str,
    ),
    "average_decay": Option(
        float,
        "Decay of the generator's moving average, which becomes the result; for example 0.999.",
        check_fraction,
    ),
    "real_label": Option(
        float, "Below 1: one-sided label smoothing; for example 0.9.", _check_label
    ),
    "clip_norm": Option(
        float, "Largest norm of all gradients of a network taken together.", check_positive
    ),
    "accumulation_steps": Option(
        int, "Batches whose mean gradient makes one update, to save memory.", check_count
    ),
    "diff_augment": Option(
        str,
        "Differentiable augmentation of everything the discriminator sees, for few images: some of "
        "color,translation,cutout.",
        convert=read_policy,
    ),
    "instance_noise": Option(
        float,
        "Standard deviation of the noise on everything the discriminator sees.",
        check_weight,
    ),
    "instance_noise_steps": Option(
        int, "Updates of the generator over which that noise fades to nothing.", check_count
    ),
}
"""Name -> option."""


def with_recipe_options(command):
    """Decorates a command: its `**options` become one option for each entry of `OPTIONS`."""
    signature = inspect.signature(command)
    own = [item for item in signature.parameters.values() if item.kind != item.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                option.type | None,
                typer.Option(help=option.help, show_default="the model's recipe"),
            ],
        )
        for name, option in OPTIONS.items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *added])
    return command


def recipe_changes(options):
    """Checks the values of `OPTIONS` and returns the fields of the recipe that they change.

    Args:
        options: dict name -> value, `None` for an option that wasn't given.

    Returns:
        dict for `ModelSpec.with_recipe`.

    Raises:
        InvalidInputError: for a value out of range.
    """
    changes = {}
    for name, option in OPTIONS.items():
        value = options.get(name)
        if value is None:
            continue
        if option.check is not None:
            option.check(f"--{name.replace('_', '-')}", value)
        value = value if option.convert is None else option.convert(value)
        changes |= dict.fromkeys(option.fields or (name,), value)
    return changes
