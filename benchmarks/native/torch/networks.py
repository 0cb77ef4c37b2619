"""The networks as modules, channels last in memory.

PyTorch pads both sides alike; "same" padding in TensorFlow and Keras adds one pixel more behind
than before if kernel and stride differ by an odd number. With stride 2 and an odd kernel, one is
the other rotated by 180 degrees: images and kernels are rotated, and all layers are those of a
usual PyTorch DCGAN. An even kernel with stride 2 is padded alike on both sides in any case.
"""

import numpy as np
import torch
from torch import nn

from benchmarks.native.blocks import VARIANCE_EPSILON


class Unflatten(nn.Module):
    """(batch, H * W * C) -> (batch, C, H, W), channels last in memory: a view."""

    def __init__(self, grid):
        super().__init__()
        self.grid = grid

    def forward(self, x):
        return x.view(-1, *self.grid).permute(0, 3, 1, 2)


class Flatten(nn.Module):
    """The inverse of `Unflatten`."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class FullPrecision(nn.Module):
    """Runs a module in float32, under autocast as well."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            return self.module(x.float())


def is_turned(network):
    """Returns whether the network's images are rotated by 180 degrees, see above.

    Raises:
        ValueError: for an even kernel with stride 1, which neither padding fits.
    """
    odd = set()
    for block, weights in zip(network.blocks, network.weights, strict=True):
        if block.kind != "dense":
            odd.add(len(weights["kernel"]) % 2 == 1)
            if block.stride == 1 and odd != {True}:
                raise ValueError(
                    "The kernel of a convolution of stride 1 must be odd: PyTorch's transposed one "
                    f"pads both sides alike. Received: kernel size {len(weights['kernel'])}"
                )
    return odd == {True}


def build(network, config, dropout=0.0, grid=None):
    """Returns a `nn.Sequential` of blocks.

    Args:
        network: `blocks.Network`.
        config: dict, `model.config`: the slope, and the momentum of the moving statistics.
        dropout: float, rate after each hidden block.
        grid: (H, W, C) of the inputs, for networks of images.
    """
    turned, stack = is_turned(network), []
    for block, weights, statistics in zip(*network, strict=True):
        if block.kind == "dense":
            if grid:
                stack.append(Flatten())
            layer = _dense(block, weights, turned, grid)
            grid = block.grid
        else:
            layer = _convolution(block, weights, turned)
            if block.kind == "convolution":
                height, width, _ = grid
                grid = height // block.stride, width // block.stride, layer.out_channels
        stack.append(FullPrecision(layer) if block.full_precision else layer)
        if block.normalized:
            arrays = [weights["gamma"], weights["beta"]]
            arrays += [statistics["mean"], statistics["variance"]]
            if turned and block.grid:
                arrays = [turn_grid(array, block.grid) for array in arrays]
            stack.append(_normalization(block, arrays, config["batch_norm_momentum"]))
        if block.hidden:
            stack.append(nn.LeakyReLU(config["negative_slope"], inplace=True))
            if dropout:
                stack.append(nn.Dropout(dropout))
        if block.grid:
            stack.append(Unflatten(block.grid))
    return nn.Sequential(*stack)


def _dense(block, weights, turned, grid):
    kernel = torch.from_numpy(weights["kernel"])
    if turned and grid:
        kernel = turn_grid(kernel, grid)
    if turned and block.grid:
        kernel = turn_grid(kernel.T, block.grid).T
    layer = nn.Linear(*kernel.shape, bias="bias" in weights)
    _set_weights(layer.parameters(), [kernel.T, weights.get("bias")])
    return layer


def _convolution(block, weights, turned):
    kernel = torch.from_numpy(weights["kernel"]).permute(3, 2, 0, 1)
    if turned:
        kernel = kernel.flip(2, 3)
    side, stride = kernel.shape[2], block.stride
    options = {"stride": stride, "padding": (side - 1) // 2, "bias": "bias" in weights}
    if block.kind == "transposed":
        options["output_padding"] = (side - stride) % 2
        layer = nn.ConvTranspose2d(*kernel.shape[:3], **options)
    else:
        layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], side, **options)
    _set_weights(layer.parameters(), [kernel, weights.get("bias")])
    return layer


def _normalization(block, arrays, momentum):
    kind = nn.BatchNorm1d if block.kind == "dense" else nn.BatchNorm2d
    layer = kind(len(arrays[0]), VARIANCE_EPSILON, momentum=1 - momentum)
    _set_weights((layer.weight, layer.bias, layer.running_mean, layer.running_var), arrays)
    layer.num_batches_tracked = None  # saves an addition per pass
    return layer


def _set_weights(tensors, arrays):
    """Copies arrays, but for `None`, into tensors of the same shapes."""
    arrays = [array for array in arrays if array is not None]
    with torch.no_grad():
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.copy_(torch.as_tensor(array))


def turn_grid(array, grid):
    """Rotates the positions of an array of shape (H * W * C, ...) by 180 degrees."""
    array = torch.as_tensor(np.asarray(array))
    return array.reshape(*grid, *array.shape[1:]).flip(0, 1).reshape(array.shape)
