"""Adam, one fused kernel per variable."""

import tensorflow as tf

from benchmarks.native.base import BETA_1, BETA_2, EPSILON, LEARNING_RATE


class Adam:
    """Kingma & Ba 2015.

    Args:
        weights: list of float32 `tf.Variable`.
    """

    def __init__(self, weights):
        self.weights = weights
        self.moments = [[tf.Variable(tf.zeros_like(w)) for _ in range(2)] for w in weights]
        self.powers = tf.Variable(1.0), tf.Variable(1.0)

    def apply(self, gradients):
        """One update; `gradients` in the order of `weights`."""
        powers = [p.assign(p * beta) for p, beta in zip(self.powers, (BETA_1, BETA_2), strict=True)]
        for weight, (first, second), gradient in zip(
            self.weights, self.moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=LEARNING_RATE,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )
