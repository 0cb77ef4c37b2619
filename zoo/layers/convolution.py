"""Convolutions with "same" padding, channels last: each computed the way that is fast here.

The same function as `keras.ops.conv` and `keras.ops.conv_transpose`, from the same kernels. Two
ways lead there: the backend's own convolutions, and for small maps the Fourier transform
(`zoo.layers.fourier`) of a stride-1 form, where each of the stride's phases is a channel.

With "same" padding and a kernel w of length k, along each axis, at stride s:

    convolution:               y[i]          = sum over t of w[t] x[s i + t - p]
    transposed convolution:    x[s i + t - p] += w[t] y[i],     p = (k - s) // 2

Let t - p = s m + r with 0 <= r < s: then w[t] is tap m of the kernel for phase r of x (Shi et al.
2016, "Is the deconvolution layer the same as a convolutional layer?").
"""

import contextlib
import contextvars
import functools
import math

from keras import ops
from keras.backend import standardize_dtype

from zoo import backend
from zoo.layers import fourier

LARGEST_MAP = 256
"""Largest map, in positions, for which the Fourier form is considered."""
KERNEL_COST = 4
"""Relative cost of one operation in the kernel's transform, which is memory-bound."""

_direct = contextvars.ContextVar("no Fourier form", default=False)


@contextlib.contextmanager
def direct_convolutions():
    """Leaves out the Fourier form within the block: for graphs that another program will run.

    Its own convolutions are fast there, and the Fourier form's kernels, several times as large,
    would be part of the file.
    """
    token = _direct.set(True)
    try:
        yield
    finally:
        _direct.reset(token)


def convolve(inputs, kernel, strides=(1, 1), dilation_rate=(1, 1), bias=None):
    """Computes a convolution with "same" padding.

    Args:
        inputs: float tensor of shape `(batch, height, width, channels)`.
        kernel: float tensor of shape `(kernel_height, kernel_width, channels, filters)`.
        strides: Pair of ints.
        dilation_rate: Pair of ints.
        bias: float tensor of shape `(filters,)`, added to the result, or `None`.

    Returns:
        float tensor of shape `(batch, ceil(height / stride), ceil(width / stride), filters)`.
    """
    if tuple(dilation_rate) == (1, 1) and _divides(inputs, strides):
        size = [inputs.shape[axis] // strides[axis - 1] for axis in (1, 2)]
        if _fourier_pays(inputs, kernel, size, strides):
            outputs = _convolve_by_fourier(inputs, kernel, size, strides)
            return outputs if bias is None else outputs + bias
    return backend.convolve(inputs, kernel, tuple(strides), tuple(dilation_rate), bias)


def convolve_transposed(inputs, kernel, strides=(1, 1)):
    """Computes a transposed convolution with "same" padding.

    Args:
        inputs: float tensor of shape `(batch, height, width, channels)`.
        kernel: float tensor of shape `(kernel_height, kernel_width, filters, channels)`.
        strides: Pair of ints.

    Returns:
        float tensor of shape `(batch, stride * height, stride * width, filters)`.
    """
    if _divides(inputs, (1, 1)) and _fourier_pays(inputs, kernel, inputs.shape[1:3], strides):
        return _convolve_transposed_by_fourier(inputs, kernel, strides)
    return backend.convolve_transposed(inputs, kernel, tuple(strides))


def _divides(inputs, strides):
    """Returns whether the map's size is known, and a multiple of the strides."""
    sizes = zip(inputs.shape[1:3], strides, strict=True)
    return all(size is not None and size % stride == 0 for size, stride in sizes)


def _fourier_pays(inputs, kernel, size, strides):
    """Returns whether the Fourier form saves enough products, its transforms included.

    All counts are for one image, divided by channels times filters. Only small float32 maps on a
    CPU pass.
    """
    # What torch traces for ONNX has tensors for sizes.
    size, shape = tuple(map(int, size)), tuple(map(int, kernel.shape))
    threshold = backend.fourier_threshold()
    if _direct.get() or threshold == math.inf or size[0] * size[1] > LARGEST_MAP:
        return False
    if standardize_dtype(inputs.dtype) != "float32":  # sums and differences cost mantissa bits
        return False
    batch = inputs.shape[0]  # None, or a symbol while JAX exports
    return _saves(threshold, batch if isinstance(batch, int) else 64, shape, size, tuple(strides))


@functools.lru_cache(256)  # eager steps ask each time
def _saves(threshold, batch, shape, size, strides):
    phases = strides[0] * strides[1]
    height, width, *channels = shape
    positions = size[0] * size[1]
    direct = positions * height * width
    taps, first = zip(*map(_taps, (height, width), strides), strict=True)
    rows = fourier.find_algorithm(size, taps, first).rows
    few, many = sorted(channels)  # the strides' phases go with the smaller number
    transforms = positions * rows * (phases / many + 1 / few)
    of_kernel = KERNEL_COST * rows * taps[0] * taps[1] * phases / (batch or 64)
    return direct >= threshold * (rows * phases + transforms + of_kernel)


def _convolve_by_fourier(inputs, kernel, size, strides):
    phases = strides[0] * strides[1]
    height, width = size
    x = ops.reshape(inputs, (-1, height, strides[0], width, strides[1], inputs.shape[-1]))
    x = ops.transpose(x, (1, 3, 0, 2, 4, 5))
    x = ops.reshape(x, (height, width, -1, phases * inputs.shape[-1]))
    kernel, first = _split_kernel(kernel, strides)
    *taps, _, _, channels, filters = kernel.shape
    kernel = ops.reshape(kernel, (*taps, phases * channels, filters))
    return ops.transpose(fourier.correlate(x, kernel, first), (2, 0, 1, 3))


def _convolve_transposed_by_fourier(inputs, kernel, strides):
    x = ops.transpose(inputs, (1, 2, 0, 3))
    kernel, first = _transposed_kernel(kernel, strides)
    filters = kernel.shape[-1] // (strides[0] * strides[1])
    outputs = ops.transpose(fourier.correlate(x, kernel, first), (2, 0, 1, 3))
    return _depth_to_space(outputs, filters, strides)


def _transposed_kernel(kernel, strides):
    """(kh, kw, filters, channels) -> (taps, taps, channels, phases * filters), and first taps."""
    kernel, first = _split_kernel(kernel, strides)
    *taps, _, _, filters, channels = map(int, kernel.shape)
    # Transposed, taps count backward.
    kernel = ops.transpose(ops.flip(kernel, axis=(0, 1)), (0, 1, 5, 2, 3, 4))
    kernel = ops.reshape(kernel, (*taps, channels, strides[0] * strides[1] * filters))
    return kernel, [1 - n - start for n, start in zip(taps, first, strict=True)]


def _split_kernel(kernel, strides):
    """(kh, kw, a, b) -> (taps, taps, stride, stride, a, b), and the first tap along each axis."""
    *sizes, a, b = map(int, kernel.shape)
    taps, first = zip(*map(_taps, sizes, strides), strict=True)
    margins = []
    for k, s, n, start in zip(sizes, strides, taps, first, strict=True):
        front = -s * start - _padding(k, s)
        margins.append((front, s * n - k - front))
    kernel = ops.pad(kernel, [*margins, (0, 0), (0, 0)])
    kernel = ops.reshape(kernel, (taps[0], strides[0], taps[1], strides[1], a, b))
    return ops.transpose(kernel, (0, 2, 1, 3, 4, 5)), first


def _taps(k, s):
    """Returns the number of taps of each phase, and the first one's m."""
    first, last = -_padding(k, s) // s, (k - 1 - _padding(k, s)) // s
    return last - first + 1, first


def _padding(k, s):
    return max(k - s, 0) // 2


def _depth_to_space(inputs, channels, strides):
    """(N, h, w, phases * c) -> (N, s h, s w, c): phases, before channels, go side by side."""
    _, height, width, _ = ops.shape(inputs)
    vertical, horizontal = strides
    split = ops.reshape(inputs, (-1, height, width, vertical, horizontal, channels))
    split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
    return ops.reshape(split, (-1, vertical * height, horizontal * width, channels))
