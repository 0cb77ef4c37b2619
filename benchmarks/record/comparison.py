"""Two runs of the suite, compared cell by cell: what became faster, slower or broken."""

import os
from dataclasses import dataclass

from benchmarks.record.bootstrap import ratio_interval
from benchmarks.record.pairs import latest, native_peers, paired_ratios
from benchmarks.record.rows import Row, RowError, read_rows, summarize

TOLERANCE = 0.05


@dataclass(frozen=True)
class Change:
    """One figure of a cell in both runs."""

    a: float
    b: float
    interval: tuple[float, float] | None
    """(low, high) of b / a by `ratio_interval`; None with too few windows."""

    @classmethod
    def between(cls, a: list[float], b: list[float]) -> "Change":
        """Returns the change between two lists of one figure per window."""
        medians = [summarize(values)["median"] for values in (a, b)]
        return cls(*medians, ratio_interval(a, b))

    @property
    def ratio(self) -> float:
        """B / A."""
        return self.b / self.a

    @property
    def verdict(self) -> str:
        """ "slower" or "faster" only if the whole interval is on one side of 1."""
        if self.interval is None:
            return "too few windows"
        low, high = self.interval
        return "slower" if high < 1 else "faster" if low > 1 else "within noise"


@dataclass(frozen=True)
class ComparedCell:
    """A cell that both runs hold."""

    a: Row
    b: Row
    absolute: Change | None = None
    """Change of the images per second; None if the cell failed in either run."""
    relative: Change | None = None
    """Change of the ratio to a native peer, for the zoo's cells with the same peer in both runs."""
    judged: Change | None = None
    """Whichever of the two decides; None for a cell that isn't judged by its speed."""

    @property
    def verdict(self) -> str:
        """What became of the cell, in a word or two."""
        if self.a.ok and not self.b.ok:
            return "broken"
        if not self.a.ok:
            return "repaired" if self.b.ok else "failed in both"
        return self.judged.verdict if self.judged else "not judged"

    def is_regression(self, tolerance: float) -> bool:
        """Returns whether it is broken, or slower beyond the noise and by more than `tolerance`."""
        if self.verdict == "slower":
            return self.judged.ratio < 1 - tolerance
        return self.verdict == "broken"


@dataclass(frozen=True)
class Comparison:
    """Two result files, compared."""

    cells: list[ComparedCell]
    """Cells in both files, in A's order."""
    only_in_a: list[Row]
    only_in_b: list[Row]
    warnings: list[str]
    """Sentences on what makes the comparison doubtful."""
    tolerance: float

    @property
    def regressions(self) -> list[ComparedCell]:
        """Cells that are broken, or slower beyond noise and tolerance."""
        return [cell for cell in self.cells if cell.is_regression(self.tolerance)]


def compare(
    a: str | os.PathLike,
    b: str | os.PathLike,
    tolerance: float = TOLERANCE,
    relative: bool = False,
) -> Comparison:
    """Compares two result files, cell by cell.

    A cell's ratio B / A is that of the medians of its windows; its noise band is the 95% interval
    of `ratio_interval`, from the windows of both runs. A cell is slower (or faster) if the whole
    band is below (or above) 1. The band does not cover a machine's drift from one day to another.
    That drift affects the native loops that ran interleaved with the zoo as well, so the zoo's
    ratio to them, window by window, is compared too.

    Args:
        a: path of the result file from before.
        b: path of the result file from after.
        tolerance: float in [0, 1); a cell that is slower by no more than this share is no
            regression.
        relative: bool, whether the ratio to the native peer decides instead of images per second.
            The zoo's cells without a common peer are still judged by their images per second;
            native loops are not judged.

    Raises:
        RowError: if a file can't be read, or the files have no cell in common.
        ValueError: if `tolerance` is out of range.
    """
    if not 0 <= tolerance < 1:
        raise ValueError(
            f"`tolerance` must be at least 0 and less than 1. Received: tolerance={tolerance}"
        )
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
        cells=[_compare_cell(rows_a[key], rows_b[key], *lists, relative) for key in common],
        only_in_a=[row for key, row in rows_a.items() if key not in rows_b],
        only_in_b=[row for key, row in rows_b.items() if key not in rows_a],
        warnings=warnings,
        tolerance=tolerance,
    )


def _compare_cell(a, b, rows_a, rows_b, relative):
    if not (a.ok and b.ok):
        return ComparedCell(a, b)
    absolute = Change.between(a.windows, b.windows)
    peers = _common_peer(a, b, rows_a, rows_b)
    change = None
    if peers:
        ratios = [paired_ratios(row, peer) for row, peer in zip((a, b), peers, strict=True)]
        change = Change.between(*ratios)
    judged = absolute
    if relative and a.implementation == "native":
        judged = None
    elif relative and change:
        judged = change
    return ComparedCell(a, b, absolute, change, judged)


def _common_peer(a, b, rows_a, rows_b):
    """The native loop that was the fastest in A of those in both runs: (row, row), or None."""
    others = {peer.variant: peer for peer in native_peers(b, rows_b)}
    for peer in native_peers(a, rows_a):
        if peer.variant in others:
            return peer, others[peer.variant]
    return None


def _listed(devices):
    return ", ".join(sorted(devices)) or "no device"
