"""Saves a run after every epoch, and goes on from there after it was stopped or killed."""

import time
import warnings
from pathlib import Path

import keras

from zoo import digest
from zoo.checks import check_count, check_share
from zoo.errors import CheckpointError, InvalidInputError
from zoo.files import check_output_folder
from zoo.hub.checkpoint_files import (
    checkpoint_path,
    list_checkpoints,
    read_checkpoint,
    read_record,
    remove_partial_checkpoints,
    write_checkpoint,
)
from zoo.training import configuration
from zoo.training.state import capture_state, describe_state, restore_state

MODES = {"min": lambda score, best: score < best, "max": lambda score, best: score > best}


class Checkpoint(keras.callbacks.Callback):
    """Saves all of a run after every epoch; `fit` with the same folder goes on from the last one.

    One file holds both networks, the moving average, both optimizers, the random states, the epoch
    and the configuration. It is replaced whole or not at all. A run that is killed at any moment
    and started again ends with the weights of one that wasn't, bit for bit, on the same backend and
    device, if that computes the same twice (CPUs do; on GPUs see the backend's own switches for
    deterministic kernels) and `x` is arrays, whose order follows from the state. On another
    backend it goes on from the same state.

    Args:
        folder: where the checkpoints lie; made if it isn't there.
        every: int, epochs between two checkpoints. The last epoch always has one.
        largest_share: float in (0, 1], of the run's time that saving may take: where epochs are
            short, the next checkpoint waits until it does.
        keep: int, how many of the latest to keep. The best one is kept as well.
        monitor: name in the epoch's logs that decides which one is best, or `None`.
        mode: `"min"` or `"max"`, which of its values are better.
        configuration: dict of plain values that a run which goes on must share; by default the
            model's own and how it was compiled.
        along: callbacks with `get_state()` and `set_state(state)`, plain values, to be saved along:
            `zoo.evaluation.EvaluationCallback`, for example.

    Attributes:
        resumed_from: record of the checkpoint that the run went on from, or `None`.
        seconds: float, time the run took so far, over all its parts.

    Raises:
        CheckpointError: when training begins, if the folder can't be written to, if its checkpoints
            are of another configuration (the message names what changed), or if none of them can be
            read; later if one can't be written: those from before are whole.

    Example:

    ```python
    model.compile(average_decay=0.999)
    model.fit(images, epochs=20, callbacks=[zoo.Checkpoint("runs/digits/checkpoints")])
    ```
    """

    def __init__(
        self,
        folder,
        every=1,
        keep=2,
        monitor=None,
        mode="min",
        configuration=None,
        along=(),
        largest_share=1.0,
    ):
        super().__init__()
        check_share("largest_share", largest_share)
        check_count("every", every)
        check_count("keep", keep)
        if mode not in MODES:
            raise InvalidInputError(f"`mode` must be 'min' or 'max'. Received: mode={mode!r}")
        self.folder = Path(folder)
        self.every, self.keep, self.largest_share = every, keep, largest_share
        self.monitor, self.mode = monitor, mode
        self.configuration = configuration
        self.along = list(along)
        self.resumed_from, self.seconds = None, 0.0
        self.last = self.best = self._best_score = None

    # ------------------------------------------------------------------- fit

    def on_train_begin(self, logs=None):
        # Before anything is restored: a rate that was lowered on the way is no other configuration.
        self._configuration = configuration.plain(
            configuration.of_model(self.model) if self.configuration is None else self.configuration
        )
        self.resumed_from, self.seconds = None, 0.0
        self._prepare_folder()
        paths = list_checkpoints(self.folder)
        self._find_best(paths)
        if paths:
            self._resume(paths)
        self._started = time.perf_counter() - self.seconds
        self._next_save = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        # Where `fit` began is for this `fit` only.
        self.model._initial_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self._started
        done = epoch + 1
        last = done == self.params.get("epochs") or self.model.stop_training
        if last or (done % self.every == 0 and time.perf_counter() >= self._next_save):
            began = time.perf_counter()
            self.save(done, logs)
            ended = time.perf_counter()
            self._next_save = ended + (ended - began) * (1.0 / self.largest_share - 1.0)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None

    # ------------------------------------------------------------------ files

    def save(self, epoch, logs=None):
        """Writes the checkpoint of a run after so many epochs.

        Raises:
            CheckpointError: if it can't be written.
        """
        score = self._score(logs)
        record = {
            "epoch": epoch,
            "step": int(self.model.optimizer.iterations),
            "backend": keras.backend.backend(),
            "seconds": round(self.seconds, 3),
            "rate_scale": self.model.optimizer.rate_scale,
            "monitor": self.monitor,
            "score": score,
            "along": [callback.get_state() for callback in self.along],
            "configuration": self._configuration,
            "configuration_sha256": digest.of_values(self._configuration),
        }
        path = checkpoint_path(self.folder, epoch)
        if not self.folder.is_dir():
            warnings.warn(f"{self.folder} is gone; it is made again", stacklevel=2)
        try:
            write_checkpoint(path, capture_state(self.model), record)
        except OSError as error:
            before = list_checkpoints(self.folder)
            kept = f"{before[-1].name} is whole" if before else "there is none from before"
            raise CheckpointError(
                f"The checkpoint of epoch {epoch} can't be written to {self.folder}: "
                f"{error.strerror or error}. {kept}. Make room, or the folder writable, and start "
                "the same run again (`zoo train ... --resume`): it goes on from there."
            ) from error
        self.last = path
        if score is not None and (self.best is None or MODES[self.mode](score, self._best_score)):
            self.best, self._best_score = path, score
        for old in list_checkpoints(self.folder)[: -self.keep]:
            if old != self.best:
                old.unlink(missing_ok=True)

    def restore(self, path):
        """Gives the model the state of a checkpoint.

        Args:
            path: the file.

        Returns:
            Its record, a dict.

        Raises:
            CheckpointError: if it is damaged, or of another configuration.
        """
        record, arrays = read_checkpoint(path, describe_state(self.model))
        restore_state(self.model, arrays)
        if self.model.optimizer.rate_scale != record["rate_scale"]:
            self.model.optimizer.rate_scale = record["rate_scale"]
            self.model.make_train_function(force=True)  # a schedule is compiled into it
        return record

    def _prepare_folder(self):
        try:
            check_output_folder(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
        except (InvalidInputError, OSError) as error:
            raise CheckpointError(f"No checkpoint can be written: {error}") from error
        remove_partial_checkpoints(self.folder)

    def _resume(self, paths):
        """Restores the newest checkpoint that is whole."""
        for path in reversed(paths):
            try:
                self._check_configuration(path, read_record(path))
                record = self.restore(path)
            except _OtherConfiguration:
                raise
            except CheckpointError as error:
                warnings.warn(f"{error}; going back to the one before", stacklevel=2)
                continue
            for callback, state in zip(self.along, record["along"], strict=False):
                callback.set_state(state)
            self.resumed_from, self.seconds, self.last = record, record["seconds"], path
            # As Keras' own `BackupAndRestore` tells `fit` where to begin.
            self.model._initial_epoch = record["epoch"]
            return
        raise CheckpointError(
            f"None of the {len(paths)} checkpoints in {self.folder} can be read. Move them away to "
            "start from the beginning."
        )

    def _check_configuration(self, path, record):
        changed = configuration.differences(record["configuration"], self._configuration)
        if changed:
            raise _OtherConfiguration(
                f"{path} is of a run with another configuration: {'; '.join(changed)}. Train as "
                "before to go on from it, or choose another folder to start anew."
            )

    # ------------------------------------------------------------------- best

    def _find_best(self, paths):
        self.best = self._best_score = None
        for path in paths if self.monitor else []:
            try:
                record = read_record(path)
            except CheckpointError:
                continue
            score = record.get("score")
            if record.get("monitor") != self.monitor or score is None:
                continue
            if self.best is None or MODES[self.mode](score, self._best_score):
                self.best, self._best_score = path, score

    def _score(self, logs):
        """The monitored value of this epoch; `None` if it has none."""
        value = (logs or {}).get(self.monitor) if self.monitor else None
        return None if value is None else float(value)


class _OtherConfiguration(CheckpointError):
    """Not damaged: an older checkpoint wouldn't fit either."""
