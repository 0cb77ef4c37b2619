"""JAX: pure functions. A chain of `StatelessScope`s lets imperative code run inside `jax.grad`."""

import contextlib
import itertools

import jax
import keras
from jax import numpy as jnp

from zoo.backend import adam
from zoo.backend.jax import packing, replicas, updates
from zoo.backend.jax import state as trainer_state
from zoo.backend.jax.peers import ending_together
from zoo.backend.jax.scope import purify

UNTRACKED: set[str] = {"_jax_state"}
"""Attributes of a model in which Keras needn't look for layers each time that they are set.

For the state after a step that takes 15 microseconds, a thirtieth of a step of narrow networks.
"""


def run_step(model, step, state, data):
    """Runs `step(data)` as `(state, data) -> (logs, state)`, the signature under `jax.jit`."""
    groups = trainer_state.variables_of(model, state)

    def pure(state, data):
        mapping = [
            pair
            for variables, values in zip(groups, state, strict=True)
            for pair in zip(variables, values, strict=True)
        ]
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            logs = step(data)
        return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)

    return replicas.on_each_device(model, pure)(state, data)


def fuse_steps(model, function):
    """Makes one compiled loop of `steps_per_execution` steps, which Keras dispatches one by one.

    Batches are stacked for it; those that can't be, the last of an epoch, go to `function`.
    """
    count = model.steps_per_execution
    if count == 1 or not trainer_state.is_compiled(model):
        return function

    @packing.compile_packed
    def take_steps(state, batches):
        def step(state, batch):
            logs, state = model.train_step(state, batch)
            return state, logs

        # Here, since each operation outside would be a call of its own.
        batches = jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches)
        state, logs = jax.lax.scan(step, state, batches)
        return jax.tree.map(lambda values: values[-1], logs), state

    def train_function(state, iterator):
        batches = list(itertools.islice(iterator, count))
        shapes = {tuple(x.shape for x in jax.tree.leaves(batch)) for batch in batches}
        if len(batches) == count and len(shapes) == 1:
            return take_steps(state, batches)
        return function(state, iter(batches))

    return train_function


def keep_arrays(model, name, function):
    """Returns the trainer's function for "train", "test" or "predict", which gives no array away.

    Keras donates the state to the compiled step: a step that fails or is interrupted, or a look
    from another thread, finds deleted arrays. Without that, the state before a step stays whole.
    """
    return trainer_state.keep_arrays(model, name, function)


def call_network(network, inputs, training):
    """Returns the outputs of a network."""
    return network(inputs, training=training)


def value_and_gradients(function, variables):
    """Calls `function() -> (loss, aux)`; returns `(loss, aux)` and d loss / d variables."""
    pure, commit = purify(function, variables)

    def objective(values):
        (loss, aux), assigned = pure(values)
        return loss, (aux, assigned)

    values = [v.value for v in variables]
    (loss, (aux, assigned)), gradients = jax.value_and_grad(objective, has_aux=True)(values)
    commit(assigned)
    return (loss, aux), gradients


def forward_and_pullback(function, variables):
    """Calls `function() -> outputs`; returns outputs and `pullback(d loss / d outputs)`."""
    pure, commit = purify(function, variables)
    outputs, pullback, assigned = jax.vjp(pure, [v.value for v in variables], has_aux=True)
    commit(assigned)
    return outputs, lambda output_gradients: pullback(output_gradients)[0]


def input_gradient(function, inputs, differentiable=False):
    """Calls `function(inputs) -> (value, aux)`; returns `(value, aux)` and d value / d inputs."""
    del differentiable  # every gradient is, in JAX
    pure, commit = purify(function, [])

    def objective(inputs):
        (value, aux), assigned = pure([], inputs)
        return value, (aux, assigned)

    (value, (aux, assigned)), gradient = jax.value_and_grad(objective, has_aux=True)(inputs)
    commit(assigned)
    return (value, aux), gradient


def all_finite(tensors):
    """Returns whether all numbers are finite, and their squares, which Adam keeps.

    Columns first: XLA sums a whole tensor serially, on one core of a CPU.
    """
    columns = [
        jnp.sum(jnp.square(x.astype("float32")), tuple(range(x.ndim - 1)))
        for x in packing.packed(tensors)
    ]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(column)) for column in columns]))


def apply_gradients(optimizer, gradients, variables, sound=None):
    """Applies one update unless `sound`, a scalar bool, is false."""
    plain = sound is not None and adam.is_plain(optimizer, variables)
    update = updates.update_adam if plain else updates.update
    update(optimizer, gradients, variables, sound)


def revert(variables, values, sound):
    """Restores earlier values of variables unless `sound`, a scalar bool, is true."""
    current = [variable.value for variable in variables]
    (kept,) = packing.map_packed(lambda *x: (jnp.where(sound, *x),), current, values)
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)


def feed(batches):
    """Returns the same batches: Keras' conversion from NumPy is fast here."""
    return batches


def compile_inference(function, network, jit_compile, model=None):
    """Returns `infer(*arrays)`, which runs a function that reads the network's variables.

    Their values are those after the last finished step of the `model` that trains the network, in
    whichever thread.
    """

    variables = network.variables  # once: Keras walks through all layers for it

    def pure(values, inputs):
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function(*map(jnp.asarray, inputs))

    run = jax.jit(pure) if jit_compile else pure
    return lambda *inputs: run(trainer_state.current_values(model, variables), inputs)


@contextlib.contextmanager
def state_kept(model):
    """Leaves the variables with the values of the last finished step, whatever happens.

    Keras' loop takes the values out of the variables and puts them back at the end, so that a step
    that fails would lose every weight.
    """
    model.jax_state_sync()  # within `fit`: what its loop holds
    model._jax_state = None  # what an earlier call left there can be older than the variables
    model._purge_model_variables = trainer_state.keep_variables
    try:
        with ending_together():
            yield
    finally:
        model.jax_state_sync()
        model._jax_state, model._jax_state_synced = None, True


def draw_apart(seed):
    """Returns the seed itself: JAX' draws for neighboring seeds share nothing."""
    return seed


def device_name():
    """Returns the name of the device that runs the computation."""
    return jax.devices()[0].device_kind
