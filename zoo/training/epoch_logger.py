"""The base of what shows a run's epochs elsewhere while it trains."""

import os
from pathlib import Path
from typing import Any

import keras

from zoo import distribution
from zoo.training import configuration
from zoo.training.history import HistoryFile, read_history
from zoo.training.sample_grids import SampleGrids, grid_path


class EpochLogger(keras.callbacks.Callback):
    """Base of the loggers: copies what a run's folder has of its epochs to another place.

    The folder's `history.csv` and `samples/` are what counts: training begins with a copy of all
    that they have of the epochs before, so that a run that was killed and resumed, on whichever
    backend, has each epoch once, and a run can be logged from a later epoch on.

    Args:
        folder: folder for `history.csv` and `samples/`, and for the logger's own files.
        images: real images, uint8 array of shape `(N, H, W, C)`, for the samples of a model that
            restores.
        configuration: dict of plain values; by default the model's own and how it was compiled.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        images: Any = None,
        configuration: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.folder = Path(folder)
        self.configuration = configuration
        # They act when this one does. `zoo.train` has its own.
        self.writers: list = [
            SampleGrids(self.folder / "samples", images),
            HistoryFile(self.folder / "history.csv"),
        ]
        self._begun = False

    def set_model(self, model):
        super().set_model(model)
        for writer in self.writers:
            writer.set_model(model)

    def on_train_begin(self, logs=None):
        self.close()  # what an interrupted `fit` left
        self._begun = False
        for writer in self.writers:
            writer.on_train_begin(logs)

    def on_epoch_begin(self, epoch, logs=None):
        for writer in self.writers:
            writer.on_epoch_begin(epoch, logs)
        if self._begun or not distribution.is_first_process():
            return
        self._begun = True
        rows = read_history(self.folder / "history.csv", epoch)
        shown = self.configuration
        self.open(configuration.of_model(self.model) if shown is None else shown, bool(rows))
        for row in rows:
            self._copy(int(row.pop("epoch")), row)

    def on_epoch_end(self, epoch, logs=None):
        for writer in self.writers:
            writer.on_epoch_end(epoch, logs)
        if distribution.is_first_process():
            self._copy(epoch + 1, logs or {})

    def on_train_end(self, logs=None):
        self.close()

    def _copy(self, epoch, figures):
        picture = grid_path(self.folder / "samples", epoch)
        figures = {name: float(value) for name, value in figures.items()}
        self.log(epoch, figures, picture if picture.is_file() else None)

    def open(self, shown: dict[str, Any], resumed: bool) -> None:
        """Begins to log, after `fit` has found out which epoch is the first."""
        raise NotImplementedError

    def log(self, epoch: int, figures: dict[str, float], picture: Path | None) -> None:
        """Logs an epoch, counted from 1, and the PNG of its samples."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends what `open` began, if anything."""
