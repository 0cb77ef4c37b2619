"""Runs: groups of cells are measured one after the other, and their rows are kept."""

import contextlib
import dataclasses
import datetime
import os
import uuid
from pathlib import Path

from benchmarks.measure.cells import Cell, Settings
from benchmarks.measure.processes import CellProcess
from benchmarks.measure.result_file import ResultFile, make_row
from benchmarks.measure.runner import measure_group, measure_machine
from benchmarks.measure.search import largest_batch
from benchmarks.measure.view import RunView
from benchmarks.record.rows import Row
from zoo.training import provenance

SEARCH_WINDOWS = 3
COMMIT_VARIABLE = "ZOO_BENCHMARKS_COMMIT"
"""Names the commit of a copy of the sources that is no checkout."""


class Run:
    """A run of the suite: what its rows have in common, and the file they go to.

    Args:
        settings: `cells.Settings`.
        file: `results.ResultFile`.
        watch, start: see `runner.measure_group`.
    """

    def __init__(self, settings, file, watch, start=CellProcess):
        self.settings, self.file, self.watch, self.start = settings, file, watch, start
        self.common = {
            "run": uuid.uuid4().hex[:12],
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": provenance.commit() or os.environ.get(COMMIT_VARIABLE),
        }
        self.machines = {}

    def measure(self, group):
        """Measures cells side by side, writes their rows to the file and returns them."""
        return self._record(measure_group(group, self.settings, self.watch, self.start))

    def _record(self, outcomes):
        rows = [make_row(outcome, self.common, self._machine(outcome)) for outcome in outcomes]
        self.file.append(rows)
        return rows

    def search(self, cell):
        """Searches for the largest batch of a cell and returns the new rows.

        Each size that is tried and isn't in the file becomes a row. A failure other than a lack
        of memory ends the search.
        """
        rows = []
        known = self.file.finished()
        settings = dataclasses.replace(self.settings, windows=SEARCH_WINDOWS)

        def fits(batch_size):
            tried = dataclasses.replace(cell, batch_size=batch_size)
            status = known.get(tried)
            if status is None:
                (outcome,) = measure_group([tried], settings, self.watch, self.start)
                outcome.alone = True
                rows.extend(self._record([outcome]))
                status = rows[-1].status
            if status == "failed":
                raise _SearchFailedError
            return status == "ok"

        with contextlib.suppress(_SearchFailedError):
            largest_batch(fits, cell.batch_size, self.settings.largest_batch)
        return rows

    def _machine(self, outcome):
        cell = outcome.cell
        key = (cell.backend, cell.precision)
        if key not in self.machines:
            self.watch(cell, "matrix products", outcome)
            self.machines[key] = measure_machine(cell, self.settings, self.start)
        return self.machines[key]


class _SearchFailedError(Exception):
    pass


def run(
    groups: list[list[Cell]], settings: Settings, out: Path, largest: bool = False
) -> list[Row]:
    """Measures groups of cells and appends their rows to a file.

    Args:
        groups: see `cells.make_cells`.
        settings: `cells.Settings`.
        out: file of the rows. Cells that it holds already are skipped, unless they failed.
        largest: whether to search for the largest batch of each cell, starting at its own.

    Returns:
        The new rows.

    Raises:
        ValueError: if the file holds anything but rows, or was made with other settings; an
            `OwnModelError` if somebody's own model can't be timed.
    """
    file = ResultFile(out)
    check_settings(file.rows, settings, out)
    finished = file.finished()
    file.forget_failed({cell for group in groups for cell in group})
    if largest:
        pending = [[cell] for group in groups for cell in group]
    else:
        pending = [[cell for cell in group if cell not in finished] for group in groups]
        pending = [group for group in pending if group]
    rows = []
    with RunView(len(pending)) as view:
        measuring = Run(settings, file, view.watch)
        for group in pending:
            new = measuring.search(*group) if largest else measuring.measure(group)
            view.group_done(new)
            rows += new
    return rows


def check_settings(rows, settings, out):
    """Refuses to mix rows with and without TF32, which would be taken for the same cells."""
    flags = {True: "--tf32", False: "--no-tf32"}
    found = {row.tf32 for row in rows} - {None, settings.tf32}
    if found:
        raise ValueError(
            f"The rows in {out} were measured with {flags[not settings.tf32]}, and this run is "
            f"with {flags[settings.tf32]}: choose another file."
        )
