"""Convolutions with "same" padding, channels last, each in the form that is fast on the device.

GPUs have kernels for all of them. XLA on a CPU has none for dilated inputs, which transposed
convolutions of stride 2 and gradients of strided ones have. There the outputs of even and odd
positions are computed as channels of a convolution of stride 1, then put side by side ("depth to
space"; Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?"). The
strided convolution itself, and its gradient with respect to the kernel, are fast as they are; and
the two kinds of convolution are each other's gradient.
"""

import jax
import jax.numpy as jnp
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolution(x, kernel, stride=1):
    """(batch, H, W, in), (height, width, in, out) -> (batch, H / stride, W / stride, out)."""
    return _strided(x, kernel) if stride == 2 and _on_cpu() else _convolution(x, kernel, stride)


def transposed_convolution(x, kernel, stride=1):
    """(batch, H, W, in), (height, width, out, in) -> (batch, H * stride, W * stride, out)."""
    if stride == 2 and _on_cpu():
        return _transposed(x, kernel)
    return lax.conv_transpose(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=LAYOUT,
        transpose_kernel=True,  # Keras' and TensorFlow's: the gradient of a convolution
    )


def _on_cpu():
    """Returns whether XLA compiles for a CPU."""
    return jax.default_backend() == "cpu"


def _convolution(x, kernel, stride, padding="SAME"):
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT)


@jax.custom_vjp
def _strided(x, kernel):
    return _convolution(x, kernel, 2)


def _strided_forward(x, kernel):
    return _strided(x, kernel), (x, kernel)


def _strided_backward(residuals, gradient):
    x, kernel = residuals
    return _depth_to_space(gradient, kernel), _kernel_gradient(x, kernel, gradient)


_strided.defvjp(_strided_forward, _strided_backward)


@jax.custom_vjp
def _transposed(x, kernel):
    return _depth_to_space(x, kernel)


def _transposed_forward(x, kernel):
    return _transposed(x, kernel), (x, kernel)


def _transposed_backward(residuals, gradient):
    x, kernel = residuals
    return _convolution(gradient, kernel, 2), _kernel_gradient(gradient, kernel, x)


_transposed.defvjp(_transposed_forward, _transposed_backward)


def _kernel_gradient(x, kernel, gradient):
    """The kernel's gradient of the strided convolution of `x`, from the outputs' gradient."""
    _, pullback = jax.vjp(lambda kernel: _convolution(x, kernel, 2), kernel)
    return pullback(gradient)[0]


def _depth_to_space(x, kernel):
    """The transposed convolution of stride 2; square kernels.

    With a kernel w of side k, along each axis, y[2i + t - p] += w[t] x[i], p = (k - 2) // 2. Zeros
    before and behind the kernel make its side 2n, and p even when k is odd: then t = 2m + r, and
    all y of parity r are a full convolution of x with the n taps w[2m + r].
    """
    (_, height, width, _), side = x.shape, len(kernel)
    before = max(side - 2, 0) // 2
    front = before % 2 * (side % 2)
    behind = (side + front) % 2
    before += front
    taps = (side + front + behind) // 2
    kernel = jnp.pad(kernel, [(front, behind), (front, behind), (0, 0), (0, 0)])
    filters, channels = kernel.shape[2:]
    kernel = kernel.reshape(taps, 2, taps, 2, filters, channels)[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4).reshape(taps, taps, channels, 4 * filters)

    # The full convolution is needed only at pairs with a position inside the outputs.
    paddings = [
        (taps - 1 - before // 2, (before + 2 * length - 1) // 2 - length + 1)
        for length in (height, width)
    ]
    # XLA is many times slower if the convolution does the padding.
    x = _convolution(jnp.pad(x, [(0, 0), *paddings, (0, 0)]), kernel, 1, "VALID")
    pairs = x.shape[1:3]
    x = x.reshape(-1, *pairs, 2, 2, filters).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(-1, 2 * pairs[0], 2 * pairs[1], filters)
    odd = before % 2
    return x[:, odd : odd + 2 * height, odd : odd + 2 * width]
