"""Keeps NaN and infinity out of a training step, and measures how varied its samples are."""

import keras
from keras import ops

from zoo import backend


class Statistics:
    """What forward passes of networks change by themselves: batch statistics and the like.

    Found once, since Keras walks through all layers for it, and held by an object: of a list Keras
    would take the variables for weights of the model itself.
    """

    def __init__(self, *networks):
        self.variables = [
            variable
            for network in networks
            for variable in network.variables
            if not variable.trainable and keras.backend.is_float_dtype(variable.dtype)
        ]


class StepGuard:
    """Leaves a step out if a loss or a gradient in it is NaN or infinite.

    Nothing of it stays: no weight, no slot of an optimizer, no batch statistic, no average and no
    metric has seen it. Updates of the discriminator that were sound, ahead of one of the generator
    that isn't, count as a step of their own and stay. All of it is decided on the device; nobody
    waits for it.

    Args:
        statistics: `Statistics` of the networks that the step trains.
        active: bool; without, everything goes its way.
    """

    def __init__(self, statistics, active):
        self.active = active
        self.sound = None  # from the first gradients on: a scalar bool tensor
        self.statistics = statistics.variables if active else []
        self.before = [ops.copy(variable.value) for variable in self.statistics]

    def apply_gradients(self, optimizer, gradients, variables, loss):
        """One update, if all was sound so far."""
        if not self.active:
            backend.apply_gradients(optimizer, gradients, variables)
        elif isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            # It leaves out gradients that overflowed, as they do now and then, and must see them:
            # its scale falls by it.
            self._add([loss])
            backend.apply_gradients(optimizer, gradients, variables)
        else:
            self._add([loss, *gradients])
            backend.apply_gradients(optimizer, gradients, variables, self.sound)

    def _add(self, tensors):
        finite = backend.all_finite(tensors)
        self.sound = finite if self.sound is None else ops.logical_and(self.sound, finite)

    def keep_statistics(self):
        """Takes back what forward passes made of batch statistics, unless all was sound."""
        if self.statistics:
            backend.revert(self.statistics, self.before, self.sound)

    def skipped(self):
        """1.0 for a step left out, 0.0 for others."""
        return ops.where(self.sound, 0.0, 1.0)


def relative_diversity(fake, real):
    """How much the samples of a batch differ among each other, against how much real ones do.

    The mean squared distance between two samples of the batch, as a share of that between two real
    ones: about 1 for a generator that draws as the data are, 0 for one that draws the same sample
    again and again.

    Args:
        fake: tensor (batch, ...).
        real: tensor of the same shape.

    Returns:
        float32 scalar; of a batch of one sample 0.
    """
    return _spread(fake) / (_spread(real) + 1e-12)


def _spread(samples):
    """Sum over all values of a sample of their variance in the batch."""
    samples = ops.cast(ops.stop_gradient(samples), "float32")
    return ops.sum(ops.var(samples, axis=0))
