"""Arrays that are trained on, as batches in an order that the model's state decides."""

import keras
import numpy as np

from zoo import backend

BATCH_SIZE = 32
"""Of `keras.Model.fit`, if nobody says."""
ARRAYS = ("x", "y", "sample_weight")
OTHER_WAYS = ("class_weight", "steps_per_epoch", "validation_split")
"""Arguments of `fit` that only Keras' own way from arrays to batches knows."""


def feed_arrays(arguments, model):
    """The arguments of `fit`, its arrays replaced by batches of them.

    Args:
        arguments: dict, of `keras.Model.fit`; its `x` may be `ArrayBatches` already.
        model: `zoo.adversarial.base.AdversarialPair` that trains on them.

    Returns:
        The same dict, if it asks for what only Keras does.
    """
    batches = arguments.get("x")
    if not isinstance(batches, ArrayBatches):
        batches = _batches_of(arguments, model)
    if batches is None:
        return arguments
    rest = {k: v for k, v in arguments.items() if k not in (*ARRAYS, "batch_size", "shuffle")}
    return {
        "validation_batch_size": batches.batch_size,
        **rest,
        "x": backend.feed(batches),
        "shuffle": False,
        "callbacks": _with(EpochStart(batches), arguments.get("callbacks")),
    }


def _batches_of(arguments, model):
    given = [name for name in ARRAYS if arguments.get(name) is not None]
    arrays = [arguments[name] for name in given]
    plain = all(isinstance(array, np.ndarray) and len(array) == len(arrays[0]) for array in arrays)
    shuffle, batch_size = arguments.get("shuffle", True), arguments.get("batch_size") or BATCH_SIZE
    simple = isinstance(shuffle, bool) and isinstance(batch_size, int) and batch_size > 0
    # Batches are (x, y, sample_weight) from the left: none may be missing.
    if not given or given != list(ARRAYS[: len(given)]) or not plain or not simple:
        return None
    if any(arguments.get(name) for name in OTHER_WAYS):
        return None
    # Keras' default type of floats, as Keras' own way has it.
    floats = keras.backend.floatx()
    arrays = [a.astype(floats, copy=False) if a.dtype.kind == "f" else a for a in arrays]
    return ArrayBatches(arrays, batch_size, EpochOrder(model, len(arrays[0]), shuffle))


def _with(callback, callbacks):
    """A callback behind those that `fit` was given, in whichever form."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(callback)
        return callbacks
    return [
        *(callbacks if isinstance(callbacks, (list, tuple)) else filter(None, [callbacks])),
        callback,
    ]


class EpochOrder:
    """The order of the samples in an epoch.

    It follows from the model's state at the epoch's start and from nothing else. A run that goes on
    from a checkpoint sees what it would have seen, on any backend.

    Args:
        model: `zoo.adversarial.base.AdversarialPair`.
        count: int, samples.
        shuffle: bool; they keep their order without.
    """

    def __init__(self, model, count, shuffle=True):
        self.model, self.count, self.shuffle = model, count, shuffle

    def entropy(self):
        """Numbers that are others in every epoch: the random state, and the updates so far."""
        state = keras.ops.convert_to_numpy(self.model.seed_generator.state)
        return [*map(int, state), int(self.model.optimizer.iterations)]

    def draw(self):
        """int64 ndarray (count,): the samples' indices, in the order of the coming epoch."""
        indices = np.arange(self.count)
        return (
            np.random.default_rng(self.entropy()).permutation(indices) if self.shuffle else indices
        )


class ArrayBatches(keras.utils.PyDataset):
    """Batches of arrays, in a new order each epoch.

    Args:
        arrays: list of ndarrays of one length.
        batch_size: int; an epoch's last batch may be smaller.
        order: `EpochOrder`.
        augment: `augment(samples, rng) -> samples`, a change of the first array's part of each
            batch, drawn from a `numpy.random.Generator`; or `None`.
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
        """Puts the samples into the order of the coming epoch."""
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

    Not when its first batch is asked for: a compiled step may draw its latents, or even count
    itself, while it waits for that batch.

    Args:
        batches: `ArrayBatches`.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.draw_order()
