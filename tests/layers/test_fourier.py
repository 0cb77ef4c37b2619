"""Convolutions by the Fourier transform, against the sum that defines them."""

import keras
import numpy as np
import pytest

from zoo.layers import fourier
from zoo.layers.fast import Conv2DTranspose

CASES = [
    ((7, 7), (5, 5), (-2, -2)),
    ((4, 6), (3, 2), (-1, 0)),
    ((3, 3), (7, 4), (-3, -2)),
    ((1, 5), (2, 3), (0, 1)),
    ((5, 1), (3, 3), (-4, -1)),
]


def correlate(x, kernel, first):
    """sum over t of kernel[t] x[i + t + first], as it stands."""
    outputs = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for i, j in np.ndindex(*x.shape[:2]):
        for s, t in np.ndindex(*kernel.shape[:2]):
            row, column = i + s + first[0], j + t + first[1]
            if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                outputs[i, j] += x[row, column] @ kernel[s, t]
    return outputs


@pytest.mark.parametrize(("size", "taps", "first"), CASES)
def test_it_is_the_correlation(size, taps, first):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*size, 2, 3)).astype("float32")
    kernel = rng.normal(size=(*taps, 3, 4)).astype("float32")
    found = fourier.correlate(*map(keras.ops.convert_to_tensor, (x, kernel)), first)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), correlate(x, kernel, first), rtol=1e-5, atol=1e-5
    )


def test_products_by_hand():
    """7x7 and 5 taps from -2 on: outputs need positions -2..8, so a period of 9 keeps them apart.

    81 frequencies: one real, 40 pairs of mirror images, three products each.
    """
    algorithm = fourier.find_algorithm((7, 7), (5, 5), (-2, -2))
    assert algorithm.rows == 1 + 3 * 40
    assert algorithm.inputs.shape == (121, 49)
    assert algorithm.kernel.shape == (121, 25)
    assert algorithm.outputs.shape == (49, 121)
    # Period 8: 64 frequencies, 4 of them real.
    assert fourier.find_algorithm((7, 7), (3, 3), (-1, -1)).rows == 4 + 3 * 30


def test_float32_keeps_its_precision():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 7, 2, 256)).astype("float32")
    kernel = rng.normal(size=(5, 5, 256, 4)).astype("float32")
    found = fourier.correlate(*map(keras.ops.convert_to_tensor, (x, kernel)), (-2, -2))
    exact = correlate(x.astype("float64"), kernel.astype("float64"), (-2, -2))
    error = abs(keras.ops.convert_to_numpy(found) - exact).max()
    assert error < 1e-6 * abs(exact).max() * 4


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="its way to ONNX")
@pytest.mark.filterwarnings("ignore")  # what a trace takes for constant
def test_transposed_convolutions_can_be_traced():
    import torch

    layer = Conv2DTranspose(64, 5, padding="same", use_bias=False)
    x = torch.ones(2, 7, 7, 64)
    with torch.no_grad():
        expected = layer(x)
        traced = torch.jit.trace(layer, x, check_trace=False)
        torch.testing.assert_close(traced(x), expected)
