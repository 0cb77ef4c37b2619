"""Which rows belong together: the zoo beside its native peers, window by window."""

import dataclasses

from benchmarks.record.rows import UNKNOWN_DEVICE, summarize

PEER_FIELDS = ("run", "group", "model", "mode", "data", "backend", "precision", "batch_size")
"""What the zoo's row and a native loop's share if they did the same work in the same rounds."""


def latest(rows):
    """One row a cell: the last by date, and by position among those of one date.

    What failed before its device was known is taken to have run where its run's other rows did,
    of the same backend if there are any: or it would seem to be a cell of another machine.

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
    """The rows, with the device filled in where it is unknown and the run knows but one."""
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


def native_peers(row, rows):
    """The native loops that were interleaved with the zoo's `row` and worked, fastest first."""
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


def interleaved(row, other):
    """Whether windows of the same index ran in one round."""
    return (row.run, row.group) == (other.run, other.group)


def paired_ratios(row, other):
    """Images per second of `row` over those of `other`, one ratio a round that both ran in.

    Whatever else the machine did in a round met both, so it cancels.
    """
    return [x / y for x, y in zip(row.windows, other.windows, strict=False)]


def to_native(row, rows):
    """The zoo's `row` over its fastest native peer: a `summarize` of paired ratios, or None."""
    peers = native_peers(row, rows) if row.ok else []
    return summarize(paired_ratios(row, peers[0])) if peers else None


def steps_beside_fits(rows):
    """Pairs (fit, step) of the zoo's rows that were interleaved and worked."""
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


def label(row):
    """The loop's name within its backend: "zoo fit", "zoo fit, jit off", "native compile"."""
    jit = "" if row.jit in (None, "auto") else f", jit {row.jit}"
    return f"{row.implementation} {row.variant}{jit}"
