"""Pairs of rows that belong together: the zoo and its native peers, window by window."""

import dataclasses
from collections.abc import Iterable

from benchmarks.record.rows import UNKNOWN_DEVICE, Row, summarize

PEER_FIELDS = ("run", "group", "model", "mode", "data", "backend", "precision", "batch_size")
"""Fields in which rows of the zoo and of a native loop agree if they did the same work together."""


def latest(rows: Iterable[Row]) -> dict[tuple, Row]:
    """Returns one row per cell: the last by date, and by position among those of one date.

    A row that failed before its device was known counts as one of the device of its run (of its
    backend there, if known); otherwise it would look like a cell of another machine.

    Returns:
        A dictionary from `Row.cell` to the row, in order of first appearance.
    """
    cells = {}
    for row in _placed(rows):
        known = cells.get(row.cell)
        if known is None or row.date >= known.date:
            cells[row.cell] = row
    return cells


def _placed(rows):
    """Yields the rows, with an unknown device filled in if the run's other rows name only one."""
    devices = {}
    for row in rows:
        if row.device != UNKNOWN_DEVICE:
            for place in (row.run, (row.run, row.backend)):
                devices.setdefault(place, set()).add(row.device)
    for row in rows:
        if row.device == UNKNOWN_DEVICE:
            known = devices.get((row.run, row.backend)) or devices.get(row.run, ())
            if len(known) == 1:
                row = dataclasses.replace(row, device=min(known))
        yield row


def native_peers(row: Row, rows: Iterable[Row]) -> list[Row]:
    """Returns the native loops that ran interleaved with the zoo's `row`, fastest first."""
    if row.implementation != "zoo":
        return []
    peers = [
        other
        for other in rows
        if other.implementation == "native"
        and other.ok
        and other.device == row.device
        and all(getattr(other, field) == getattr(row, field) for field in PEER_FIELDS)
    ]
    return sorted(peers, key=lambda peer: -peer.median)


def interleaved(row: Row, other: Row) -> bool:
    """Returns whether windows of the same index ran in one round."""
    return (row.run, row.group) == (other.run, other.group)


def paired_ratios(row: Row, other: Row) -> list[float]:
    """Returns images per second of `row` over those of `other`, one ratio per round of both.

    Whatever else the machine did in a round slowed both down, so it cancels.
    """
    return [x / y for x, y in zip(row.windows, other.windows, strict=False)]


def to_native(row: Row, rows: Iterable[Row]) -> dict[str, float] | None:
    """Returns a `summarize` of the zoo's `row` over its fastest native peer, None without one."""
    peers = native_peers(row, rows) if row.ok else []
    return summarize(paired_ratios(row, peers[0])) if peers else None


def steps_beside_fits(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Returns pairs (fit, step) of the zoo's rows that ran interleaved and worked."""
    fields = [field for field in PEER_FIELDS if field != "data"] + ["device", "jit"]
    zoo = [row for row in rows if row.ok and row.implementation == "zoo"]
    return [
        (fit, step)
        for fit in zoo
        if (fit.variant, fit.data) == ("fit", "numpy")
        for step in zoo
        if (step.variant, step.data) == ("step", "device")
        and all(getattr(fit, field) == getattr(step, field) for field in fields)
    ]


def label(row: Row) -> str:
    """Returns a loop's name within its backend: "zoo fit", "zoo fit, jit off", "native compile"."""
    jit = "" if row.jit in (None, "auto") else f", jit {row.jit}"
    return f"{row.implementation} {row.variant}{jit}"
