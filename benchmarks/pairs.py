"""Which rows belong together: the zoo beside its native peers, window by window."""

from benchmarks.rows import summarize

PEER_FIELDS = ("run", "group", "model", "mode", "data", "backend", "precision", "batch_size")
"""What the zoo's row and a native loop's share if they did the same work in the same rounds."""


def latest(rows):
    """One row a cell: the last by date, and by position among those of one date.

    Returns:
        A dictionary from `Row.cell` to the row, in order of first appearance.
    """
    cells = {}
    for row in rows:
        known = cells.get(row.cell)
        if known is None or row.date >= known.date:
            cells[row.cell] = row
    return cells


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
