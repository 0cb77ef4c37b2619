"""What an epoch is summed up in: means of several values at once, and steps left out."""

import keras
from keras import ops


class Means:
    """A mean for each of several values that are measured together, in one variable.

    To Keras they are as many metrics. A `keras.metrics.Mean` each would do the same in many more
    small operations. On PyTorch, their small tensors also keep the allocator from reusing memory:
    measured on two cores, a step of the benchmark `dcgan28` takes 1.08 times as long with them.

    Args:
        names: names of the values.

    Attributes:
        metrics: list of `keras.metrics.Metric`, one for each name, for `keras.Model.metrics`.
    """

    def __init__(self, names):
        self.names = tuple(names)
        self.metrics = [_Mean(self, index, name) for index, name in enumerate(self.names)]
        first = self.metrics[0]  # whose variables Keras resets, and carries from step to step
        # Behind the values' totals, the number of samples; what replicas count alike counts once.
        self.totals = first.add_variable(
            (len(self.names) + 1,), "zeros", aggregation="mean", name="totals"
        )

    def update(self, values, count, sound=None):
        """Counts the values of a batch in.

        Args:
            values: dict name -> float32 scalar, one for each name: of the batch of all replicas.
            count: int or scalar, number of samples that they are means of: a smaller last batch
                weighs less, as in Keras.
            sound: scalar bool, whether the batch counts; `None` counts it.
        """
        values = ops.stack([values[name] for name in self.names])
        sums = ops.concatenate([values, ops.ones((1,), "float32")]) * ops.cast(count, "float32")
        if sound is not None:  # chosen, not multiplied: 0 times NaN is NaN
            sums = ops.where(sound, sums, 0.0)
        self.totals.assign_add(sums)

    def results(self):
        """Returns a dict name -> float32 scalar; NaN before the first sound batch."""
        *means, _ = ops.unstack(self.means(), len(self.names) + 1)
        return dict(zip(self.names, means, strict=True))

    def means(self):
        """Returns the means as a float32 tensor, and behind them 1 or NaN."""
        return ops.divide(self.totals.value, self.totals.value[-1])


class _Mean(keras.metrics.Metric):
    """One of the means, as a metric of Keras."""

    def __init__(self, means, index, name):
        super().__init__(name=name)
        # A function: of an attribute Keras would take the variables for this metric's own as well.
        self._read = lambda: means.means()[index]

    def result(self):
        return self._read()


class Skipped(keras.metrics.Metric):
    """Counts steps that were left out, and those among them whose data was at fault."""

    def __init__(self, name="skipped_steps"):
        super().__init__(name=name)
        self.counts = self.add_variable((2,), "zeros", aggregation="mean", name="total")

    def update_state(self, skipped, refused):
        """Counts one step in: two scalars, 1 or 0."""
        self.counts.assign_add(ops.stack([skipped, refused]))

    def result(self):
        # A copy: on PyTorch a part of the variable would be reset with it, in logs too.
        return ops.copy(self.counts.value[0])

    def refused(self) -> int:
        """Returns the number of steps whose data was at fault."""
        return round(float(ops.convert_to_numpy(self.counts)[1]))
