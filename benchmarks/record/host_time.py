"""What rows of the mode "overhead" say: the host's time per step, and the speed that it allows.

A device computes while the host prepares the next step, so that training can't be faster than the
host, however fast the device is. Narrow networks of the same depth take the host as long as wide
ones. Their own arithmetic is counted in, which makes the time an upper bound.
"""

from collections.abc import Iterable

from benchmarks.record.pairs import native_peers, paired_ratios
from benchmarks.record.rows import Row, summarize

BATCH_SIZES = (64, 256, 1024)
"""Images per step for which the speed that the host allows is shown."""


def is_host_time(row: Row) -> bool:
    """Returns whether a row is about the host's time."""
    return row.mode == "overhead"


def milliseconds(row: Row) -> dict[str, float]:
    """Returns a `summarize` of the milliseconds per step."""
    return summarize([1e3 * row.batch_size / speed for speed in row.windows])


def allowed(row: Row) -> list[float]:
    """Returns the images per second that the host alone allows at each of `BATCH_SIZES`."""
    return [1e3 * batch_size / milliseconds(row)["median"] for batch_size in BATCH_SIZES]


def over_native(row: Row, rows: Iterable[Row]) -> dict[str, float]:
    """Returns the zoo's time over that of each native loop beside it, medians of paired windows.

    Args:
        row: a row that worked.
        rows: rows among which the native loops are.

    Returns:
        A dictionary from a native variant to a ratio, the fastest first; empty for a native row.
    """
    return {
        peer.variant: summarize(paired_ratios(peer, row))["median"]
        for peer in native_peers(row, rows)
    }
