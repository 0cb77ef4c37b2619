"""The stride-2 transposed convolution in a stride-1 form, for where dilated convolutions are slow.

The same weights and the same function as Keras' layer of this name. A transposed convolution
dilates its input with zeros, which XLA does slowly on a CPU. Computing even and odd positions of
the output as separate channels, and putting them side by side afterwards ("depth to space"),
leaves a plain convolution (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional
layer?"). Strided convolutions stay as they are: their form was measured to be slower.

With "same" padding and a kernel w of length k, along each axis:

    x[2i + t - p] += w[t] y[i],    p = (k - 2) // 2

Let t - p = 2m + r with r in {0, 1}: then w[t] is tap m of the kernel for positions of parity r.
"""

import keras
from keras import ops

from zoo import backend


@keras.saving.register_keras_serializable("zoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with "same" padding, channels last."""

    def call(self, inputs):
        if not _has_stride_one_form(self):
            return super().call(inputs)
        kernel, (before, after) = _split_kernel(self.kernel, self.kernel_size)
        taps_h, taps_w, _, _, filters, channels = kernel.shape
        kernel = ops.transpose(ops.flip(kernel, axis=(0, 1)), (0, 1, 5, 2, 3, 4))
        kernel = ops.reshape(kernel, (taps_h, taps_w, channels, 4 * filters))
        padding = [(0, 0), *zip(after, before, strict=True), (0, 0)]
        inputs = ops.pad(inputs, padding)
        outputs = ops.conv(inputs, kernel, padding="valid", data_format="channels_last")
        return _finish(self, _depth_to_space(outputs, filters))


def _has_stride_one_form(layer):
    """Whether it is worth it, and nothing but the kernel shapes the outputs."""
    return (
        backend.dilated_is_slow()
        and layer.strides == (2, 2)
        and layer.padding == "same"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and layer.output_padding is None
    )


def _finish(layer, outputs):
    if layer.use_bias:
        outputs = outputs + layer.bias
    return outputs if layer.activation is None else layer.activation(outputs)


def _split_kernel(kernel, kernel_size):
    """(kh, kw, a, b) -> (taps_h, taps_w, 2, 2, a, b), and the zeros before and after the input."""
    pads, taps, before, after = [], [], [], []
    for k in kernel_size:
        p = max(k - 2, 0) // 2
        first, last = (-p) // 2, (k - 1 - p) // 2
        before.append(-first)
        after.append(last)
        taps.append(last - first + 1)
        front = -2 * first - p
        pads.append((front, 2 * taps[-1] - k - front))
    kernel = ops.pad(kernel, [*pads, (0, 0), (0, 0)])
    a, b = kernel.shape[2:]
    kernel = ops.reshape(kernel, (taps[0], 2, taps[1], 2, a, b))
    return ops.transpose(kernel, (0, 2, 1, 3, 4, 5)), (before, after)


def _depth_to_space(inputs, channels):
    """(N, h, w, 4c) -> (N, 2h, 2w, c): parities, which come before channels, go side by side."""
    _, height, width, _ = ops.shape(inputs)
    split = ops.reshape(inputs, (-1, height, width, 2, 2, channels))
    split = ops.transpose(split, (0, 1, 3, 2, 4, 5))
    return ops.reshape(split, (-1, 2 * height, 2 * width, channels))
