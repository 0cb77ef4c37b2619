"""Description of the machine behind the figures, and of the software on it."""

from collections.abc import Iterable

from benchmarks.record.rows import Row, summarize
from benchmarks.report.markdown import heading, paragraph, table
from benchmarks.report.numbers import NONE, figure


def is_gpu(rows: list[Row]) -> bool:
    """Returns whether the rows of one device are from a GPU: it has memory of its own."""
    kinds = {row.memory_kind for row in rows} - {None}
    if kinds:
        return "device" in kinds
    return any(row.copy_gb_per_second is not None for row in rows)


def sentence(rows: list[Row]) -> str:
    """Returns a sentence that says what kind of processor all figures are from."""
    device = rows[0].device
    if not any(row.ok for row in rows):
        return f"No figure was measured here: all cells failed ({device})."
    if is_gpu(rows):
        return f"All these figures are from a GPU: {device}."
    cores = listed(row.cores for row in rows)
    names = listed(row.processor for row in rows)
    device = device if names == NONE else names
    processor = f"{device}, {cores} cores" if cores != NONE else device
    return f"All these figures are from a CPU ({processor}), none from a GPU."


def environment(rows: list[Row]) -> list[str]:
    """Returns the blocks that describe the environment of the rows of one device."""
    lines = [
        ("device", rows[0].device),
        ("driver", listed(row.driver for row in rows)),
        ("processor", listed(row.processor for row in rows)),
        ("CPU cores", listed(row.cores for row in rows)),
        *((name, listed(row.versions.get(name) for row in rows)) for name in ("python", "numpy")),
        ("Keras", listed(row.versions.get("keras") for row in rows)),
    ]
    for backend in _ordered(row.backend for row in rows):
        mine = [row for row in rows if row.backend == backend]
        lines.append((backend, listed(row.versions.get("backend") for row in mine)))
    lines += [
        ("TF32 in float32 products", _tf32(rows)),
        *_rates(rows),
        ("copies within the device's memory", _copies(rows)),
        ("commit", listed(row.commit for row in rows)),
        ("date", listed(row.date for row in rows)),
        ("run", listed(row.run for row in rows)),
    ]
    return [
        heading("Environment", 3),
        paragraph(sentence(rows)),
        table(("what", "value"), lines, texts=2),
    ]


def listed(values: Iterable) -> str:
    """Returns the distinct known values, in order of first appearance, as one text."""
    known = [str(value) for value in values if value is not None]
    return ", ".join(dict.fromkeys(known)) or NONE


def _ordered(values):
    return sorted(set(values))


def _tf32(rows):
    states = {}
    for row in rows:
        if row.tf32 is not None and row.precision == "float32":
            states.setdefault("on" if row.tf32 else "off", []).append(row.backend)
    texts = [f"{state} ({listed(_ordered(names))})" for state, names in sorted(states.items())]
    return "; ".join(texts) or "does not apply"


def _rates(rows):
    """Yields a line per precision: the rate of a large matrix product on each backend."""
    for precision in _ordered(row.precision for row in rows):
        texts = []
        for backend in _ordered(row.backend for row in rows):
            rates = [
                row.matmul_tflops
                for row in rows
                if (row.backend, row.precision) == (backend, precision)
                and row.matmul_tflops is not None
            ]
            if rates:
                texts.append(f"{backend} {figure(summarize(rates)['median'])} TFLOP/s")
        if texts:
            yield f"matrix product, {precision}", ", ".join(texts)


def _copies(rows):
    rates = [row.copy_gb_per_second for row in rows if row.copy_gb_per_second is not None]
    return f"{figure(summarize(rates)['median'])} GB/s" if rates else NONE
