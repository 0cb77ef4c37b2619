"""Arrays that are trained on, as batches."""

import keras
import numpy as np

from zoo import backend

BATCH_SIZE = 32
"""Of `keras.Model.fit`, if nobody says."""
ARRAYS = ("x", "y", "sample_weight")
OTHER_WAYS = ("class_weight", "steps_per_epoch", "validation_split")
"""Arguments of `fit` that only Keras' own way from arrays to batches knows."""


def feed_arrays(arguments):
    """The arguments of `fit`, its arrays replaced by the backend's own feed if it has one.

    Args:
        arguments: dict, of `keras.Model.fit`.

    Returns:
        The same dict, if it asks for what only Keras does.
    """
    given = [name for name in ARRAYS if arguments.get(name) is not None]
    arrays = [arguments[name] for name in given]
    plain = all(isinstance(array, np.ndarray) and len(array) == len(arrays[0]) for array in arrays)
    shuffle, batch_size = arguments.get("shuffle", True), arguments.get("batch_size") or BATCH_SIZE
    simple = isinstance(shuffle, bool) and isinstance(batch_size, int) and batch_size > 0
    # A dataset's elements are (x, y, sample_weight) from the left: none may be missing.
    if not given or given != list(ARRAYS[: len(given)]) or not plain or not simple:
        return arguments
    if any(arguments.get(name) for name in OTHER_WAYS):
        return arguments
    # Keras' default type of floats, as Keras' own way has it.
    floats = keras.backend.floatx()
    arrays = [a.astype(floats) if a.dtype.kind == "f" else a for a in arrays]
    batches = backend.feed(arrays, batch_size, shuffle)
    if batches is None:
        return arguments
    rest = {k: v for k, v in arguments.items() if k not in (*ARRAYS, "batch_size", "shuffle")}
    return {"validation_batch_size": batch_size, **rest, "x": batches, "shuffle": False}
