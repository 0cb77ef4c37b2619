"""Data on its way into a model: arrays in the model's own order, all else looked at first."""

import copy
import itertools
import types

import keras
import numpy as np

from zoo import backend, distribution
from zoo.errors import InvalidInputError

BATCH_SIZE = 32
"""The default of `keras.Model.fit`."""


def to_host(data):
    """Returns an array or tensor of any framework as an ndarray; anything else as it is."""
    if isinstance(data, np.ndarray) or not hasattr(data, "shape"):
        return data
    if hasattr(data, "detach"):  # PyTorch's, on whichever device
        data = data.detach().cpu()
    return np.asarray(data)


def refuse_weights(sample_weight=None, class_weight=None):
    """Raises `InvalidInputError` if samples or classes are given weights."""
    for name, value in (("sample_weight", sample_weight), ("class_weight", class_weight)):
        if value is not None:
            raise InvalidInputError(
                f"The step weights no samples: `{name}` must be None, and data sets must hold no "
                "third element. Draw samples in proportion to their weights instead: "
                "`rows = rng.choice(len(x), len(x), p=weights / weights.sum())`, then `x[rows]`. "
                f"Received: {name} of type {type(value).__name__}"
            )


def check_first_batch(source, check, ahead=False):
    """Calls `check(batch)`, a tuple, for the first batch of data that comes in batches.

    Where possible as it is drawn, so that nothing is drawn twice. Of a `tf.data.Dataset`, and of a
    grain data set, one iterator more is made; of a `PyDataset`, batch 0 is read once more.

    Args:
        source: whatever else than arrays `keras.Model.fit` takes.
        check: function of a tuple, the elements of a batch; raises what is wrong with it.
        ahead: bool, check now even if the batch must be drawn twice.

    Returns:
        What to hand on for it: data with the same batches, each of them a tuple.
    """
    if isinstance(source, types.GeneratorType):
        first = list(itertools.islice(source, 1))
        _check_first(first, check)
        return (_as_tuple(batch) for batch in itertools.chain(first, source))
    if isinstance(source, keras.utils.PyDataset):
        _check_first([source[0]] if source.num_batches != 0 else [], check)
    elif _is_a(source, "torch.utils.data", "DataLoader"):
        if ahead:
            _check_first(list(itertools.islice(iter(source), 1)), check)
        return _watch_loader(source, check)
    elif _is_a(source, "tensorflow", "DatasetV2") or _is_a(source, "grain", ""):
        spec = getattr(source, "element_spec", None)
        if getattr(spec, "dtype", None) != np.uint8:  # nothing that could be out of range
            _check_first(list(itertools.islice(iter(source), 1)), check)
    return source


def _check_first(batches, check):
    if not batches:
        raise InvalidInputError("There are no samples: the data set has no batch.")
    check(_as_tuple(batches[0]))


def _as_tuple(batch):
    """Returns the elements of a batch; samples alone can come without a tuple around them."""
    if isinstance(batch, (list, tuple)):
        return tuple(batch)
    return batch if isinstance(batch, dict) else (batch,)


def _is_a(data, module, name):
    return any(
        kind.__module__.startswith(module) and kind.__name__.startswith(name)
        for kind in type(data).__mro__
    )


def _watch_loader(loader, check):
    """Returns a copy of a torch `DataLoader` that checks its first batch as it hands it out."""

    class Watched(type(loader)):
        def __iter__(self):
            batches = super().__iter__()
            _check_first(first := list(itertools.islice(batches, 1)), check)
            yield from map(_as_tuple, itertools.chain(first, batches))

    watched = copy.copy(loader)
    watched.__class__ = Watched
    return watched


def array_batches(model, x, y, batch_size, shuffle):
    """Returns the arrays that `fit` was given as `ArrayBatches`.

    Args:
        model: `zoo.adversarial.base.BaseGAN` that trains on them.
        x: as in `keras.Model.fit`, like all that follow.
        y: its labels.
        batch_size: int or `None`.
        shuffle: bool.

    Returns:
        `None` for data or settings that only Keras makes batches of.
    """
    arrays = [x] if y is None else [x, y]
    batch_size = batch_size or BATCH_SIZE
    plain = all(isinstance(array, np.ndarray) and len(array) == len(x) for array in arrays)
    simple = isinstance(shuffle, bool) and isinstance(batch_size, int) and batch_size > 0
    if not (plain and simple):
        return None
    # Keras' default type of floats, as in Keras' own batches.
    floats = keras.backend.floatx()
    arrays = [a.astype(floats, copy=False) if a.dtype.kind == "f" else a for a in arrays]
    return ArrayBatches(arrays, batch_size, EpochOrder(model, len(x), shuffle))


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
        updates = keras.ops.convert_to_numpy(self.model.optimizer.iterations)
        return [*map(int, state), int(updates)]

    def draw(self):
        """Returns the samples' indices in the order of the coming epoch: int64 array (count,)."""
        if not self.shuffle:
            return np.arange(self.count)
        return np.random.default_rng(self.entropy()).permutation(self.count)


class EpochBatches(keras.utils.PyDataset):
    """Batches in a new order each epoch; of several processes, each makes its part of them.

    Args:
        batch_size: int, of all devices together; an epoch's last batch may be smaller.
        order: `EpochOrder`.
        augment: `augment(samples, rng) -> samples`, a random change of each batch's samples by a
            `numpy.random.Generator`; or `None`.
    """

    def __init__(self, batch_size, order, augment=None):
        super().__init__()
        distribution.check_divides(batch_size, order.count)
        self.batch_size, self.order, self.augment = batch_size, order, augment
        self.seed = []

    def draw_order(self):
        """Draws the order of the coming epoch."""
        raise NotImplementedError

    def read(self, index):
        """Returns this process' part of a batch, the samples first."""
        raise NotImplementedError

    def close(self):
        """Ends what reads ahead."""

    def __getitem__(self, index):
        samples, *others = self.read(index)
        if self.augment is not None:
            number, parts = backend.batch_part()
            seed = [*self.seed, index] if parts == 1 else [*self.seed, index, number]
            samples = self.augment(samples, np.random.default_rng(seed))
        return (samples, *others)


class ArrayBatches(EpochBatches):
    """Batches of arrays.

    Args:
        arrays: list of ndarrays of one length.
        batch_size: as of `EpochBatches`, like all that follow.
        order: `EpochOrder`.
        augment: a function, or `None`.
    """

    def __init__(self, arrays, batch_size, order, augment=None):
        super().__init__(batch_size, order, augment)
        self.arrays = arrays
        self.indices = np.arange(order.count)

    def __len__(self):
        return -(-self.order.count // self.batch_size)

    def draw_order(self):
        self.seed = self.order.entropy()
        self.indices = self.order.draw()

    def read(self, index):
        chosen = self.indices[index * self.batch_size : (index + 1) * self.batch_size]
        number, parts = backend.batch_part()
        chosen = np.split(chosen, parts)[number]
        return [array[chosen] for array in self.arrays]


def is_stream(data):
    """Returns whether data is read from disk in an order that it is given: `datasets.stream`."""
    return hasattr(data, "prefetched")


class StreamBatches(EpochBatches):
    """Batches of a `zoo.datasets.Stream`, in the order in which arrays would come.

    Keras' own way with a grain data set gives each epoch the same order, doesn't know how many
    batches there are, and draws two of them twice.

    Args:
        stream: `zoo.datasets.Stream`.
        batch_size: as of `EpochBatches`, like all that follow.
        order: `EpochOrder`.
        augment: a function, or `None`.
    """

    def __init__(self, stream, batch_size, order, augment=None):
        super().__init__(batch_size, order, augment)
        if backend.batch_part()[1] > 1 and stream.shard_options.shard_count > 1:
            raise InvalidInputError(
                "Several processes share each batch of a stream: leave out `shard_options`. "
                f"Received: {stream.shard_options}"
            )
        self.stream = stream
        self.skipped = set()
        self._batches = self._arrange(None)
        self._ahead = None

    def __len__(self):
        return self.stream.batch_count(self.batch_size)

    def _arrange(self, rng):
        return self.stream.batches(self.batch_size, rng, backend.batch_part())

    def draw_order(self):
        self.seed = self.order.entropy()
        self._batches = self._arrange(
            np.random.default_rng(self.seed) if self.order.shuffle else None
        )

    def on_epoch_begin(self):
        """Begins to read ahead; what Keras wants to see of batches before this is read twice."""
        self.close()
        self.skipped.clear()
        self._ahead, self._next = iter(self.stream.prefetched(self._batches)), 0

    def on_epoch_end(self):
        self.close()

    def read(self, index):
        if self._ahead is not None and index == self._next:
            element = next(self._ahead)
            self._next += 1
        else:
            element = self._batches[index]
        self.skipped.update(element["skipped"].tolist())
        return element["batch"]

    def close(self):
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None
