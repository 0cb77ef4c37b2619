"""Batches in the device's memory as `fit` takes them, with nothing copied on the way.

A `PyDataset` or a generator would do on JAX and torch, but Keras turns either into a `tf.data`
pipeline on TensorFlow, which lives on the host. Every trainer takes a data adapter, though, and
asks it for what it iterates over.
"""

import itertools

from keras.src.trainers.data_adapters.data_adapter import DataAdapter


class DeviceBatches(DataAdapter):
    """The same few batches again and again.

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
    """Starts anew whenever it is iterated over, as a `tf.data.Dataset` does."""

    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return self.start()
