"""TensorFlow: variables mutate, and tapes watch just the variables that are asked for."""

import contextlib

import tensorflow as tf


def run_step(model, step, data):
    """The trainer's signature is the imperative one already: `data -> logs`."""
    del model
    return step(data)


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


def apply_gradients(optimizer, gradients, variables):
    """One update. Replicas' gradients are summed by the optimizer, hence the division."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        gradients = [gradient / replicas for gradient in gradients]
    optimizer.apply(gradients, variables)


def synchronize(model):
    """Variables are always current."""
    del model


def state_kept(model):
    """Variables always hold their values."""
    del model
    return contextlib.nullcontext()


def dilated_is_slow():
    """oneDNN and cuDNN have native kernels for strided and transposed convolutions."""
    return False


def device_name():
    """The device that runs the computation."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "cpu"
