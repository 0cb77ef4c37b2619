"""Convolutions of small maps by the discrete Fourier transform (Mathieu et al. 2013).

A convolution is bilinear: with three constant matrices it is

    y = O ((I x) * (K w)),    * element by element

and the fewer rows I and K have, the fewer products are left to compute (Winograd 1980). Summed over
channels, the products become one matrix product for each row. Here the rows are the real and
imaginary parts of a Fourier transform that is just long enough for no output to be wrapped around,
and each complex product takes three real ones (Gauss). On a map of 7x7 with a kernel of 5x5 that is
121 products in place of 1225. The transforms are well conditioned: float32 keeps its precision.

Reference: Fast Training of Convolutional Networks through FFTs, https://arxiv.org/abs/1312.5851
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from keras import ops


class Algorithm(NamedTuple):
    """The three matrices; `rows` is the number of products for one pair of channel and filter."""

    inputs: np.ndarray  # (rows, positions)
    kernel: np.ndarray  # (rows, taps)
    outputs: np.ndarray  # (positions, rows)

    @property
    def rows(self):
        return len(self.inputs)


def correlate(x, kernel, first):
    """Correlates maps with a kernel, with zeros beyond the edges.

        y[i] = sum over t of kernel[t] x[i + t + first]

    Args:
        x: float tensor of shape `(height, width, batch, channels)`.
        kernel: float tensor of shape `(taps, taps, channels, filters)`.
        first: Pair of ints, offset of the first tap along each axis.

    Returns:
        float tensor of shape `(height, width, batch, filters)`.
    """
    height, width, channels = (int(x.shape[axis]) for axis in (0, 1, 3))
    *taps, _, filters = map(int, kernel.shape)
    transform = find_algorithm((height, width), tuple(taps), tuple(first))
    rows = transform.rows
    maps = ops.matmul(transform.inputs, ops.reshape(x, (height * width, -1)))
    kernels = ops.matmul(transform.kernel, ops.reshape(kernel, (taps[0] * taps[1], -1)))
    products = ops.matmul(
        ops.reshape(maps, (rows, -1, channels)), ops.reshape(kernels, (rows, channels, filters))
    )
    outputs = ops.matmul(transform.outputs, ops.reshape(products, (rows, -1)))
    return ops.reshape(outputs, (height, width, -1, filters))


@functools.lru_cache(maxsize=64)
def find_algorithm(size, taps, first):
    """Returns the `Algorithm` for maps of a size, (height, width), and the taps of `correlate`."""
    periods = [_period(*axis) for axis in zip(size, taps, first, strict=True)]
    positions = _grid(*(np.arange(n) for n in size))
    shifted = _grid(*(np.arange(n) + start for n, start in zip(taps, first, strict=True)))
    inputs, kernel, outputs = [], [], []
    for frequency in _frequencies(*periods):
        x, w, y = (
            np.exp(2j * np.pi * (points / periods) @ frequency)
            for points in (positions, shifted, positions)
        )
        x = x.conj()  # a correlation: the transform of x times the conjugate of that of w
        scale = 1 / np.prod(periods)
        if not np.any(2 * frequency % periods):  # its own mirror image: real, one product
            inputs.append(x.real)
            kernel.append(w.real)
            outputs.append(scale * y.real)
            continue
        # re = ac - bd and im = (a + b)(c + d) - ac - bd, of (a + ib)(c + id); the mirror image of
        # this frequency adds the conjugate.
        inputs += [x.real, x.imag, x.real + x.imag]
        kernel += [w.real, w.imag, w.real + w.imag]
        scale *= 2
        outputs += [scale * (y.real + y.imag), scale * (y.imag - y.real), -scale * y.imag]
    matrices = np.array(inputs), np.array(kernel), np.array(outputs).T
    return Algorithm(*(matrix.astype("float32") for matrix in matrices))


def _period(size, taps, first):
    """Returns the shortest period that keeps wrapped positions away from all outputs."""
    return max(size + taps - 2 + first, size - 1 - first) + 1


def _grid(rows, columns):
    """Returns all pairs, shape (n, 2), row by row."""
    return np.array(list(itertools.product(rows, columns)))


def _frequencies(height, width):
    """Yields one of each frequency, shape (2,), and its mirror image."""
    seen = set()
    for row, column in itertools.product(range(height), range(width)):
        if (-row % height, -column % width) not in seen:
            seen.add((row, column))
            yield np.array((row, column))
