"""What `fit` adds to the callbacks: the order of an epoch, and a word on what was left out."""

import contextlib
import importlib.util
import warnings

import keras
import numpy as np

from zoo.adversarial.feeding import StreamBatches
from zoo.errors import MissingDependencyError
from zoo.imports import LOGGERS


class RefusedBatches(keras.callbacks.Callback):
    """Knows at the end of an epoch how many of its batches were left out for their values.

    Validation counts anew, so that they must be read ahead of it.
    """

    _refused: int | None = None

    def on_epoch_begin(self, epoch, logs=None):
        self._refused = None

    def on_test_begin(self, logs=None):
        self._refused = self.model.skipped_steps.refused()

    @property
    def refused(self):
        """The number of such batches."""
        return self.model.skipped_steps.refused() if self._refused is None else self._refused


class EpochWatch(RefusedBatches):
    """Begins each epoch with the order of its samples, and ends it with what was left out.

    Drawing the order with the first batch would be too late: a compiled step can draw its latents,
    or even count itself, while it waits for that batch.

    Args:
        model: `zoo.adversarial.base.BaseGAN`.
        batches: `zoo.adversarial.feeding.EpochBatches`, or `None` for other data.
    """

    def __init__(self, model, batches):
        super().__init__()
        self.set_model(model)
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch)
        if self.batches is not None:
            self.batches.draw_order()

    def on_epoch_end(self, epoch, logs=None):
        warn_of_refused(self.model, self.refused, f"epoch {epoch + 1}: ")
        if isinstance(self.batches, StreamBatches) and self.batches.skipped:
            self.batches.stream.warn_of(self.batches.skipped, f"epoch {epoch + 1}: ")
        skipped = round(float((logs or {}).get("skipped_steps", 0)))
        if skipped and np.isnan(float(logs["generator_loss"])):
            warnings.warn(
                f"epoch {epoch + 1}: none of its {skipped} steps was sound, so that it has no "
                "losses (NaN), and no weight changed. Lower the rates, check the data, or train "
                "in float32",
                stacklevel=2,
            )


def warn_of_refused(model, refused, where=""):
    """Warns of batches whose values a model does not train on, if there were any."""
    if refused:
        warnings.warn(
            f"{where}{refused} batches held other values than {model.data_rule}; they were left "
            "out. Arrays are refused for it before training",
            stacklevel=2,
        )


class _ShowNaN(keras.callbacks.Callback):
    """Lets a `TerminateOnNaN`, which looks at a "loss" alone, see the losses of both networks."""

    def __init__(self, terminate):
        super().__init__()
        self.terminate = terminate

    def on_train_batch_end(self, batch, logs=None):
        values = {name: float(value) for name, value in (logs or {}).items()}
        if values.pop("skipped_steps", 0) or not np.isfinite(list(values.values())).all():
            self.terminate.on_train_batch_end(batch, {"loss": np.nan})


class UnreadLogs(dict):
    """Logs of a step that no callback reads: false, so that Keras takes them for none.

    Keras would turn every number into a float, in another thread, and have the device waited for.
    At an epoch's end it finds the names, and reads the metrics.
    """

    def __bool__(self):
        return False


class _Unread(keras.callbacks.Callback):
    """With a method of its own for a batch's end, no batch is handed to a thread."""

    def on_train_batch_end(self, batch, logs=None):
        del batch, logs


@contextlib.contextmanager
def watched(model, callbacks, batches, verbose):
    """Yields the callbacks that `fit` is given, in whichever form, with those of this file.

    For its time, callbacks that look for the best epoch take NaN for none: Keras' own take a first
    NaN for the best so far.

    Args:
        model: `zoo.adversarial.base.BaseGAN`.
        callbacks: as in `keras.Model.fit`.
        batches: as of `EpochWatch`.
        verbose: as in `keras.Model.fit`; 0 for no progress bar, which reads the logs of each step.
    """
    is_list = isinstance(callbacks, keras.callbacks.CallbackList)
    given = keras.tree.flatten(callbacks.callbacks if is_list else callbacks)
    given = [callback for callback in given if callback is not None]
    _check(given)
    ours = [_ShowNaN(c) for c in given if isinstance(c, keras.callbacks.TerminateOnNaN)]
    ours.append(EpochWatch(model, batches))
    model.logs_are_read = any(map(_reads_logs, [*given, *ours])) or not (is_list or verbose == 0)
    if not model.logs_are_read:
        ours.append(_Unread())
    monitors = [callback for callback in given if hasattr(callback, "_is_improvement")]
    for monitor in monitors:
        monitor._is_improvement = _unless_nan(monitor._is_improvement)
    if is_list:
        callbacks.callbacks.extend(ours)
    try:
        yield callbacks if is_list else [*given, *ours]
    finally:
        model.logs_are_read = True
        if batches is not None:
            batches.close()
        for monitor in monitors:
            del monitor._is_improvement
        if is_list:
            callbacks.callbacks[:] = [c for c in callbacks.callbacks if c not in ours]


def _check(callbacks):
    """Raises `MissingDependencyError` for Keras' `TensorBoard` without what it writes with."""
    if any(isinstance(callback, keras.callbacks.TensorBoard) for callback in callbacks):
        missing = [x for x in ("tensorflow", "tensorboard") if importlib.util.find_spec(x) is None]
        if missing:
            raise MissingDependencyError(
                "keras.callbacks.TensorBoard takes TensorFlow and tensorboard on every backend. "
                f"Missing: {', '.join(missing)}. Use zoo.TensorBoardLogger, which needs only "
                f"tensorboard. Run: pip install {LOGGERS['tensorboard']}"
            )


def _reads_logs(callback):
    """Returns whether a callback has a method of its own for a batch's end."""
    return any(
        getattr(getattr(callback, name, None), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in ("on_batch_end", "on_train_batch_end")
    )


def _unless_nan(is_improvement):
    return lambda value, best: not np.isnan(value) and is_improvement(value, best)
