"""Measuring groups of cells one after the other, and keeping their rows."""

import contextlib
import dataclasses
import uuid

from benchmarks.measure import environment
from benchmarks.measure.result_file import ResultFile, make_row
from benchmarks.measure.runner import measure_group, measure_machine
from benchmarks.measure.search import largest_batch
from benchmarks.measure.view import RunView

SEARCH_WINDOWS = 3


class Run:
    """One run of the suite: what its rows have in common, and where they go.

    Args:
        settings: `cells.Settings`.
        file: `results.ResultFile`.
        watch: see `runner.measure_group`.
    """

    def __init__(self, settings, file, watch):
        self.settings, self.file, self.watch = settings, file, watch
        self.common = {
            "run": uuid.uuid4().hex[:12],
            "date": environment.now(),
            "commit": environment.commit(),
        }
        self.machines = {}

    def measure(self, group):
        """Measures cells side by side, and returns their rows, which are in the file then."""
        return self._record(measure_group(group, self.settings, self.watch))

    def _record(self, outcomes):
        rows = [make_row(outcome, self.common, self._machine(outcome)) for outcome in outcomes]
        self.file.append(rows)
        return rows

    def search(self, cell):
        """Searches for the largest batch of a cell; each size tried is a row, unless it was one.

        Returns:
            The new rows. A failure that isn't of memory ends the search.
        """
        rows = []
        known = self.file.finished()
        settings = dataclasses.replace(self.settings, windows=SEARCH_WINDOWS)

        def fits(batch_size):
            tried = dataclasses.replace(cell, batch_size=batch_size)
            status = known.get(tried)
            if status is None:
                (outcome,) = measure_group([tried], settings, self.watch)
                outcome.alone = True
                rows.extend(self._record([outcome]))
                status = rows[-1].status
            if status == "failed":
                raise _SearchFailedError
            return status == "ok"

        with contextlib.suppress(_SearchFailedError):
            largest_batch(fits, cell.batch_size)
        return rows

    def _machine(self, outcome):
        cell = outcome.cell
        key = (cell.backend, cell.precision)
        if key not in self.machines:
            self.watch(cell, "matrix products", outcome)
            self.machines[key] = measure_machine(cell, self.settings)
        return self.machines[key]


class _SearchFailedError(Exception):
    pass


def run(groups, settings, out, largest=False):
    """Measures groups of cells and appends their rows to a file.

    Args:
        groups: lists of `cells.Cell`; see `cells.make_cells`.
        settings: `cells.Settings`.
        out: `pathlib.Path` of the rows. Cells that it holds are skipped, unless they failed.
        largest: bool, whether to search for the largest batch of each cell, from its own on.

    Returns:
        The new rows.

    Raises:
        ValueError: if the file holds something else than rows, or was made with other settings.
    """
    file = ResultFile(out)
    _check_settings(file.rows, settings, out)
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


def _check_settings(rows, settings, out):
    """Rows with and without TF32 in one file would look alike where only one is expected."""
    found = {row.tf32 for row in rows} - {None, settings.tf32}
    if found:
        raise ValueError(
            f"Expected a file measured with {_flag(settings.tf32)}, as asked for. {out} was with "
            f"{_flag(not settings.tf32)}: choose another file."
        )


def _flag(tf32):
    return "--tf32" if tf32 else "--no-tf32"
