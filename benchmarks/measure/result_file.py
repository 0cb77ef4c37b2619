"""Rows made from measurements, and the file that a run continues."""

import dataclasses
import os
import platform
from collections.abc import Container
from pathlib import Path

from benchmarks.measure.cells import Cell
from benchmarks.measure.runner import Outcome
from benchmarks.record.rows import SCHEMA, UNKNOWN_DEVICE, Row, append_row, read_rows, summarize
from zoo.files import replacing
from zoo.training import provenance

CELL_FIELDS = tuple(field.name for field in dataclasses.fields(Cell))


def make_row(outcome: Outcome, run: dict, machine: dict) -> Row:
    """Returns the row of a cell.

    Args:
        outcome: `runner.Outcome`.
        run: fields that all rows of a run share: `run`, `date`, `commit`.
        machine: result of `runner.measure_machine`.
    """
    cell, facts = outcome.cell, outcome.facts
    speeds = outcome.images_per_second
    summary = summarize(speeds) if speeds else None
    gflop, matmul = facts.get("gflop_per_image"), machine.get("matmul_tflops")
    achieved = gflop * summary["median"] / 1e3 if gflop and summary else None
    traffic, copies = facts.get("gb_per_step"), machine.get("copy_gb_per_second")
    moved = traffic * summary["median"] / cell.batch_size if traffic and summary else None
    group = "/".join(map(str, (run["run"], *cell.group)))
    names = ("tf32", "steps_per_window", "first_call_seconds", "warm_up_seconds")
    names += ("clock", "peak_memory_bytes", "memory_kind", "parameters", "gflop_per_image")
    names += ("gb_per_step",)
    return Row.from_dict(
        {
            "schema": SCHEMA,
            **run,
            **dataclasses.asdict(cell),
            "status": outcome.status,
            "error": outcome.error,
            "windows": speeds,
            # A cell that ran alone shares its rounds with none.
            "group": f"{group}/{cell.label}" if outcome.alone else group,
            "images_per_second": summary,
            "ms_per_step": 1e3 * cell.batch_size / summary["median"] if summary else None,
            "losses": _losses(outcome),
            **{name: facts.get(name) for name in names},
            "achieved_tflops": achieved,
            "matmul_tflops": matmul,
            "share_of_matmul": achieved / matmul if achieved and matmul else None,
            "copy_gb_per_second": copies,
            "share_of_copy": moved / copies if moved and copies else None,
            "device": machine.get("device", UNKNOWN_DEVICE),
            "driver": machine.get("driver"),
            "cores": cores(),
            "processor": processor(),
            "versions": provenance.versions(cell.backend),
        }
    )


def cores() -> int:
    """Returns the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def processor() -> str | None:
    """Returns the processor's name, if the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor()) or None


def _losses(outcome):
    if outcome.cell.mode == "sample" or not outcome.windows:
        return None
    return [list(losses) for _, losses in outcome.windows]


class ResultFile:
    """A file of rows, and the rows appended to it.

    Args:
        path: of the file; created, with its folder, at the first row.

    Raises:
        RowError: if the file holds anything but rows.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.rows = read_rows(self.path) if self.path.exists() else []

    def finished(self) -> dict[Cell, str]:
        """Returns the status of each cell that need not be measured again: all but failed ones."""
        return {cell_of(row): row.status for row in self.rows if row.status != "failed"}

    def forget_failed(self, cells: Container[Cell]) -> None:
        """Drops the rows of failed cells that will be measured again."""
        kept = [row for row in self.rows if row.status != "failed" or cell_of(row) not in cells]
        if len(kept) == len(self.rows):
            return
        with replacing(self.path) as temporary:
            for row in kept:
                append_row(temporary, row)
        self.rows = kept

    def append(self, rows: list[Row]) -> None:
        """Writes rows to the end of the file."""
        for row in rows:
            append_row(self.path, row)
        self.rows += rows


def cell_of(row: Row) -> Cell:
    """Returns the cell of a row."""
    return Cell(**{name: getattr(row, name) for name in CELL_FIELDS})
