"""JAX's hand-written convolutions compute what `lax` does, and so do their gradients."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "jax":
    pytest.skip("JAX's own code", allow_module_level=True)

import jax

from benchmarks.native.jax import convolution


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_the_fast_convolutions_are_those_of_lax(size, side):
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((size, size, 3, 2)).astype("float32")
    small = rng.standard_normal((2, side, side + 1, 2)).astype("float32")
    large = rng.standard_normal((2, 2 * side, 2 * side + 2, 3)).astype("float32")

    def plain(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=convolution.LAYOUT
        )

    def plain_transposed(y, kernel):
        return jax.vjp(lambda x: plain(x, kernel), large)[1](y)[0]

    for fast, slow, x in (
        (convolution.convolution, plain, large),
        (convolution.transposed_convolution, plain_transposed, small),
    ):
        outcomes = []
        for function in (lambda *args, fast=fast: fast(*args, 2), slow):
            y, pullback = jax.vjp(function, x, kernel)
            outcomes.append([y, *pullback(np.cos(y))])
        for found, expected in zip(*outcomes, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)
