"""Arrays that are trained on, as batches in an order that the model's state decides."""

import keras
import numpy as np

BATCH_SIZE = 32
"""The default of `keras.Model.fit`."""


def array_batches(model, x, y, sample_weight, batch_size, shuffle):
    """Returns the arrays that `fit` was given as `ArrayBatches`.

    Args:
        model: `zoo.adversarial.base.BaseGAN` that trains on them.
        x: as in `keras.Model.fit`, like all that follow.
        y: its labels.
        sample_weight: its weights.
        batch_size: int or `None`.
        shuffle: bool.

    Returns:
        `None` for data or settings that only Keras makes batches of.
    """
    arrays = [x, y, sample_weight]
    while arrays and arrays[-1] is None:
        arrays.pop()
    batch_size = batch_size or BATCH_SIZE
    # Batches are (x, y, sample_weight) from the left: none can be missing.
    plain = all(isinstance(array, np.ndarray) and len(array) == len(x) for array in arrays)
    simple = isinstance(shuffle, bool) and isinstance(batch_size, int) and batch_size > 0
    if not (arrays and plain and simple):
        return None
    # Keras' default type of floats, as in Keras' own batches.
    floats = keras.backend.floatx()
    arrays = [a.astype(floats, copy=False) if a.dtype.kind == "f" else a for a in arrays]
    return ArrayBatches(arrays, batch_size, EpochOrder(model, len(x), shuffle))


def with_callback(callback, callbacks):
    """Returns the callbacks that `fit` was given, in whichever form, and one more behind them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(callback)
        return callbacks
    given = callbacks if isinstance(callbacks, (list, tuple)) else filter(None, [callbacks])
    return [*given, callback]


class EpochOrder:
    """The order of the samples in an epoch.

    It follows from the model's state at the epoch's start and from nothing else: a run resumed
    from a checkpoint sees the samples that it would have seen, on any backend.

    Args:
        model: `zoo.adversarial.base.BaseGAN`.
        count: int, samples.
        shuffle: bool; `False` keeps their order.
    """

    def __init__(self, model, count, shuffle=True):
        self.model, self.count, self.shuffle = model, count, shuffle

    def entropy(self):
        """Returns numbers that differ in every epoch: the random state, and the updates so far."""
        state = keras.ops.convert_to_numpy(self.model.seed_generator.state)
        return [*map(int, state), int(self.model.optimizer.iterations)]

    def draw(self):
        """Returns the samples' indices in the order of the coming epoch: int64 array (count,)."""
        if not self.shuffle:
            return np.arange(self.count)
        return np.random.default_rng(self.entropy()).permutation(self.count)


class ArrayBatches(keras.utils.PyDataset):
    """Batches of arrays, in a new order each epoch.

    Args:
        arrays: list of ndarrays of one length.
        batch_size: int; an epoch's last batch may be smaller.
        order: `EpochOrder`.
        augment: `augment(samples, rng) -> samples`, a random change of the first array's part of
            each batch by a `numpy.random.Generator`; or `None`.
    """

    def __init__(self, arrays, batch_size, order, augment=None):
        super().__init__()
        self.arrays, self.batch_size, self.order = arrays, batch_size, order
        self.augment = augment
        self.indices = np.arange(order.count)
        self.seed = []

    def __len__(self):
        return -(-self.order.count // self.batch_size)

    def draw_order(self):
        """Draws the order of the coming epoch."""
        self.seed = self.order.entropy()
        self.indices = self.order.draw()

    def __getitem__(self, index):
        chosen = self.indices[index * self.batch_size : (index + 1) * self.batch_size]
        samples, *others = (array[chosen] for array in self.arrays)
        if self.augment is not None:
            samples = self.augment(samples, np.random.default_rng([*self.seed, index]))
        return (samples, *others)


class EpochStart(keras.callbacks.Callback):
    """Draws an epoch's order before anything else of the epoch happens.

    Drawing it with the first batch would be too late: a compiled step can draw its latents, or
    even count itself, while it waits for that batch.

    Args:
        batches: `ArrayBatches`.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.draw_order()
