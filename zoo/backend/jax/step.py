"""JAX: pure functions. A chain of `StatelessScope`s lets imperative code run inside `jax.grad`."""

import contextlib
import functools
import itertools

import jax
import keras
from jax import numpy as jnp

from zoo.backend import adam
from zoo.backend.jax import updates
from zoo.backend.jax.scope import purify


def run_step(model, step, state, data):
    """Runs `step(data)` as `(state, data) -> (logs, state)`, the signature under `jax.jit`."""
    groups = [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables if model.optimizer else [],
        model.metrics_variables,
    ]
    if len(state) == 3:  # an evaluation step's state has no optimizer
        del groups[2]
    mapping = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(mapping) as scope:
        logs = step(data)
    new_state = tuple([scope.get_current_value(v) for v in group] for group in groups)
    return logs, new_state


def fuse_steps(model, function):
    """Makes one compiled loop of `steps_per_execution` steps, which Keras dispatches one by one.

    Batches are stacked for it; those that can't be, the last of an epoch, go to `function`.
    """
    count = model.steps_per_execution
    distributed = keras.distribution.distribution() is not None
    if count == 1 or model.run_eagerly or not model.jit_compile or distributed:
        return function

    @functools.partial(jax.jit, donate_argnums=0)
    def take_steps(state, batches):
        def step(state, batch):
            logs, state = model.train_step(state, batch)
            return state, logs

        state, logs = jax.lax.scan(step, state, batches)
        return jax.tree.map(lambda values: values[-1], logs), state

    def train_function(state, iterator):
        batches = list(itertools.islice(iterator, count))
        shapes = {tuple(x.shape for x in jax.tree.leaves(batch)) for batch in batches}
        if len(batches) == count and len(shapes) == 1:
            return take_steps(state, jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches))
        return function(state, iter(batches))

    return train_function


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
    columns = [jnp.sum(jnp.square(x.astype("float32")), tuple(range(x.ndim - 1))) for x in tensors]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(column)) for column in columns]))


def apply_gradients(optimizer, gradients, variables, sound=None):
    """Applies one update unless `sound`, a scalar bool, is false."""
    plain = sound is not None and adam.is_plain(optimizer, variables)
    update = updates.update_adam if plain else updates.update
    update(optimizer, gradients, variables, sound)


def revert(variables, values, sound):
    """Restores earlier values of variables unless `sound`, a scalar bool, is true."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(jnp.where(sound, variable.value, value))


def feed(batches):
    """Returns the same batches: Keras' conversion from NumPy is fast here."""
    return batches


def compile_inference(function, network, jit_compile):
    """Returns `infer(*arrays)`, which runs a function that reads the network's variables."""

    def pure(values, inputs):
        with keras.StatelessScope(list(zip(network.variables, values, strict=True))):
            return function(*map(jnp.asarray, inputs))

    run = jax.jit(pure) if jit_compile else pure
    return lambda *inputs: run([v.value for v in network.variables], inputs)


def synchronize(model):
    """Writes the state that the trainer's loop holds during `fit` back to the variables."""
    model.jax_state_sync()


@contextlib.contextmanager
def state_kept(model):
    """Puts the variables' values back after an error: Keras' loop takes them away.

    Otherwise a first step that fails (on a wrong shape, while tracing) would lose every weight.
    """
    # What an earlier `train_on_batch` left there can be older than the variables.
    model._jax_state = None
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    held = [(v, v.value) for v in variables]
    try:
        yield
    except BaseException:
        model.jax_state_sync()
        for variable, value in held:
            if variable._value is None and not value.is_deleted():
                variable.assign(value)
        raise


def device_name():
    """Returns the name of the device that runs the computation."""
    return jax.devices()[0].device_kind
