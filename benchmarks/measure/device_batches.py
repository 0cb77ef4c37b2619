"""Data for `fit` that is in the device's memory already, and is not copied on the way.

A `PyDataset` or a generator would do on JAX and torch, but on TensorFlow Keras turns either into a
`tf.data` pipeline, which runs on the host. Every trainer accepts a data adapter, though, and
iterates over what that returns.
"""

import itertools

from keras.src.trainers.data_adapters.data_adapter import DataAdapter


class DeviceBatches(DataAdapter):
    """A few batches, repeated in turn.

    Args:
        batches: tuples of arrays of the backend.
        steps: int, batches per epoch.
    """

    def __init__(self, batches, steps):
        self.batches = batches
        self.steps = steps

    def _cycle(self):
        return itertools.islice(itertools.cycle(self.batches), self.steps)

    get_jax_iterator = get_torch_dataloader = _cycle

    def get_tf_dataset(self):
        return _Cycle(self._cycle)

    @property
    def num_batches(self):
        return self.steps

    @property
    def batch_size(self):
        return len(self.batches[0][0])


class _Cycle:
    """An iterable that starts over each time, as a `tf.data.Dataset` does."""

    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return self.start()
