"""JAX: the state that Keras' trainer holds apart from the variables while it trains."""

import jax
import keras


def keep_arrays(model, name, function):
    """Returns the trainer's function of a step, compiled so that it gives no array away."""
    distributed = keras.distribution.distribution() is not None
    if model.run_eagerly or not model.jit_compile or distributed:
        return function
    step = getattr(model, f"{name}_step")
    if name != "predict":
        return model._make_function(jax.jit(step))

    def predict(state, data):
        outputs, updated = step(state, data)
        return outputs, (state[0], updated)

    return model._make_function(jax.jit(predict), concatenate_outputs=True)


def keep_variables(**groups):
    """Stands in for Keras' removal of the variables' values at the start of an epoch."""
    del groups


def current_values(model, variables):
    """Returns values of variables, in the middle of an epoch those that the trainer's loop holds.

    They are read at once, without a change to the trainer's state: it may be in another thread.
    """
    state = None if model is None or model._jax_state_synced else model._jax_state
    if not state:
        return [_local(v.value) for v in variables]
    groups = ("trainable_variables", "non_trainable_variables")
    held = {
        id(variable): value
        for group in groups
        for variable, value in zip(getattr(model, group), state[group], strict=True)
    }
    return [_local(held.get(id(v), v.value)) for v in variables]


def _local(value):
    """Returns this process' copy of an array that each of several processes has a copy of."""
    return value if value.is_fully_addressable else value.addressable_data(0)
