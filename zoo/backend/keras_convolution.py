"""Convolutions with "same" padding by `keras.ops`: where the backend's own kernels are fast."""

from keras import ops


def convolve(inputs, kernel, strides, dilation_rate):
    """Convolution of (batch, height, width, channels) with "same" padding."""
    return ops.conv(
        inputs,
        kernel,
        strides,
        padding="same",
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )


def convolve_transposed(inputs, kernel, strides):
    """Transposed convolution of (batch, height, width, channels) with "same" padding."""
    return ops.conv_transpose(inputs, kernel, strides, padding="same", data_format="channels_last")
