"""JAX: the state that Keras' trainer holds apart from the variables while it trains."""

import jax
import keras

from zoo.backend.jax.packing import compile_packed


def is_compiled(model):
    """Returns whether the zoo compiles a model's steps itself: Keras does on several devices."""
    distributed = keras.distribution.distribution() is not None
    return not (model.run_eagerly or not model.jit_compile or distributed)


def variables_of(model, state):
    """Returns the variables whose values are in the lists of a step's state."""
    groups = [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables if model.optimizer else [],
        model.metrics_variables,
    ]
    if len(state) == 3:  # an evaluation step's state has no optimizer
        del groups[2]
    return groups


def keep_arrays(model, name, function):
    """Returns the trainer's function of a step, compiled so that it gives no array away."""
    if not is_compiled(model):
        return function
    if name == "train":
        return model._make_function(compile_packed(model.train_step))
    step = getattr(model, f"{name}_step")
    if name == "test":
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
    groups = ("trainable_variables", "non_trainable_variables") if state else ()
    held = {
        id(variable): value
        for group in groups
        for variable, value in zip(getattr(model, group), state[group], strict=True)
    }
    # Not `value`, which looks for scopes, and takes as long as all else of a small batch's call.
    values = [held.get(id(v), v._value) for v in variables]
    if jax.process_count() == 1:
        return values
    return [x if x.is_fully_addressable else x.addressable_data(0) for x in values]  # own copies
