"""Writes what `fit` measured into a CSV file, one row for each epoch."""

import csv
import io
from pathlib import Path

import keras

from zoo import distribution
from zoo.files import replacing


class HistoryFile(keras.callbacks.Callback):
    """Writes the logs of every epoch: a column `epoch`, from 1, and one for each name in the logs.

    The file is replaced whole after each epoch, by the first of several processes. A run that
    resumes keeps the rows of the epochs before, and no others: epochs that are done again are there
    once.

    Put it behind callbacks whose figures belong into the file, and ahead of `zoo.Checkpoint`, so
    that no epoch counts as done without its row.

    Args:
        path: Path of the file.
    """

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)
        self.rows = []

    def on_train_begin(self, logs=None):
        self.rows = None  # which of them stay is known when the first epoch begins

    def on_epoch_begin(self, epoch, logs=None):
        if self.rows is None:
            self.rows = read_history(self.path, epoch)

    def on_epoch_end(self, epoch, logs=None):
        figures = {name: repr(float(value)) for name, value in (logs or {}).items()}
        self.rows.append({"epoch": str(epoch + 1), **figures})
        # A score that isn't measured in every epoch has a column all the same.
        columns = dict.fromkeys(name for row in self.rows for name in row)
        if not distribution.is_first_process():
            return
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(columns), restval="")
        table.writeheader()
        table.writerows(self.rows)
        with replacing(self.path) as temporary:
            temporary.write_bytes(text.getvalue().encode())


def read_history(path, epochs):
    """Returns what a `HistoryFile` has of the first epochs.

    Args:
        path: Path of the file; there need not be one.
        epochs: int, how many.

    Returns:
        list of dicts of str: `epoch`, and the figures of each row.
    """
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row.get("epoch") or "").isdigit()]
    rows = [row for row in rows if int(row["epoch"]) <= epochs]
    return [{name: value for name, value in row.items() if name and value} for row in rows]
