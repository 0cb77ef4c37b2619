"""PyTorch: `torch.autograd.grad`, never `backward`, which would fill the other network's grads."""

import contextlib

import torch


def run_step(model, step, data):
    """The trainer's signature is the imperative one already: `data -> logs`."""
    del model
    return step(data)


def value_and_gradients(function, variables):
    """`function() -> (loss, aux)`; returns `(loss, aux)` and d loss / d variables."""
    loss, aux = function()
    return (loss, aux), _gradients(loss, variables)


def forward_and_pullback(function, variables):
    """`function() -> outputs`; returns outputs and `pullback(d loss / d outputs)`."""
    outputs = function()
    return outputs, lambda output_gradients: _gradients(outputs, variables, output_gradients)


def input_gradient(function, inputs, differentiable=False):
    """`function(inputs) -> (value, aux)`; returns `(value, aux)` and d value / d inputs."""
    with torch.enable_grad():
        # A gradient that is differentiated again may lead on to what the inputs were made of.
        inputs = inputs if differentiable and inputs.requires_grad else inputs.detach()
        inputs = inputs if inputs.requires_grad else inputs.requires_grad_()
        value, aux = function(inputs)
        (gradient,) = torch.autograd.grad(
            value, inputs, create_graph=differentiable, materialize_grads=True
        )
    return (value, aux), gradient


def apply_gradients(optimizer, gradients, variables):
    """One update, outside of autograd's record."""
    with torch.no_grad():
        optimizer.apply(list(gradients), variables)


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
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _gradients(outputs, variables, output_gradients=None):
    values = [v.value for v in variables]
    if not values or not outputs.requires_grad:  # a frozen network: autograd would raise
        return [torch.zeros_like(value) for value in values]
    return torch.autograd.grad(outputs, values, output_gradients, materialize_grads=True)
