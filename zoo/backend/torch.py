"""PyTorch: `torch.autograd.grad`, never `backward`, which would fill the other network's grads."""

import contextlib
import math

import keras
import torch
from torch.nn import functional

from zoo.backend import adam


def run_step(model, step, data):
    """The trainer's signature is the imperative one already: `data -> logs`."""
    del model
    return step(data)


def fuse_steps(model, function):
    """Keras refuses `steps_per_execution` over 1 here: there is nothing to fuse."""
    del model
    return function


def call_network(network, inputs, training):
    """The outputs of a network.

    Eagerly, Keras' checks and conversions around each layer's `call` take as long as a small layer
    itself. Where they have nothing to do, the layers of a `Sequential` are called directly.
    """
    if type(network) is not keras.Sequential or inputs.dtype != torch.float32:
        return network(inputs, training=training)
    if not all(_is_plain(layer) for layer in network.layers):
        return network(inputs, training=training)
    for layer in network.layers:
        known = layer._call_has_training_arg
        inputs = layer.call(inputs, training=training) if known else layer.call(inputs)
    return inputs


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
    """One update, outside of autograd's record; of a plain Adam in one fused kernel."""
    with torch.no_grad():
        if adam.is_plain(optimizer, variables):
            _apply_adam(optimizer, list(gradients), variables)
        else:
            optimizer.apply(list(gradients), variables)


def synchronize(model):
    """Variables are always current."""
    del model


def state_kept(model):
    """Variables always hold their values."""
    del model
    return contextlib.nullcontext()


def convolve(inputs, kernel, strides, dilation_rate):
    """Convolution of (batch, height, width, channels) with "same" padding.

    Seen as (batch, channels, height, width) such a tensor is what PyTorch calls channels last:
    nothing is moved.
    """
    margins = []
    for axis, stride, dilation in zip((0, 1), strides, dilation_rate, strict=True):
        size, reach = inputs.shape[axis + 1], dilation * (kernel.shape[axis] - 1) + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        margins.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = margins
    x = inputs.permute(0, 3, 1, 2)
    if (top, left) != (bottom, right):
        x = functional.pad(x, (left, right, top, bottom))
        top = left = 0
    outputs = functional.conv2d(
        x, _channels_last(kernel), None, strides, (top, left), dilation_rate
    )
    return outputs.permute(0, 2, 3, 1)


def convolve_transposed(inputs, kernel, strides):
    """Transposed convolution of (batch, height, width, channels) with "same" padding."""
    _, height, width, _ = inputs.shape
    padding = [max(k - s, 0) // 2 for k, s in zip(kernel.shape[:2], strides, strict=True)]
    outputs = functional.conv_transpose2d(
        inputs.permute(0, 3, 1, 2), _channels_last(kernel), None, strides, padding
    )
    outputs = outputs[:, :, : height * strides[0], : width * strides[1]]
    return outputs.permute(0, 2, 3, 1)


def batch_normalize(inputs, gamma, beta, epsilon):
    """Normalized inputs, and mean and (biased) variance of all axes but the last."""
    # (batch, channels, ...), channels last in memory: any other layout is slow both ways.
    x = inputs.contiguous().movedim(-1, 1)
    mean, unbiased = torch.empty_like(gamma), torch.empty_like(gamma)
    with torch.no_grad():
        mean.zero_()
        unbiased.zero_()
    outputs = functional.batch_norm(
        x, mean, unbiased, gamma, beta, training=True, momentum=1.0, eps=epsilon
    )
    count = x.numel() // x.shape[1]
    return outputs.movedim(1, -1), mean, unbiased * ((count - 1) / count)


def random_bits(shape, seed):
    """int16 tensor of all values alike, from a seed of Keras' `SeedGenerator`."""
    if seed.device.type == "meta":
        return torch.empty(shape, dtype=torch.int16, device="meta")
    generator = torch.Generator(seed.device)
    first, second = seed.tolist()
    generator.manual_seed((first + second) & 0xFFFFFFFF)
    size = math.prod(shape)
    words = torch.empty(-(-size // 4), dtype=torch.int64, device=seed.device)
    # From the least of all numbers on, to no end: all 64 bits. A draw for every element would take
    # as long as a convolution.
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:size].view(shape)


def fourier_threshold():
    """How many times fewer products a convolution's Fourier form must take to be faster here."""
    return math.inf if torch.cuda.is_available() else 1.9


def device_name():
    """The device that runs the computation."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _is_plain(layer):
    """Whether a call of this layer is its `call` in float32, and nothing else."""
    policy = layer.dtype_policy
    return (
        type(layer).__module__.startswith(("keras.src.layers.", "zoo."))
        and policy.compute_dtype == policy.variable_dtype == "float32"
        and policy.quantization_mode is None
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
    )


def _apply_adam(optimizer, gradients, variables):
    first, second = ([v.value for v in slots] for slots in adam.slots(optimizer, variables))
    values = [v.value for v in variables]
    # PyTorch corrects both moments before it adds epsilon, Keras afterward. At a step so late that
    # PyTorch has nothing left to correct, Keras' corrected rate does it.
    late = torch.full((), 1e9, device=values[0].device)
    beta_1_power, beta_2_power = adam.powers(optimizer)
    rate = optimizer.learning_rate * torch.sqrt(1 - beta_2_power) / (1 - beta_1_power)
    torch._fused_adam_(
        values,
        # The kernel reads memory as it lies, whatever the strides say.
        [gradient.contiguous() for gradient in gradients],
        first,
        second,
        [],
        [late] * len(values),
        lr=rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon,
        amsgrad=False,
        maximize=False,
    )
    optimizer.iterations.assign_add(1)


def _channels_last(kernel):
    """(height, width, a, b) -> (b, a, height, width), as the layout of images wants it."""
    return kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


def _gradients(outputs, variables, output_gradients=None):
    values = [v.value for v in variables]
    if not values or not outputs.requires_grad:  # a frozen network: autograd would raise
        return [torch.zeros_like(value) for value in values]
    return torch.autograd.grad(outputs, values, output_gradients, materialize_grads=True)
