"""The state of a training run as arrays: what a checkpoint holds."""

import keras
import numpy as np


def state_variables(model):
    """Returns the variables that further steps depend on, by names that all backends share.

    Args:
        model: a compiled model of the zoo.

    Returns:
        dict name -> variable: both networks with their batch statistics and random states, the
        moving average, both optimizers' slots, counts, rates and loss scales, and the random state
        that latents, masks and the order of samples are drawn from.
    """
    groups = {
        "generator": model.generator.variables,
        "discriminator": model.discriminator.variables,
        "generator_optimizer": model.optimizer.generator_optimizer.variables,
        "discriminator_optimizer": model.optimizer.discriminator_optimizer.variables,
        "random": [model.seed_generator.state],
    }
    if model.average_generator is not None:
        groups["average_generator"] = model.average_generator.variables
    return {
        f"{group}/{index:04d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }


def capture_state(model):
    """Returns `state_variables` as a dict name -> ndarray; integers are int64 on every backend."""
    return {
        name: _portable(keras.ops.convert_to_numpy(variable))
        for name, variable in state_variables(model).items()
    }


def describe_state(model):
    """Returns arrays of the names, shapes and types of `capture_state`, which take no memory."""
    return {
        name: np.broadcast_to(_portable(np.zeros((), _numpy_dtype(variable))), variable.shape)
        for name, variable in state_variables(model).items()
    }


def restore_state(model, arrays):
    """Sets every variable to what `capture_state` returned.

    Args:
        model: like the one that `capture_state` was called with, on any backend.
        arrays: dict name -> ndarray, with the names, shapes and types of `describe_state`.
    """
    for name, variable in state_variables(model).items():
        variable.assign(arrays[name].astype(_numpy_dtype(variable)))


def _portable(array):
    return array if array.dtype.kind == "f" else array.astype("int64")


def _numpy_dtype(variable):
    return keras.backend.standardize_dtype(variable.dtype)
