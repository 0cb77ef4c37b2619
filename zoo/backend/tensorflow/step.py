"""TensorFlow: variables mutate, and tapes watch just the variables that are asked for."""

import contextlib
import functools

import tensorflow as tf

from zoo.backend import adam


def run_step(model, step, data):
    """The trainer's signature is the imperative one already: `data -> logs`."""
    del model
    return step(data)


def fuse_steps(model, function):
    """Keras' loop of `steps_per_execution` steps is in the graph already."""
    del model
    return function


def call_network(network, inputs, training):
    """The outputs of a network."""
    return network(inputs, training=training)


def value_and_gradients(function, variables):
    """`function() -> (loss, aux)`; returns `(loss, aux)` and d loss / d variables."""
    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, aux = function()
    return (loss, aux), tape.gradient(loss, values, unconnected_gradients="zero")


def forward_and_pullback(function, variables):
    """`function() -> outputs`; returns outputs and `pullback(d loss / d outputs)`."""
    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        outputs = function()

    def pullback(output_gradients):
        return tape.gradient(outputs, values, output_gradients, unconnected_gradients="zero")

    return outputs, pullback


def input_gradient(function, inputs, differentiable=False):
    """`function(inputs) -> (value, aux)`; returns `(value, aux)` and d value / d inputs."""
    del differentiable  # an enclosing tape records this one's gradient
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        value, aux = function(inputs)
    return (value, aux), tape.gradient(value, inputs, unconnected_gradients="zero")


def all_finite(tensors):
    """Scalar bool: whether all numbers are finite, and their squares, which Adam keeps."""
    return tf.math.is_finite(tf.add_n([tf.nn.l2_loss(tf.cast(x, tf.float32)) for x in tensors]))


def apply_gradients(optimizer, gradients, variables, sound=None):
    """One update, of a plain Adam by one fused kernel per variable.

    None if `sound`, a scalar bool, is false. Replicas' gradients are summed by the optimizer, hence
    the division; those of a replica whose own aren't sound count as zeros, since none may stay
    away.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        if sound is not None:
            gradients = [
                tf.where(sound, gradient, tf.zeros_like(gradient)) for gradient in gradients
            ]
        optimizer.apply([gradient / replicas for gradient in gradients], variables)
        return
    plain = adam.is_plain(optimizer, variables)

    def update():
        if plain:
            _apply_adam(optimizer, gradients, variables)
        else:
            optimizer.apply(gradients, variables)
        return True

    if sound is None:
        update()
    else:
        tf.cond(sound, update, lambda: False)


def revert(variables, values, sound):
    """Gives variables earlier values back, unless `sound`, a scalar bool, is true."""

    def give_back():
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return False

    tf.cond(sound, lambda: True, give_back)


def feed(batches):
    """A `tf.data.Dataset` of what `ArrayBatches` holds, unless it changes the samples.

    What Keras makes of arrays, or of batches in Python, runs beside the step on threads of its own:
    with two cores, steps took half as long again in every other call of `fit`.
    """
    if batches.augment is not None:
        return batches
    with tf.device("cpu"):
        arrays = [tf.convert_to_tensor(array) for array in batches.arrays]

    def slices(order):
        return tf.data.Dataset.from_tensor_slices(order).batch(batches.batch_size)

    orders = tf.data.Dataset.from_generator(
        lambda: iter([batches.indices]),  # as they are when an epoch begins
        output_signature=tf.TensorSpec(batches.indices.shape, tf.int64),
    )
    chosen = orders.flat_map(slices).apply(tf.data.experimental.assert_cardinality(len(batches)))
    dataset = chosen.map(lambda rows: tuple(tf.gather(array, rows) for array in arrays))
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.prefetch(1).with_options(options)


def compile_inference(function, network, jit_compile):
    """`inputs -> function(*inputs)` on arrays, of a function that reads the network's variables."""
    del network
    run = tf.function(function, jit_compile=jit_compile is True)  # XLA gains nothing by itself

    @functools.cache
    def trace(*specs):
        # Each on purpose: of calls that trace again, TensorFlow would complain.
        return run.get_concrete_function(*specs)

    def infer(*inputs):
        tensors = [tf.convert_to_tensor(array) for array in inputs]
        return trace(*map(tf.TensorSpec.from_tensor, tensors))(*tensors)

    return infer


def synchronize(model):
    """Variables are always current."""
    del model


def state_kept(model):
    """Variables always hold their values."""
    del model
    return contextlib.nullcontext()


def device_name():
    """The device that runs the computation."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "cpu"


def _apply_adam(optimizer, gradients, variables):
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    beta_1_power, beta_2_power = adam.powers(optimizer)
    moments = adam.slots(optimizer, variables)
    for gradient, variable, first, second in zip(gradients, variables, *moments, strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=rate,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )
    optimizer.iterations.assign_add(1)
