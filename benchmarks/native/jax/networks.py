"""The networks as pure functions of weights and batch statistics."""

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.native.blocks import VARIANCE_EPSILON
from benchmarks.native.jax.convolution import convolution, transposed_convolution


class Sequential:
    """Applies blocks one after the other.

    Args:
        blocks: list of `blocks.Block`.
        config: dict, `model.config`: the slope, and the momentum of the moving statistics.
        dtype: of the computation; weights are cast to it.
    """

    def __init__(self, blocks, config, dtype):
        self.blocks = blocks
        self.slope = config["negative_slope"]
        self.momentum = config["batch_norm_momentum"]
        self.dtype = dtype

    def __call__(self, weights, statistics, x, training=True, dropout=0.0, key=None):
        """Inputs -> outputs of the last block, and the new moving statistics.

        Args:
            weights: list of dicts, as in `blocks.Network`.
            statistics: likewise.
            x: array (batch, ...).
            training: bool, normalization by the batch's own statistics.
            dropout: float, rate after each hidden block; it needs a `key`.
            key: of dropout.
        """
        new_statistics = []
        for block, block_weights, moving in zip(self.blocks, weights, statistics, strict=True):
            x = self._linear(block, block_weights, x)
            if block.normalized:
                x, moving = self._normalize(block_weights, moving, x, training)
            if block.hidden:
                x = jax.nn.leaky_relu(x, self.slope)
            if block.hidden and dropout:
                key, mask_key = jax.random.split(key)
                kept = jax.random.bernoulli(mask_key, 1 - dropout, x.shape)
                x = jnp.where(kept, x / (1 - dropout), 0)
            if block.grid:
                x = x.reshape(-1, *block.grid)
            new_statistics.append(moving)
        return x, new_statistics

    def _linear(self, block, weights, x):
        dtype = "float32" if block.full_precision else self.dtype
        x, kernel = x.astype(dtype), weights["kernel"].astype(dtype)
        if block.kind == "dense":
            x = x.reshape(len(x), -1) @ kernel
        elif block.kind == "convolution":
            x = convolution(x, kernel, block.stride)
        else:
            x = transposed_convolution(x, kernel, block.stride)
        return x + weights["bias"].astype(dtype) if "bias" in weights else x

    def _normalize(self, weights, moving, x, training):
        """Batch normalization, computed in float32, and the new moving statistics."""
        x = x.astype("float32")
        if training:
            axes = tuple(range(x.ndim - 1))
            mean = jnp.mean(x, axes)
            batch = {"mean": mean, "variance": jnp.mean(x * x, axes) - mean * mean}
            momentum = self.momentum
            moving = {k: momentum * moving[k] + (1 - momentum) * batch[k] for k in batch}
        else:
            batch = moving
        scale = lax.rsqrt(batch["variance"] + VARIANCE_EPSILON) * weights["gamma"]
        x = (x - batch["mean"]) * scale + weights["beta"]
        return x.astype(self.dtype), moving
