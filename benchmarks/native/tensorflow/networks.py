"""The networks as `tf.nn` calls on variables."""

import tensorflow as tf

from benchmarks.native.blocks import VARIANCE_EPSILON


class Sequential(tf.Module):
    """Applies blocks one after the other.

    Args:
        network: `blocks.Network`.
        config: dict, `model.config`: the slope, and the momentum of the moving statistics.
        dtype: of the computation; weights are cast to it.
    """

    def __init__(self, network, config, dtype):
        super().__init__()
        self.blocks = network.blocks
        self.weights = [_variables(arrays, trainable=True) for arrays in network.weights]
        self.statistics = [_variables(arrays, trainable=False) for arrays in network.statistics]
        self.slope = config["negative_slope"]
        self.momentum = config["batch_norm_momentum"]
        self.dtype = dtype

    def __call__(self, x, training=True, dropout=0.0):
        """Inputs (batch, ...) -> outputs of the last block.

        Args:
            x: tensor of a fixed batch size.
            training: bool, normalization by the batch's own statistics, which move the moving ones.
            dropout: float, rate after each hidden block.
        """
        for block, weights, moving in zip(self.blocks, self.weights, self.statistics, strict=True):
            x = self._linear(block, weights, x)
            if block.normalized:
                x = self._normalize(weights, moving, x, training)
            if block.hidden:
                x = tf.nn.leaky_relu(x, self.slope)
            if block.hidden and dropout:
                x = tf.nn.dropout(x, dropout)
            if block.grid:
                x = tf.reshape(x, (-1, *block.grid))
        return x

    def _linear(self, block, weights, x):
        dtype = tf.float32 if block.full_precision else self.dtype
        x, kernel = tf.cast(x, dtype), tf.cast(weights["kernel"], dtype)
        if block.kind == "dense":
            x = tf.reshape(x, (-1, kernel.shape[0])) @ kernel
        elif block.kind == "convolution":
            x = tf.nn.conv2d(x, kernel, block.stride, "SAME")
        else:
            batch, height, width, _ = x.shape
            shape = (batch, height * block.stride, width * block.stride, kernel.shape[2])
            x = tf.nn.conv2d_transpose(x, kernel, shape, block.stride, "SAME")
        return tf.nn.bias_add(x, tf.cast(weights["bias"], dtype)) if "bias" in weights else x

    def _normalize(self, weights, moving, x, training):
        shape = x.shape
        x, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, (shape[0], -1, 1, shape[-1])),
            weights["gamma"],
            weights["beta"],
            mean=None if training else moving["mean"],
            variance=None if training else moving["variance"],
            epsilon=VARIANCE_EPSILON,
            is_training=training,
        )
        if training:
            # The kernel returns the unbiased variance; the moving one is of the biased, as Keras'.
            count = shape.num_elements() // shape[-1]
            batch = {"mean": mean, "variance": variance * ((count - 1) / count)}
            for name, value in batch.items():
                moving[name].assign_sub((1 - self.momentum) * (moving[name] - value))
        return tf.reshape(x, shape)


def _variables(arrays, trainable):
    return {name: tf.Variable(array, trainable=trainable) for name, array in arrays.items()}
