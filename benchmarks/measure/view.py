"""Display of a run: the current cell, progress and speed, and a table at the end."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.measure.result_file import cell_of
from benchmarks.record import host_time
from benchmarks.record.rows import Row


class RunView:
    """A bar in a terminal, a line per cell elsewhere. A context manager.

    Args:
        groups: int, number of groups to measure.
        stream: where to write; standard error by default.
    """

    def __init__(self, groups, stream=None):
        self.console = Console(file=stream or sys.stderr, markup=False, highlight=False)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total} groups"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.progress.add_task("starting", total=groups)

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *exception):
        self.progress.stop()

    def watch(self, cell, stage, outcome):
        """Shows the stage of a cell; see `runner.measure_group`."""
        speeds = outcome.images_per_second
        speed = f", {speeds[-1]:,.0f} images/s" if speeds else ""
        text = f"{_group_text(cell)}: {cell.label}, {stage.replace('_', ' ')}{speed}"
        self.progress.update(self.task, description=text)

    def group_done(self, rows):
        """Shows the results of a group."""
        for row in rows:
            self.console.print(_summary(row), soft_wrap=True)
        self.progress.advance(self.task)


def make_table(rows: list[Row]) -> Table:
    """Returns result rows as a `rich` table."""
    table = Table(title="images/s: median, and the range of 80% of the windows")
    columns = ("model", "mode", "precision", "batch", "cell")
    numbers = ("images/s", "10% .. 90%", "ms/step", "first call", "memory", "of matmul")
    for column in columns:
        table.add_column(column, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        where = [row.model, row.mode, row.precision, str(row.batch_size), _label(row)]
        if row.status != "ok":
            table.add_row(*where, row.status.replace("_", " "))
            continue
        speed = row.images_per_second
        share = row.share_of_matmul
        table.add_row(
            *where,
            f"{speed['median']:,.0f}",
            f"{speed['p10']:,.0f} .. {speed['p90']:,.0f}",
            f"{row.ms_per_step:.2f}",
            f"{row.first_call_seconds:.1f} s",
            f"{row.peak_memory_bytes / 2**20:,.0f} MiB",
            "" if share is None else f"{share:.1%}",
        )
    return table


def make_host_table(rows: list[Row]) -> Table:
    """Returns rows on the host's time as a `rich` table."""
    table = Table(title="the host's time per step, and the images/s that it alone allows")
    for column in ("model", "precision", "cell"):
        table.add_column(column, overflow="fold")
    batches = (f"at batch {size:,}" for size in host_time.BATCH_SIZES)
    for column in ("ms/step", "10% .. 90%", "over native", *batches):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        where = [row.model, row.precision, _label(row)]
        if row.status != "ok":
            table.add_row(*where, row.status.replace("_", " "))
            continue
        time = host_time.milliseconds(row)
        ratios = host_time.over_native(row, rows)
        table.add_row(
            *where,
            f"{time['median']:.3f}",
            f"{time['p10']:.3f} .. {time['p90']:.3f}",
            ", ".join(f"{value:.2f} {variant}" for variant, value in ratios.items()),
            *(f"{speed:,.0f}" for speed in host_time.allowed(row)),
        )
    return table


def _summary(row):
    where = f"{row.model} {row.mode} {row.precision} {row.batch_size}: {_label(row)}"
    if row.status != "ok":
        return f"{where}: {row.status.replace('_', ' ')}. {row.error}"
    if host_time.is_host_time(row):
        return f"{where}: {row.ms_per_step:.3f} ms/step"
    return f"{where}: {row.images_per_second['median']:,.0f} images/s"


def _group_text(cell):
    return " ".join(map(str, cell.group))


def _label(row):
    return cell_of(row).label
