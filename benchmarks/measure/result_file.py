"""From what was measured to rows, and files of rows that a run goes on with."""

import dataclasses
import os
from pathlib import Path

from benchmarks.measure import environment
from benchmarks.measure.cells import Cell
from benchmarks.record.rows import SCHEMA, Row, append_row, read_rows, summarize


def make_row(outcome, run, machine):
    """The `benchmarks.record.rows.Row` of a cell.

    Args:
        outcome: `runner.Outcome`.
        run: dict of what all rows of a run have in common: `run`, `date`, `commit`.
        machine: dict of `runner.measure_machine`.
    """
    cell, facts = outcome.cell, outcome.facts
    speeds = outcome.images_per_second
    summary = summarize(speeds) if speeds else None
    step_seconds = cell.batch_size / summary["median"] if speeds else None
    gflop, matmul = facts.get("gflop_per_image"), machine.get("matmul_tflops")
    achieved = gflop * summary["median"] / 1e3 if speeds else None
    group = "/".join(map(str, (run["run"], *cell.group)))
    return Row(
        schema=SCHEMA,
        **run,
        model=cell.model,
        mode=cell.mode,
        data=cell.data,
        backend=cell.backend,
        implementation=cell.implementation,
        variant=cell.variant,
        jit=cell.jit,
        precision=cell.precision,
        tf32=facts.get("tf32"),
        batch_size=cell.batch_size,
        status=outcome.status,
        error=outcome.error,
        windows=speeds,
        # What ran alone is compared with nothing window by window.
        group=f"{group}/{cell.label}" if outcome.alone else group,
        images_per_second=summary,
        ms_per_step=step_seconds and 1e3 * step_seconds,
        steps_per_window=facts.get("steps_per_window"),
        first_call_seconds=facts.get("first_call_seconds"),
        warm_up_seconds=facts.get("warm_up_seconds"),
        losses=_losses(outcome),
        peak_memory_bytes=facts.get("peak_memory_bytes"),
        memory_kind=facts.get("memory_kind"),
        parameters=facts.get("parameters"),
        gflop_per_image=gflop,
        achieved_tflops=achieved,
        matmul_tflops=matmul,
        share_of_matmul=achieved / matmul if achieved and matmul else None,
        copy_gb_per_second=machine.get("copy_gb_per_second"),
        device=machine.get("device", "unknown"),
        driver=machine.get("driver"),
        cores=environment.cores(),
        versions=environment.versions(cell.backend),
    )


def _losses(outcome):
    if outcome.cell.mode == "sample" or not outcome.windows:
        return None
    return [list(losses) for _, losses in outcome.windows]


class ResultFile:
    """The rows of a file, and more appended to it.

    Args:
        path: of the file; made, with its folder, at the first row.

    Raises:
        RowError: if the file holds something else than rows.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.rows = read_rows(self.path) if self.path.exists() else []

    def finished(self):
        """Cell -> status, of cells that need not be measured again: all but failed ones."""
        return {cell_of(row): row.status for row in self.rows if row.status != "failed"}

    def forget_failed(self, cells):
        """Drops the rows of failed cells that will be measured again."""
        kept = [row for row in self.rows if row.status != "failed" or cell_of(row) not in cells]
        if len(kept) == len(self.rows):
            return
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.unlink(missing_ok=True)
        temporary.touch()
        for row in kept:
            append_row(temporary, row)
        os.replace(temporary, self.path)
        self.rows = kept

    def append(self, rows):
        """Writes rows at the end.

        Args:
            rows: list of `benchmarks.record.rows.Row`.
        """
        for row in rows:
            append_row(self.path, row)
        self.rows += rows


def cell_of(row):
    """The cell that a `benchmarks.record.rows.Row` is of."""
    return Cell(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Cell)})
