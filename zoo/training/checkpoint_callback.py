"""Saves a run after every epoch, and resumes it after it was stopped or killed."""

import os
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import keras

from zoo import backend, digest, distribution
from zoo.checks import check_count, check_share
from zoo.errors import CheckpointError, InvalidInputError
from zoo.files import check_output_folder
from zoo.hub.checkpoint_files import (
    FORMAT,
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
    """Saves the whole run after every epoch; `fit` with the same folder resumes from the last one.

    One file holds both networks, the moving average, both optimizers, the random states, the epoch
    and the configuration. It is replaced whole or not at all. A run that is killed at any moment
    and started again ends with the weights of an uninterrupted run, bit for bit, on the same
    backend and device, provided that these compute deterministically (CPUs do; GPUs need the
    backend's deterministic kernels) and that `x` is arrays, whose order follows from the state. On
    another backend the run continues from the same state.

    Of several processes, the first one writes, and all read: the folder must be on a shared disk. A
    run can be resumed by another number of processes.

    Put it last in the list of callbacks: what the others did in an epoch is then part of it.

    Args:
        folder: folder of the checkpoints; created if needed.
        every: int, epochs between two checkpoints. The last epoch always has one.
        keep: int, how many of the latest to keep. The best one is kept as well.
        monitor: name in the epoch's logs that decides which checkpoint is best, or `None`.
        mode: `"min"` or `"max"`, which of its values are better.
        configuration: dict of plain values that a resumed run must share; by default the
            model's own and how it was compiled.
        stateful_callbacks: callbacks to save along with the model; they have `get_state()`, which
            returns plain values, and `set_state(state)`, as `zoo.evaluation.EvaluationCallback`.
            Also accepted as `along`.
        time_fraction: float in (0, 1], the largest fraction of the run time to spend on saving;
            with short epochs, checkpoints are written less often. Also accepted as
            `largest_share`.

    Attributes:
        resumed_from: record of the checkpoint that the run resumed from, or `None`.
        seconds: float, run time so far, over all parts of the run.

    Raises:
        CheckpointError: when training begins, if the folder can't be written to, if its checkpoints
            belong to another configuration (the message names what changed), or if none of them
            can be read; later if one can't be written: earlier ones stay whole.

    Example:

    ```python
    model.compile(average_decay=0.999)
    model.fit(images, epochs=20, callbacks=[zoo.Checkpoint("runs/digits/checkpoints")])
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every: int = 1,
        keep: int = 2,
        monitor: str | None = None,
        mode: str = "min",
        configuration: dict | None = None,
        stateful_callbacks: Iterable[keras.callbacks.Callback] = (),
        time_fraction: float = 1.0,
        *,
        along: Iterable[keras.callbacks.Callback] | None = None,
        largest_share: float | None = None,
    ):
        super().__init__()
        stateful_callbacks = stateful_callbacks if along is None else along
        time_fraction = time_fraction if largest_share is None else largest_share
        check_share("time_fraction", time_fraction)
        check_count("every", every)
        check_count("keep", keep)
        if mode not in MODES:
            raise InvalidInputError(f"`mode` must be 'min' or 'max'. Received: mode={mode!r}")
        self.folder = Path(folder)
        self.every, self.keep, self.time_fraction = every, keep, time_fraction
        self.monitor, self.mode = monitor, mode
        self.configuration = configuration
        self.stateful_callbacks = list(stateful_callbacks)
        self.resumed_from, self.seconds = None, 0.0
        self.last: Path | None = None
        self.best: Path | None = None
        self._best_score = None
        self.begun = False

    # ------------------------------------------------------------------- fit

    def set_model(self, model):
        super().set_model(model)
        self.begun = False  # a list of callbacks sets the model of all before any of them begins

    def on_train_begin(self, logs=None):
        self.begun = True
        # Before anything is restored: a rate lowered during the run is no change of configuration.
        self._configuration = self._configuration_in(FORMAT)
        self.resumed_from, self.seconds = None, 0.0
        self._prepare_folder()
        paths = list_checkpoints(self.folder)
        self._find_best(paths)
        if paths:
            self._resume(paths)
        self._check_epoch()
        self._started = time.perf_counter() - self.seconds
        self._next_save = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        # The first epoch is that of this `fit` only.
        self.model._initial_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        # As exact as the record holds it, so that a run that was resumed says the same.
        self.seconds = round(time.perf_counter() - self._started, 3)
        done = epoch + 1
        last = done == self.params.get("epochs") or self.model.stop_training
        if last or (done % self.every == 0 and time.perf_counter() >= self._next_save):
            began = time.perf_counter()
            self.save(done, logs)
            ended = time.perf_counter()
            self._next_save = ended + (ended - began) * (1.0 / self.time_fraction - 1.0)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None

    # ------------------------------------------------------------------ files

    def save(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the checkpoint of a run after `epoch` epochs.

        Raises:
            CheckpointError: if it can't be written.
        """
        score = self._score(logs)
        record = {
            "epoch": epoch,
            "step": int(self.model.optimizer.iterations),
            "backend": keras.backend.backend(),
            "seconds": self.seconds,
            "rate_scale": self.model.optimizer.rate_scale,
            "monitor": self.monitor,
            "score": score,
            "along": [callback.get_state() for callback in self.stateful_callbacks],
            "configuration": self._configuration,
            "configuration_sha256": digest.of_values(self._configuration),
        }
        path = checkpoint_path(self.folder, epoch)
        if distribution.is_first_process():
            with backend.alone():
                self._write(path, epoch, record)
        self.last = path
        if score is not None and (self.best is None or MODES[self.mode](score, self._best_score)):
            self.best, self._best_score = path, score
        if distribution.is_first_process():
            for old in list_checkpoints(self.folder)[: -self.keep]:
                if old != self.best:
                    old.unlink(missing_ok=True)

    def _write(self, path, epoch, record):
        if not self.folder.is_dir():
            warnings.warn(f"{self.folder} is gone; creating it again", stacklevel=2)
        try:
            write_checkpoint(path, capture_state(self.model), record)
        except OSError as error:
            before = list_checkpoints(self.folder)
            kept = f"{before[-1].name} is whole" if before else "There is no earlier one"
            raise CheckpointError(
                f"The checkpoint of epoch {epoch} can't be written to {self.folder}: "
                f"{error.strerror or error}. {kept}. Free some space, or make the folder "
                "writable, and resume the run (`zoo train ... --resume`)."
            ) from error

    def restore(self, path: str | os.PathLike) -> dict:
        """Restores the model to the state of a checkpoint.

        Args:
            path: the file.

        Returns:
            The checkpoint's record, a dict.

        Raises:
            CheckpointError: if it is damaged, or belongs to another model.
        """
        record, arrays = read_checkpoint(path, describe_state(self.model))
        restore_state(self.model, arrays)
        if self.model.optimizer.rate_scale != record["rate_scale"]:
            self.model.optimizer.rate_scale = record["rate_scale"]
            self.model.make_train_function(force=True)  # a schedule is compiled into it
        return record

    def _check_epoch(self):
        """Raises unless all processes go on from the same epoch."""
        epoch = self.resumed_from["epoch"] if self.resumed_from else 0
        first = keras.Variable(epoch, dtype="int32", trainable=False)
        backend.share([first])
        if int(first) != epoch:
            raise CheckpointError(
                f"All processes must see the same files in {self.folder}: it must be on a disk "
                f"that they share. Received: epoch {epoch} in this process, {int(first)} in the "
                "first one"
            )

    def _prepare_folder(self):
        if not distribution.is_first_process():
            return
        try:
            check_output_folder(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
        except (InvalidInputError, OSError) as error:
            raise CheckpointError(f"No checkpoint can be written: {error}") from error
        remove_partial_checkpoints(self.folder)

    def _resume(self, paths):
        """Restores the newest checkpoint that can be read."""
        for path in reversed(paths):
            try:
                self._check_configuration(path, read_record(path))
                record = self.restore(path)
            except _ConfigurationError:
                raise
            except CheckpointError as error:
                warnings.warn(f"{error}; going back to the previous one", stacklevel=2)
                continue
            for callback, state in zip(self.stateful_callbacks, record["along"], strict=False):
                callback.set_state(state)
            self.resumed_from, self.seconds, self.last = record, record["seconds"], path
            # How Keras' own `BackupAndRestore` tells `fit` where to begin.
            self.model._initial_epoch = record["epoch"]
            return
        raise CheckpointError(
            f"None of the {len(paths)} checkpoints in {self.folder} can be read. Move them away to "
            "start over."
        )

    def _configuration_in(self, checkpoint_format):
        if self.configuration is None:
            return configuration.of_model(self.model, checkpoint_format)
        return configuration.plain(self.configuration, checkpoint_format)

    def _check_configuration(self, path, record):
        now = self._configuration_in(record["format"])
        # In format 1, the record's optimizers are classes of the backend that it was written on.
        before = configuration.portable(record["configuration"])
        changed = configuration.differences(before, now)
        if changed:
            raise _ConfigurationError(
                f"{path} belongs to a run with another configuration: {'; '.join(changed)}. Use "
                "the same settings to resume it, or choose another folder to start over."
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
        """Returns the monitored value of this epoch, `None` if it has none."""
        value = (logs or {}).get(self.monitor) if self.monitor else None
        return None if value is None else float(value)


class _ConfigurationError(CheckpointError):
    """Raised for a sound checkpoint: an older one wouldn't fit either."""
