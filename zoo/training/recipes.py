"""Turns a recipe, which holds plain values, into the arguments of `compile`."""

import keras

from zoo import losses
from zoo.checks import check_count, check_positive
from zoo.errors import InvalidInputError

FINAL_RATE = 0.02
"""Last rate of a falling schedule, as a fraction of the first."""


def compile_arguments(recipe, steps):
    """Returns the arguments of `AdversarialModel.compile` for a recipe.

    Args:
        recipe: `zoo.Recipe`.
        steps: int, optimizer steps of the whole run, over which schedules fall.

    Raises:
        InvalidInputError: for an unknown loss or schedule, or a number out of range.
    """
    check_count("accumulation_steps", recipe.accumulation_steps)
    if recipe.clip_norm is not None:
        check_positive("clip_norm", recipe.clip_norm)
    return {
        "generator_optimizer": _adam(recipe, recipe.generator_rate, steps),
        "discriminator_optimizer": _adam(recipe, recipe.discriminator_rate, steps),
        "loss": _loss(recipe),
        "discriminator_steps": recipe.discriminator_steps,
        "gradient_penalty": recipe.gradient_penalty,
        "r1_penalty": recipe.r1_penalty,
        "average_decay": recipe.average_decay,
        "diff_augment": recipe.diff_augment,
        "instance_noise": recipe.instance_noise,
        "instance_noise_steps": recipe.instance_noise_steps,
        **recipe.options,
    }


def _adam(recipe, rate, steps):
    accumulates = recipe.accumulation_steps > 1
    return keras.optimizers.Adam(
        _schedule(recipe.schedule, rate, steps),
        beta_1=recipe.beta_1,
        global_clipnorm=recipe.clip_norm,
        gradient_accumulation_steps=recipe.accumulation_steps if accumulates else None,
    )


def _schedule(name, rate, steps):
    """Returns a rate or a schedule of rates for Adam."""
    if name == "constant":
        return rate
    if name == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=FINAL_RATE)
    if name == "linear":
        return keras.optimizers.schedules.PolynomialDecay(rate, steps, rate * FINAL_RATE)
    raise InvalidInputError(
        f"`schedule` must be 'constant', 'cosine' or 'linear'. Received: schedule={name!r}"
    )


def _loss(recipe):
    loss = losses.get(recipe.loss)
    if recipe.real_label == 1.0:
        return loss
    if not hasattr(loss, "real_label"):
        raise InvalidInputError(
            "`real_label` below 1 needs the loss 'minimax' or 'non_saturating'. "
            f"Received: real_label={recipe.real_label!r} with loss={recipe.loss!r}"
        )
    return type(loss)(real_label=recipe.real_label)
