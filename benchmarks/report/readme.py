"""The figures in the README, between two comments."""

import os
from pathlib import Path
from urllib.parse import quote

from benchmarks.record.host_time import is_host_time, milliseconds
from benchmarks.record.pairs import label, native_peers, to_native
from benchmarks.record.rows import Row
from benchmarks.report.headline import headlines
from benchmarks.report.machine import sentence
from benchmarks.report.markdown import paragraph, picture, table
from benchmarks.report.numbers import NONE, figure, ratio
from benchmarks.report.tables import BACKENDS, STATUSES, over_native
from zoo.errors import InvalidInputError, ZooError

START = "<!-- benchmarks: python -m benchmarks report -->"
END = "<!-- end of benchmarks -->"


class ReadmeError(ZooError, ValueError):
    """A README that the report can't write into."""


def read(path: str | os.PathLike) -> str:
    """Returns the README's text, with its own line breaks.

    Raises:
        ReadmeError: if it isn't UTF-8, or doesn't hold both comments once, in their order.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ReadmeError(f"Expected a README. Received: {path}, {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ReadmeError(f"Expected a README in UTF-8. Received: {path}, {error}") from error
    counts = text.count(START), text.count(END)
    if counts != (1, 1) or text.index(START) > text.index(END):
        raise ReadmeError(
            f"Expected {path} to hold the line {START} once and, below it, {END} once. "
            f"Received: {counts[0]} and {counts[1]} of them, or in another order; add them where "
            "the figures belong"
        )
    return text


def replaced(text: str, block: str) -> str:
    """Returns `text` with `block` between the two comments, in the text's own line breaks."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{before}{START}{newline}{block.replace(chr(10), newline)}{END}{after}"


def link(target: str | os.PathLike, readme: str | os.PathLike) -> str:
    """Returns `target` as a link that works in the README.

    Raises:
        InvalidInputError: if there is no relative path, as between two drives of Windows.
    """
    folder = os.path.realpath(Path(readme).parent)
    try:
        relative = os.path.relpath(os.path.realpath(target), folder)
    except ValueError as error:
        raise InvalidInputError(
            f"Expected the report on the README's drive. Received: {target}, {readme}"
        ) from error
    return quote(Path(relative).as_posix())


def blocks(rows: list[Row], chart: str | None) -> list[str]:
    """Returns the README's blocks on one device.

    Args:
        rows: rows of one device, one a cell.
        chart: link to the picture of all workloads, or None.
    """
    lines = []
    timed = [row for row in rows if not is_host_time(row)]
    for (model, _, precision), members in headlines(timed).items():
        by_backend = {row.backend: _text(row, rows) for row in members}
        batch = f"{members[0].batch_size:,}"
        texts = [by_backend.get(backend, NONE) for backend in BACKENDS]
        lines.append((model, members[0].variant, precision, batch, *texts))
    columns = ("workload", "loop", "precision", "batch", *BACKENDS)
    about = (
        f"{sentence(rows)} Images per second of the zoo, median of the timed windows; in brackets "
        "over the fastest loop written by hand in the same framework, which is named: median of "
        "paired windows."
    )
    listed = [paragraph(about), table(columns, lines, texts=4)] if lines else []
    if chart:
        listed.append(picture(chart, "Images per second by workload and backend"))
    return listed + _host_time_blocks(rows)


def _host_time_blocks(rows):
    """Blocks on the host's time per step of `fit`."""
    by_loop = {}
    for row in filter(is_host_time, rows):
        if row.variant == "fit":
            by_loop.setdefault((row.model, label(row), row.precision), {})[row.backend] = row
    if not by_loop:
        return []
    lines = []
    for loop, by_backend in sorted(by_loop.items()):
        texts = [_host_time(by_backend.get(backend), rows) for backend in BACKENDS]
        lines.append((*loop, *texts))
    about = (
        "The host's own time: milliseconds per step of networks of the same depth, a few filters "
        "wide, on two images; in brackets over each native loop, median of paired windows in one "
        "process."
    )
    columns = ("workload", "loop", "precision", *BACKENDS)
    return [paragraph(about), table(columns, lines, texts=3)]


def _host_time(row, rows):
    """`1.23 (1.05 eager)`: milliseconds per step, and their ratio to each native loop."""
    if row is None:
        return NONE
    if not row.ok:
        return STATUSES[row.status]
    return f"{figure(milliseconds(row)['median'])} ({over_native(row, rows)})"


def _text(row, rows):
    """`1,234 (0.98 jit)`: images per second, and their ratio to the native loop named."""
    if not row.ok:
        return STATUSES[row.status]
    native = to_native(row, rows)
    if native is None:
        return figure(row.median)
    peer = native_peers(row, rows)[0].variant
    return f"{figure(row.median)} ({ratio(native['median'])} {peer})"
