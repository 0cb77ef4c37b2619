"""Strided convolutions and their transposes for XLA on a CPU, without dilated ones.

XLA has no fast path for dilated convolutions on a CPU, and dilated is what a transposed convolution
and the gradients of both are by default: up to a hundred times slower. But the two are each other's
gradient, and a transposed convolution is a plain one of stride 1 whose channels are the stride's
phases (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional
layer?"). So each is given its gradients here.

With "same" padding and a kernel w of length k, along each axis, at stride s, n = size / s:

    convolution:                y[i]           = sum over t of w[t] x[s i + t - p]
    transposed convolution:     x[s i + t - p] += w[t] y[i],     p = max(k - s, 0) // 2
"""

import functools
import itertools

import jax
from jax import lax
from jax import numpy as jnp

LAYOUT = ("NHWC", "HWIO", "NHWC")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x, kernel, strides):
    """(batch, s n, s n, a) -> (batch, n, n, b), kernel (k, k, a, b)."""
    return lax.conv_general_dilated(
        x, kernel, strides, _margins(kernel, strides), dimension_numbers=LAYOUT
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve_transposed(y, kernel, strides):
    """(batch, n, n, b) -> (batch, s n, s n, a), kernel (k, k, a, b)."""
    batch, *sizes, _ = y.shape
    axes = [_Phases(*axis) for axis in zip(kernel.shape, strides, sizes, strict=False)]
    outputs = lax.conv_general_dilated(
        y,
        _phase_kernel(kernel, axes),
        (1, 1),
        [axis.margins for axis in axes],
        dimension_numbers=LAYOUT,
    )
    # The phases, which come before the channels, go side by side.
    (rows, columns), filters = (axis.positions for axis in axes), kernel.shape[2]
    outputs = outputs.reshape(batch, rows, columns, *strides, filters)
    outputs = outputs.transpose(0, 1, 3, 2, 4, 5)
    outputs = outputs.reshape(batch, strides[0] * rows, strides[1] * columns, filters)
    (top, left), (height, width) = (axis.shift for axis in axes), sizes
    return outputs[:, top : top + strides[0] * height, left : left + strides[1] * width]


def _kernel_gradient(x, y, kernel, strides):
    """Computes the kernel's gradient, from x and the gradient at y, or y and the gradient at x."""

    def linear(kernel):
        return lax.conv_general_dilated(
            x, kernel, strides, _margins(kernel, strides), dimension_numbers=LAYOUT
        )

    (gradient,) = jax.linear_transpose(linear, kernel)(y)
    return gradient


def _forward(function):
    return lambda inputs, kernel, strides: (function(inputs, kernel, strides), (inputs, kernel))


def _convolve_backward(strides, residuals, gradient):
    x, kernel = residuals
    return (
        convolve_transposed(gradient, kernel, strides),
        _kernel_gradient(x, gradient, kernel, strides),
    )


def _convolve_transposed_backward(strides, residuals, gradient):
    y, kernel = residuals
    return (
        convolve(gradient, kernel, strides),
        _kernel_gradient(gradient, y, kernel, strides),
    )


convolve.defvjp(_forward(convolve), _convolve_backward)
convolve_transposed.defvjp(_forward(convolve_transposed), _convolve_transposed_backward)


class _Phases:
    """Phases of one axis: x[s j + r - shift] is phase r, position j.

    Let t - p + shift = s m + r: then w[t] is tap m of phase r. The shift with the fewest products
    is chosen: k = 4 takes 2 taps a phase with a shift of 1, and 3 without.
    """

    def __init__(self, k, stride, size):
        p = max(k - stride, 0) // 2
        choices = []
        for shift in range(stride):
            first, last = (shift - p) // stride, (k - 1 - p + shift) // stride
            positions = size + (shift > 0)
            choices.append(((last - first + 1) * positions, shift, first, last, positions))
        _, self.shift, first, last, self.positions = min(choices)
        self.stride, self.taps = stride, last - first + 1
        front = self.shift - p - stride * first
        self.kernel_margins = (front, stride * self.taps - k - front)
        self.margins = (last, self.positions - size - first)


def _phase_kernel(kernel, axes):
    """Maps (kh, kw, a, b) to (taps, taps, b, phases * a), taps counted backward."""
    margins = [axis.kernel_margins for axis in axes]
    kernel = jnp.pad(kernel, [*margins, (0, 0), (0, 0)])
    a, b = kernel.shape[2:]
    split = itertools.chain.from_iterable((axis.taps, axis.stride) for axis in axes)
    kernel = jnp.flip(kernel.reshape(*split, a, b), (0, 2)).transpose(0, 2, 5, 1, 3, 4)
    return kernel.reshape(*kernel.shape[:3], -1)


def _margins(kernel, strides):
    """Returns the zeros before and after each axis, k - s in all; the odd one comes after."""
    sums = [max(k - s, 0) for k, s in zip(kernel.shape[:2], strides, strict=True)]
    return [(total // 2, total - total // 2) for total in sums]
