"""PyTorch: `torch.autograd.grad`, never `backward`, which would fill the other network's grads."""

import contextlib

import keras
import torch

from zoo.backend import adam
from zoo.backend.torch import compiling, derivatives, distribution, eager, recording, updates
from zoo.errors import InvalidInputError

SEED_STRIDE = 1_013_904_223
"""Distance between neighboring seeds, in draws: odd, since Keras takes seeds modulo 2^32."""
UNTRACKED: set[str] = set()
"""As on JAX, whose trainer sets an attribute in each step."""


def run_step(model, step, data):
    """Runs `step(data)`, which is the trainer's signature already."""
    del model
    with eager.fast():
        return step(data)


def fuse_steps(model, function):
    """Returns the function itself: Keras refuses `steps_per_execution` over 1 here."""
    del model
    return function


def keep_arrays(model, name, function):
    """Returns the trainer's function, as one graph unless `jit_compile` is false.

    Variables always hold their values.
    """
    jit_compile = model.setup.jit_compile
    if not jit_compile or model.run_eagerly:
        return function
    if distribution.process()[1] > 1:
        if jit_compile is True:
            raise InvalidInputError(
                "A step that is compiled as one graph has no place for the reductions between "
                "processes. Received: jit_compile=True. Compile with `jit_compile=False`"
            )
        return function
    return compiling.step_of(model, name, jit_compile)


def call_network(network, inputs, training):
    """Returns the outputs of a network.

    In eager mode, Keras' checks and conversions around each layer's `call` take as long as a small
    layer itself. Where they have nothing to do, the layers are called directly.
    """
    tensors = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    plain = all(tensor.dtype == torch.float32 for tensor in tensors) and not eager.is_hooked(
        network
    )
    if not plain or not all(eager.is_plain(layer) for layer in network.layers):
        return network(inputs, training=training)

    def direct(layer):
        if not isinstance(layer, keras.Layer):
            return layer  # an operation of `keras.ops`
        if not layer._call_has_training_arg:
            return layer.call
        # Not a `partial`: the graph may hold a `training` of its own, from when it was made.
        return lambda *args, **kwargs: layer.call(*args, **{**kwargs, "training": training})

    if type(network) is keras.Sequential:
        for layer in network.layers:
            inputs = direct(layer)(inputs)
        return inputs
    if type(network).__name__ == "Functional":
        return network._run_through_graph(inputs, operation_fn=direct)
    return network(inputs, training=training)


def value_and_gradients(function, variables):
    """Calls `function() -> (loss, aux)`; returns `(loss, aux)` and d loss / d variables."""
    loss, aux = function()
    return (loss, aux), _gradients(loss, variables)


def forward_and_pullback(function, variables):
    """Calls `function() -> outputs`; returns outputs and `pullback(d loss / d outputs)`."""
    outputs = function()
    return outputs, lambda output_gradients: _gradients(outputs, variables, output_gradients)


def input_gradient(function, inputs, differentiable=False):
    """Calls `function(inputs) -> (value, aux)`; returns `(value, aux)` and d value / d inputs."""
    with torch.enable_grad():
        # A gradient that is differentiated again can lead on to what the inputs were made of.
        inputs = inputs if differentiable and inputs.requires_grad else inputs.detach()
        inputs = inputs if inputs.requires_grad else inputs.requires_grad_()
        with derivatives.twice() if differentiable else contextlib.nullcontext():
            value, aux = function(inputs)
        (gradient,) = torch.autograd.grad(
            value, inputs, create_graph=differentiable, materialize_grads=True
        )
    return (value, aux), gradient


def all_finite(tensors):
    """Returns whether all numbers are finite, and their squares, which Adam keeps."""
    with torch.no_grad():
        norms = torch._foreach_norm([x.float() for x in tensors], 2)
        return torch.isfinite(torch.stack(norms).sum())


def apply_gradients(optimizer, gradients, variables, sound=None):
    """Applies one update, outside of autograd's record, unless `sound`, a scalar bool, is false.

    A plain Adam's takes one fused kernel.
    """
    with torch.no_grad():
        # A graph has Adam's formula, which `torch.compile` fuses itself.
        if adam.is_plain(optimizer, variables) and not recording.takes_formulas():
            updates.update(optimizer, list(gradients), variables, sound)
            return
        updated = [] if sound is None else [v.value for v in (*variables, *optimizer.variables)]
        before = [value.clone() for value in updated]
        optimizer.apply(list(gradients), variables)
        for value, old in zip(updated, before, strict=True):
            value.copy_(torch.where(sound, value, old))


def revert(variables, values, sound):
    """Restores earlier values of variables unless `sound`, a scalar bool, is true."""
    with torch.no_grad():
        now = [variable.value for variable in variables]
        kept = [torch.where(sound, *pair) for pair in zip(now, values, strict=True)]
        torch._foreach_copy_(now, kept)


def feed(batches):
    """Returns the same batches: Keras' conversion from NumPy is fast here."""
    return batches


def compile_inference(function, network, jit_compile, model=None):
    """Returns `infer(*arrays)`, which runs a function that reads the network's variables."""
    del model
    run = function
    if jit_compile:
        run = compiling.graph_of(function, lambda: network.variables, network, jit_compile)

    def infer(*inputs):
        with torch.no_grad():
            return run(*map(keras.ops.convert_to_tensor, inputs))

    return infer


def state_kept(model):
    """Does nothing: variables always hold their values."""
    del model
    return contextlib.nullcontext()


def draw_apart(seed):
    """Returns a seed that shares no draws with its neighbors: there is one device.

    Keras seeds PyTorch with the sum of a seed's two numbers, the seed and the count of draws: those
    of one seed would be those of the next, a draw later.
    """
    return seed * torch.tensor([SEED_STRIDE, 1], dtype=seed.dtype, device=seed.device)


def device_name():
    """Returns the name of the device that runs the computation."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _gradients(outputs, variables, output_gradients=None):
    values = [v.value for v in variables]
    if not values or not outputs.requires_grad:  # a frozen network: autograd would raise
        return [torch.zeros_like(value) for value in values]
    return torch.autograd.grad(outputs, values, output_gradients, materialize_grads=True)
