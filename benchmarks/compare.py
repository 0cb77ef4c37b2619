"""`python -m benchmarks compare A B`: what became faster, slower or broken."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.record.pairs import label, latest
from benchmarks.record.rows import RowError, read_rows
from benchmarks.report.document import one_line
from benchmarks.report.numbers import NONE, figure
from zoo.errors import ZooError

TOLERANCE = 0.05
NARROWEST = 170  # letters; a pipe has no width of its own, and 80 would break every line
COLORS = {"slower": "yellow", "faster": "green", "repaired": "green", "broken": "red"}


@dataclass(frozen=True)
class Comparison:
    cells: list
    """`benchmarks.record.comparison.Cell` of each cell in both files, in A's order."""
    only_in_a: list
    """Rows of cells that B doesn't hold."""
    only_in_b: list
    warnings: list
    """Sentences on what makes the comparison doubtful."""
    tolerance: float

    @property
    def regressions(self):
        """The cells that are broken, or slower beyond noise and tolerance."""
        return [cell for cell in self.cells if cell.is_regression(self.tolerance)]


def compare(a, b, tolerance=TOLERANCE, relative=False):
    """Compares two result files, cell by cell.

    A cell's ratio B / A is that of the medians of its windows; its noise band is the 95% interval
    of `benchmarks.record.bootstrap.ratio_interval`, from the windows of both runs. It is slower (or
    faster) if the whole band is below (or above) 1. The band doesn't know that a machine drifts
    from one day to another. What drifts meets the native loops that were interleaved with the zoo
    as well, so the zoo's ratio to them, window by window, is compared too.

    Args:
        a, b: paths of result files, before and after.
        tolerance: float in [0, 1); a cell that is slower by no more than this share is no
            regression.
        relative: bool, whether the ratio to the native peer decides instead of images per second.

    Returns:
        `Comparison`.

    Raises:
        RowError: if a file can't be read, or the files have no cell in common.
        ValueError: if `tolerance` is out of range.
    """
    from benchmarks.record.comparison import cell

    if not 0 <= tolerance < 1:
        raise ValueError(f"Expected a tolerance from 0 to less than 1. Received: {tolerance}")
    rows_a, rows_b = (latest(read_rows(path)) for path in (a, b))
    common = [key for key in rows_a if key in rows_b]
    devices_a, devices_b = ({row.device for row in rows.values()} for rows in (rows_a, rows_b))
    if not common:
        raise RowError(
            f"Expected files with cells in common. Received: {len(rows_a)} cells in {a} on "
            f"{_listed(devices_a)}, {len(rows_b)} in {b} on {_listed(devices_b)}, none in both; "
            "measure both with the same options on the same machine"
        )
    warnings = []
    if devices_a != devices_b:
        warnings.append(
            f"The files are from different devices: {_listed(devices_a)} in A, "
            f"{_listed(devices_b)} in B. Only cells of the same device are compared."
        )
    lists = list(rows_a.values()), list(rows_b.values())
    return Comparison(
        cells=[cell(rows_a[key], rows_b[key], *lists, relative=relative) for key in common],
        only_in_a=[row for key, row in rows_a.items() if key not in rows_b],
        only_in_b=[row for key, row in rows_b.items() if key not in rows_a],
        warnings=warnings,
        tolerance=tolerance,
    )


def _listed(devices):
    return ", ".join(sorted(devices)) or "no device"


def make_table(comparison, title):
    """The cells in both files as a `rich` table."""
    table = Table(title=escape(one_line(title)))
    table.add_column("cell", overflow="fold")
    for column in ("A", "B", "B / A [95%]", "zoo / native: A", "B", "B / A [95%]"):
        table.add_column(escape(column), justify="right")
    table.add_column("verdict")
    for cell in comparison.cells:
        absolute, relative = cell.absolute, cell.relative
        verdict = cell.verdict
        if cell.is_regression(comparison.tolerance):
            text = f"[bold red]{verdict}: regression[/]"
        else:
            color = COLORS.get(verdict)
            text = f"[{color}]{verdict}[/]" if color else verdict
        table.add_row(
            escape(_name(cell.a)),
            *((figure(absolute.a), figure(absolute.b)) if absolute else _statuses(cell)),
            escape(_ratio(absolute)),
            *((f"{relative.a:.3f}", f"{relative.b:.3f}") if relative else (NONE, NONE)),
            escape(_ratio(relative)),
            text,
        )
    return table


def _statuses(cell):
    """Images per second of a cell that failed in a run: its status there."""
    return [
        figure(row.median) if row.ok else row.status.replace("_", " ") for row in (cell.a, cell.b)
    ]


def _ratio(change):
    if change is None:
        return NONE
    band = "[?]" if change.interval is None else "[{:.3f}, {:.3f}]".format(*change.interval)
    return f"{change.ratio:.3f} {band}"


def _name(row):
    parts = (row.model, row.mode, row.data, row.backend, label(row), row.precision)
    return one_line(f"{' '.join(parts)} {row.batch_size}")


def compare_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="Result file of before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Result file of after.")],
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Slower by no more than this is no regression."),
    ] = TOLERANCE,
    relative: Annotated[
        bool,
        typer.Option(
            "--relative",
            help="Judge the ratio to the interleaved native loop: a machine's drift cancels.",
        ),
    ] = False,
):
    """Compare two result files, cell by cell.

    Exit status 1 if a cell of B is broken, or slower beyond noise and tolerance; 2 if a file
    isn't what was expected.
    """
    try:
        comparison = compare(a, b, tolerance, relative)
    except (ZooError, ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for warning in comparison.warnings:
        typer.echo(f"warning: {warning}", err=True)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NARROWEST)
    judged = "the ratio to the native peer" if relative else "images/s"
    console.print(make_table(comparison, f"A = {a}, B = {b}, judged by {judged}"))
    for name, rows in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if rows:
            console.print(f"Only in {name}:")
        for row in rows:
            console.print(f"  {escape(_name(row))} on {escape(one_line(row.device))}")
    for cell in comparison.cells:
        if cell.verdict == "broken":
            console.print(escape(f"{_name(cell.b)}: {one_line(cell.b.error)}"))
    console.print(
        f"{len(comparison.cells)} cells compared, regressions: {len(comparison.regressions)}"
    )
    if comparison.regressions:
        raise typer.Exit(1)
