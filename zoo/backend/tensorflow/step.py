"""TensorFlow: variables mutate, and a tape watches only the given variables."""

import contextlib
import functools

import keras
import tensorflow as tf

from zoo.backend import adam
from zoo.backend.tensorflow import derivatives, feeding, replicas, updates, workers
from zoo.errors import InvalidInputError

UNTRACKED: set[str] = set()
"""As on JAX, whose trainer sets an attribute in each step."""


def run_step(model, step, data):
    """Runs `step(data)`, which is the trainer's signature already."""
    with updates.under_xla(model.jit_compile and not model.run_eagerly):
        return workers.run(step, data)


def fuse_steps(model, function):
    """Returns Keras' loop of `steps_per_execution` steps, which is in the graph already."""
    del model
    return function


def keep_arrays(model, name, function):
    """Returns the trainer's function itself: variables always hold their values."""
    several = workers.process()[1] > 1 and name != "predict"  # which each does by itself
    if several and model.jit_compile and not model.run_eagerly:
        if model.setup.jit_compile is True:
            raise InvalidInputError(
                "On TensorFlow XLA compiles no step of several processes. Received: "
                "jit_compile=True. Compile with `jit_compile=False`"
            )
        model.jit_compile = False  # "auto" turns it on for GPUs: Keras makes the function anew
        getattr(keras.Model, f"make_{name}_function")(model, force=True)
        return getattr(model, f"{name}_function")
    return function


def call_network(network, inputs, training):
    """Returns the outputs of a network."""
    return network(inputs, training=training)


def value_and_gradients(function, variables):
    """Calls `function() -> (loss, aux)`; returns `(loss, aux)` and d loss / d variables."""
    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, aux = function()
    return (loss, aux), tape.gradient(loss, values, unconnected_gradients="zero")


def forward_and_pullback(function, variables):
    """Calls `function() -> outputs`; returns outputs and `pullback(d loss / d outputs)`."""
    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        outputs = function()

    def pullback(output_gradients):
        return tape.gradient(outputs, values, output_gradients, unconnected_gradients="zero")

    return outputs, pullback


def input_gradient(function, inputs, differentiable=False):
    """Calls `function(inputs) -> (value, aux)`; returns `(value, aux)` and d value / d inputs."""
    # An enclosing tape records this one's gradient.
    forms = derivatives.twice() if differentiable else contextlib.nullcontext()
    with forms, tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        value, aux = function(inputs)
    return (value, aux), tape.gradient(value, inputs, unconnected_gradients="zero")


def all_finite(tensors):
    """Returns whether all numbers are finite, and their squares, which Adam keeps."""
    return tf.math.is_finite(tf.add_n([tf.nn.l2_loss(tf.cast(x, tf.float32)) for x in tensors]))


def apply_gradients(optimizer, gradients, variables, sound=None):
    """Applies one update unless `sound`, a scalar bool, is false."""
    plain = adam.is_plain(optimizer, variables)
    update = updates.update_adam if plain else updates.update
    with replicas.on_own_copies([*variables, *optimizer.variables]):
        update(optimizer, gradients, variables, sound)


def revert(variables, values, sound):
    """Restores earlier values of variables unless `sound`, a scalar bool, is true."""

    def give_back():
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return False

    tf.cond(sound, lambda: True, give_back)


def feed(batches):
    """Returns the same batches, in the form that costs the step least.

    Keras' own pipeline runs on further threads beside the step: with two cores, steps took half as
    long again in every other call of `fit`.
    """
    model = batches.order.model
    if model.steps_per_execution == 1 and model.distribute_strategy.num_replicas_in_sync == 1:
        return feeding.PlainBatches(batches)
    if batches.augment is not None or not hasattr(batches, "arrays"):
        return batches
    return feeding.make_dataset(batches)


def compile_inference(function, network, jit_compile, model=None):
    """Returns `infer(*arrays)`, which runs a function that reads the network's variables."""
    del network, model
    # Not by itself: XLA compiles for seconds ahead of the first batch. In long calls it can pay:
    # a batch of the benchmark inpaint64 then took 0.7 of the time.
    run = tf.function(function, jit_compile=jit_compile is True)

    @functools.cache
    def trace(*specs):
        # One trace per shape, on purpose: TensorFlow warns of calls that trace again.
        return run.get_concrete_function(*specs)

    def infer(*inputs):
        tensors = [tf.convert_to_tensor(array) for array in inputs]
        return trace(*map(tf.TensorSpec.from_tensor, tensors))(*tensors)

    return infer


def state_kept(model):
    """Does nothing for it: variables always hold their values. Other processes can be lost."""
    del model
    return workers.ending_together()


def draw_apart(seed):
    """Returns the seed itself: Keras' draws for neighboring seeds share nothing here."""
    return seed


def device_name():
    """Returns the name of the device that runs the computation."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "cpu"
