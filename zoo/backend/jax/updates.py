"""JAX: an optimizer's update that changes nothing if a step isn't sound."""

import jax


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
