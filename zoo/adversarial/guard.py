"""Keeps NaN and infinity out of a training step, and measures how varied its samples are."""

import keras
from keras import ops

from zoo import backend, distribution


class Statistics:
    """The variables that forward passes of networks change: batch statistics and the like.

    Found once, since Keras walks through all layers for it. Held by an object: Keras would take
    the variables in a list for weights of the model itself.
    """

    def __init__(self, *networks):
        self.variables = [
            variable
            for network in networks
            for variable in network.variables
            if not variable.trainable and keras.backend.is_float_dtype(variable.dtype)
        ]


class StepGuard:
    """Skips a step if a loss or a gradient in it is NaN or infinite, or its data is at fault.

    Such a step leaves no trace: no weight, optimizer slot, batch statistic, average or metric
    changes. Sound discriminator updates ahead of a generator update that isn't sound are kept. All
    is decided on the device, without waiting for it.

    Args:
        statistics: `Statistics` of the networks that the step trains.
        active: bool, whether to look at losses and gradients.
        data_sound: scalar bool tensor, of the step's batch; `None` if it can't be at fault.
    """

    def __init__(self, statistics, active, data_sound=None):
        self.active = active
        self.sound = self.data_sound = data_sound  # a scalar bool tensor, or `None` for true
        guarded = active or data_sound is not None
        self.statistics = statistics.variables if guarded else []
        self.before = [ops.copy(variable.value) for variable in self.statistics]

    def apply_gradients(self, optimizer, gradients, variables, loss):
        """Applies one update if all was sound so far.

        Loss and gradients are those of all replicas: with NaN on one of them, all skip the step.
        """
        # It skips gradients that overflow, as they do now and then, and must see them to lower its
        # scale.
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if self.active:
            self._add([loss] if scaled else [loss, *gradients])
        sound = self.data_sound if scaled else self.sound
        backend.apply_gradients(optimizer, gradients, variables, sound)

    def _add(self, tensors):
        finite = backend.all_finite(tensors)
        self.sound = finite if self.sound is None else ops.logical_and(self.sound, finite)

    def keep_statistics(self):
        """Puts batch statistics back unless all was sound."""
        if self.statistics:
            backend.revert(self.statistics, self.before, self.sound)

    def count(self, skipped):
        """Counts the step in `zoo.adversarial.means.Skipped` if it was left out."""
        count_refused(skipped, self.sound, self.data_sound)


def count_refused(skipped, sound, data_sound):
    """Counts a step in `Skipped`, of two scalar bool tensors, each `None` for true."""
    if sound is not None:
        at_fault = 0.0 if data_sound is None else ops.where(data_sound, 0.0, 1.0)
        skipped.update_state(ops.where(sound, 0.0, 1.0), at_fault)


def diversity_terms(fake, real):
    """Returns what `relative_diversity` takes, once `distribution.means` has reduced it.

    Args:
        fake: tensor (batch, ...) of this replica.
        real: tensor of the same shape.
    """
    samples = [ops.cast(ops.stop_gradient(x), "float32") for x in (fake, real)]
    return distribution.spread_terms(*samples)


def relative_diversity(terms):
    """Measures how much a batch of samples varies, relative to a batch of real ones.

    The mean squared distance between two generated samples, divided by that between two real
    ones: about 1 for a generator that matches the data, 0 for one that always draws the same.

    Args:
        terms: what `diversity_terms` returns, reduced.

    Returns:
        float32 scalar; 0 for a batch of one sample.
    """
    fake_spread, real_spread = distribution.spreads(*terms)
    return fake_spread / (real_spread + 1e-12)
