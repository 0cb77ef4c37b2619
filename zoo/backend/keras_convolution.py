"""Convolutions with "same" padding by `keras.ops`, for backends whose own kernels are fast."""

from keras import ops


def convolve(inputs, kernel, strides, dilation_rate):
    """Computes a convolution of (batch, height, width, channels) with "same" padding."""
    return ops.conv(
        inputs,
        kernel,
        strides,
        padding="same",
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )


def convolve_transposed(inputs, kernel, strides):
    """Computes a transposed convolution of (batch, height, width, channels) with "same" padding."""
    return ops.conv_transpose(inputs, kernel, strides, padding="same", data_format="channels_last")
