"""PyTorch: what layers compute, on channels-last memory."""

import math

import torch
from keras.src.backend.torch import core as keras_core
from torch.nn import functional

from zoo.backend.torch import distribution

REPLICA_STRIDE = 1_013_904_223
"""Distance between the seeds of two replicas: odd, since they are taken modulo 2^32."""


def lay_out_kernel(variable):
    """Lays out a convolution's kernel in memory in the order in which it is read.

    Its shape stays (height, width, a, b): only the strides change. Otherwise each pass, forward and
    back, would copy it.
    """
    data = variable.value.data
    if data.ndim == 4 and data.device.type != "meta":
        variable.value.data = _channels_last(data).permute(2, 3, 1, 0)


def convolve(inputs, kernel, strides, dilation_rate, bias):
    """Computes a convolution of (batch, height, width, channels), plus a bias unless `None`.

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
        x, _channels_last(kernel), bias, strides, (top, left), dilation_rate
    )
    return outputs.permute(0, 2, 3, 1)


def convolve_transposed(inputs, kernel, strides):
    """Computes a transposed convolution of (batch, height, width, channels)."""
    _, height, width, _ = inputs.shape
    padding = [max(k - s, 0) // 2 for k, s in zip(kernel.shape[:2], strides, strict=True)]
    outputs = functional.conv_transpose2d(
        inputs.permute(0, 3, 1, 2), _channels_last(kernel), None, strides, padding
    )
    outputs = outputs[:, :, : height * strides[0], : width * strides[1]]
    return outputs.permute(0, 2, 3, 1)


def batch_normalize(inputs, gamma, beta, epsilon):
    """Returns normalized inputs, and mean and (biased) variance over all axes but the last."""
    # (batch, channels, ...), channels last in memory: any other layout is slow both ways.
    x = inputs.contiguous().movedim(-1, 1)
    mean, unbiased = torch.zeros_like(gamma.detach()), torch.zeros_like(gamma.detach())
    # The batch's statistics, as moving ones that keep nothing of before. Unlike this function,
    # `torch.nn.functional.batch_norm` refuses a single value per channel, which an epoch's last
    # batch can hold.
    outputs = torch.batch_norm(
        x, gamma, beta, mean, unbiased, True, 1.0, epsilon, torch.backends.cudnn.enabled
    )
    count = x.numel() // x.shape[1]
    variance = unbiased * ((count - 1) / count) if count > 1 else torch.zeros_like(mean)
    return outputs.movedim(1, -1), mean, variance


def normalize(inputs, gamma, beta, mean, variance, epsilon):
    """Returns inputs normalized by a given mean and variance.

    In one pass, of which Keras makes three: sampling from the benchmark gan28 takes 6% less time on
    one core.
    """
    # Counted from the front: of -1 in two dimensions the exporter to ONNX makes a bad transpose.
    last = inputs.ndim - 1
    x = inputs.contiguous().movedim(last, 1)
    cudnn = torch.backends.cudnn.enabled
    outputs = torch.batch_norm(x, gamma, beta, mean, variance, False, 0.0, epsilon, cudnn)
    return outputs.movedim(1, last)


def move_toward(variable, value, share):
    """Replaces a share of a variable by a value: a moving average's update."""
    with torch.no_grad():
        variable.value.lerp_(value, share)


def random_bits(shape, seed_generator):
    """Draws an int16 tensor, uniform over all values, from a seed of Keras' `SeedGenerator`."""
    seed = seed_generator.next()
    if seed.device.type == "meta":
        return torch.empty(shape, dtype=torch.int16, device="meta")
    device = keras_core.get_device()
    generator = torch.Generator(device)
    first, second = seed.tolist()
    first += distribution.process()[0] * REPLICA_STRIDE
    generator.manual_seed((first + second) & 0xFFFFFFFF)
    size = math.prod(shape)
    words = torch.empty(-(-size // 4), dtype=torch.int64, device=device)
    # From the smallest number on, without an end: all 64 bits. A draw for every element would take
    # as long as a convolution.
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:size].view(shape)


def fourier_threshold():
    """Returns how many times fewer products make a convolution's Fourier form faster here."""
    return math.inf if torch.cuda.is_available() else 1.9


def _channels_last(kernel):
    """(height, width, a, b) -> (b, a, height, width), as the layout of images wants it."""
    return kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
