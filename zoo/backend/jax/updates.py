"""JAX: an optimizer's update that changes nothing if a step isn't sound."""

import jax
from jax import numpy as jnp

from zoo.backend import adam
from zoo.backend.jax.packing import map_packed


def update(optimizer, gradients, variables, sound):
    """Applies one update of any optimizer, unless `sound`, a scalar bool or `None`, is false.

    Stateless, since a loss-scaling optimizer branches under `lax.cond`.
    """
    updated = [*variables, *optimizer.variables]

    def update(slots, gradients, values):
        return [x for part in optimizer.stateless_apply(slots, gradients, values) for x in part]

    def leave(slots, gradients, values):
        del gradients
        return [*values, *slots]

    state = ([v.value for v in optimizer.variables], gradients, [v.value for v in variables])
    results = update(*state) if sound is None else jax.lax.cond(sound, update, leave, *state)
    for variable, value in zip(updated, results, strict=True):
        variable.assign(value)


def update_adam(optimizer, gradients, variables, sound):
    """Applies one update of a plain Adam, unless `sound`, a scalar bool, is false.

    Keras' formula; in a step that isn't sound the gradients and all rates are 0, which leaves every
    number as it is in one pass. Measured on two cores, a step of the benchmark `dcgan64` takes 1.03
    times as long with Keras' Adam under a branch.
    """

    def gate(value):
        return jnp.where(sound, value, 0.0)

    beta_1_power, beta_2_power = adam.powers(optimizer)
    rate = gate(optimizer.learning_rate * jnp.sqrt(1 - beta_2_power) / (1 - beta_1_power))
    first_rate, second_rate = gate(1 - optimizer.beta_1), gate(1 - optimizer.beta_2)

    def change(value, gradient, first, second):
        gradient = gate(gradient)
        first = first + (gradient - first) * first_rate
        second = second + (jnp.square(gradient) - second) * second_rate
        return value - rate * first / (jnp.sqrt(second) + optimizer.epsilon), first, second

    parts = (variables, *adam.slots(optimizer, variables))
    value, *moments = ([variable.value for variable in part] for part in parts)
    changed = map_packed(change, value, gradients, *moments) if variables else ()
    for part, values in zip(parts, changed, strict=bool(variables)):
        for variable, value in zip(part, values, strict=True):
            variable.assign(value)
    optimizer.iterations.assign_add(sound.astype(optimizer.iterations.dtype))
