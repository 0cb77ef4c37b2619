"""Two runs of the suite, cell by cell: what is faster, slower or broken."""

from dataclasses import dataclass

from benchmarks.record.bootstrap import ratio_interval
from benchmarks.record.pairs import native_peers, paired_ratios
from benchmarks.record.rows import Row, summarize


@dataclass(frozen=True)
class Change:
    """One figure of a cell in both runs."""

    a: float
    b: float
    interval: tuple | None
    """(low, high) of b / a by `ratio_interval`; None with too few windows."""

    @classmethod
    def between(cls, a, b):
        """The change between two lists of one figure per window."""
        medians = [summarize(values)["median"] for values in (a, b)]
        return cls(*medians, ratio_interval(a, b))

    @property
    def ratio(self):
        return self.b / self.a

    @property
    def verdict(self):
        """ "slower" or "faster" only if the whole interval is on one side of 1."""
        if self.interval is None:
            return "too few windows"
        low, high = self.interval
        return "slower" if high < 1 else "faster" if low > 1 else "within noise"


@dataclass(frozen=True)
class Cell:
    """A cell that both runs hold."""

    a: Row
    b: Row
    absolute: Change | None
    """Of the images per second; None if the cell failed in either run."""
    relative: Change | None
    """Of the ratio to a native peer, for the zoo's cells with the same peer in both runs."""
    judged: Change | None
    """The one of both that decides; None for a cell that isn't judged by its speed."""

    @property
    def verdict(self):
        if self.a.ok and not self.b.ok:
            return "broken"
        if not self.a.ok:
            return "repaired" if self.b.ok else "failed in both"
        return self.judged.verdict if self.judged else "not judged"

    def is_regression(self, tolerance):
        """Whether it is broken, or slower beyond both the noise and a share of `tolerance`."""
        if self.verdict == "slower":
            return self.judged.ratio < 1 - tolerance
        return self.verdict == "broken"


def cell(a, b, rows_a, rows_b, relative=False):
    """The rows `a` and `b` of one cell, compared.

    Args:
        a, b: `Row` of each run.
        rows_a, rows_b: all rows of each run, for the native peers.
        relative: bool, whether the ratio to the native peer decides. The zoo's cells without one
            in both runs are judged by their images per second all the same; native cells are not
            judged then.
    """
    if not (a.ok and b.ok):
        return Cell(a, b, None, None, None)
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
    return Cell(a, b, absolute, change, judged)


def _common_peer(a, b, rows_a, rows_b):
    """The native loop that was the fastest in A of those in both runs: (row, row), or None."""
    others = {peer.variant: peer for peer in native_peers(b, rows_b)}
    for peer in native_peers(a, rows_a):
        if peer.variant in others:
            return peer, others[peer.variant]
    return None
