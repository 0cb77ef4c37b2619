"""Options of `zoo train` that change the recipe's techniques: their types, and what they check."""

from enum import StrEnum
from typing import Annotated

import typer

from zoo.errors import InvalidInputError

RECIPE = "the model's recipe"


class Schedule(StrEnum):
    """How the rates go over a run."""

    constant = "constant"
    cosine = "cosine"
    linear = "linear"


def _option(text):
    return typer.Option(help=text, show_default=RECIPE)


DiscriminatorRate = Annotated[
    float | None,
    _option("Learning rate of the discriminator's optimizer, if it isn't the generator's."),
]
ScheduleOfRates = Annotated[
    Schedule | None, _option("Of both rates; cosine and linear fall to a fiftieth over the run.")
]
AverageDecay = Annotated[
    float | None,
    _option("Of the generator's moving average, which is what is kept; 0.999 for example."),
]
RealLabel = Annotated[float | None, _option("Under 1: one-sided label smoothing; 0.9 for example.")]
ClipNorm = Annotated[
    float | None, _option("Largest norm of all gradients of a network taken together.")
]
AccumulationSteps = Annotated[
    int | None, _option("Batches whose mean gradient makes one update, for a small memory.")
]
DiffAugment = Annotated[
    str | None,
    _option(
        "Differentiable augmentation of all that the discriminator sees, for few images: some of "
        "color,translation,cutout."
    ),
]
InstanceNoise = Annotated[
    float | None,
    _option("Standard deviation of the noise on all that the discriminator sees."),
]
InstanceNoiseSteps = Annotated[
    int | None, _option("Updates of the generator over which that noise fades to nothing.")
]


def technique_changes(
    *,
    discriminator_rate,
    schedule,
    average_decay,
    real_label,
    clip_norm,
    accumulation_steps,
    diff_augment,
    instance_noise,
    instance_noise_steps,
):
    """The recipe's fields that these options change.

    Each argument is the option's value, or `None` where it wasn't given.

    Returns:
        dict for `zoo.hub.registry.ModelSpec.with_recipe`.

    Raises:
        InvalidInputError: for a value out of range, under the option's name.
    """
    from zoo.checks import check_count, check_fraction, check_positive, check_weight, read_policy

    checks = (
        (check_weight, "--discriminator-rate", discriminator_rate),
        (check_weight, "--instance-noise", instance_noise),
        (check_fraction, "--average-decay", average_decay),
        (check_count, "--accumulation-steps", accumulation_steps),
        (check_count, "--instance-noise-steps", instance_noise_steps),
        (check_positive, "--clip-norm", clip_norm),
        (_check_label, "--real-label", real_label),
    )
    for check, option, value in checks:
        if value is not None:
            check(option, value)
    changes = {
        "discriminator_rate": discriminator_rate,
        "schedule": None if schedule is None else schedule.value,
        "average_decay": average_decay,
        "real_label": real_label,
        "clip_norm": clip_norm,
        "accumulation_steps": accumulation_steps,
        "diff_augment": None if diff_augment is None else read_policy(diff_augment),
        "instance_noise": instance_noise,
        "instance_noise_steps": instance_noise_steps,
    }
    return {key: value for key, value in changes.items() if value is not None}


def _check_label(option, value):
    if not 0.5 < value <= 1.0:
        raise InvalidInputError(
            f"`{option}` must be a number over 0.5, up to 1. Received: {option}={value!r}"
        )
