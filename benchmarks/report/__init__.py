"""Report on what runs measured: Markdown, charts and one HTML page."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record.host_time import is_host_time
from benchmarks.record.pairs import latest
from benchmarks.record.rows import RowError, read_rows
from benchmarks.report import figures, markdown
from benchmarks.report import readme as readme_file
from benchmarks.report.html import to_html
from benchmarks.report.machine import environment, sentence
from benchmarks.report.tables import (
    backends_section,
    failures_section,
    host_time_section,
    overhead_section,
    workload_table,
)
from zoo.files import replacing

TITLE = "Throughput of the zoo"
HOW_TO_READ = (
    "Images per second are the median of the timed windows, with their 10th and 90th percentiles "
    "in brackets. zoo / native is the zoo over the fastest of the loops written by hand in the "
    "same framework: the windows of both ran in turn, so the ratio is taken window by window, and "
    "its median, 10th and 90th percentiles are shown. The first call includes compilation. TFLOP/s "
    "follow from the images per second and the floating-point operations per image; of the limit "
    "says which share of the rate of a large matrix product that is, on the same machine in the "
    "same precision; it can pass 100%, because the operations are counted as the layers define "
    "them, and a Fourier transform, for example, takes fewer. Of a copy, on a GPU, says the same "
    "of its memory: the bytes that the products and convolutions of a step and its optimizers must "
    "read and write, beside those that a bare copy moves in that time. A cell far from both limits "
    "waits for the host, or for kernels too small for the device. Peak memory is the device's on a "
    "GPU "
    "and the process's on a CPU."
)


def report(
    paths: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    readme: str | os.PathLike | None = None,
) -> list[Path]:
    """Writes report.md, report.html and charts/*.png; the same input gives the same files.

    A cell that several files measured on one device is taken from the latest run.

    Args:
        paths: result files of `python -m benchmarks run`.
        out: folder to write into, created if it doesn't exist; its other files are kept.
        readme: path of a README whose text between the two comments of `benchmarks.report.readme`
            is replaced by a table and a chart; None changes no README.

    Returns:
        The paths written.

    Raises:
        RowError: if a result file can't be read, or none holds a row.
        ReadmeError: if the README doesn't hold the comments.
        MissingDependencyError: if matplotlib isn't installed.
        OSError: if a file can't be written.
    """
    rows = [row for path in paths for row in read_rows(path)]
    if not rows:
        listed = ", ".join(str(path) for path in paths)
        raise RowError(f"Expected at least one result row. Received: none in {listed}")
    rows = list(latest(rows).values())
    text = None if readme is None else readme_file.read(readme)

    by_device = {}
    for row in rows:
        by_device.setdefault(row.device, []).append(row)
    blocks = [markdown.heading(TITLE, 1)]
    if len(by_device) == 1:
        blocks.append(markdown.paragraph(sentence(rows)))
    blocks.append(markdown.paragraph(HOW_TO_READ))
    pictures, overviews = {}, []
    for device, members in by_device.items():
        prefix = f"{_slug(device)}-" if len(by_device) > 1 else ""
        sections, overview = _device_blocks(members, prefix, pictures)
        blocks += [markdown.heading(device, 2), *sections]
        overviews.append((members, overview))

    out = Path(out)
    files = {out / name: picture for name, picture in pictures.items()}
    page = markdown.joined(blocks)
    files[out / "report.md"] = page.encode()
    files[out / "report.html"] = to_html(TITLE, page, pictures).encode()
    if text is not None:
        files[Path(readme)] = _readme_text(text, overviews, out, readme).encode()
    for path, content in files.items():
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    return list(files)


def _device_blocks(rows, prefix, pictures):
    """The report's blocks on one device, and the file of its overview chart or None.

    Adds the charts to `pictures`, a dictionary from file to PNG.
    """

    def picture(name, alt, png):
        if png is None:
            return []
        file = f"charts/{prefix}{name}.png"
        pictures[file] = png
        return [markdown.picture(file, alt)]

    measured, rows = rows, [row for row in rows if not is_host_time(row)]
    overview = picture("overview", "Images per second by workload", figures.overview_chart(rows))
    blocks = [*environment(measured), *overview]
    for mode in ("train", "sample"):
        name, alt = f"share-{mode}", f"Share of the matrix-product rate, {mode}"
        blocks += picture(name, alt, figures.share_chart(rows, mode))
    blocks += [*backends_section(rows), *overhead_section(rows), *host_time_section(measured)]
    for model, mode in sorted({(row.model, row.mode) for row in rows}, key=_training_first):
        members = [row for row in rows if (row.model, row.mode) == (model, mode)]
        alt = f"Images per second: {model}, {mode}"
        blocks.append(markdown.heading(f"{model}, {mode}", 3))
        blocks += picture(_slug(f"{model}-{mode}"), alt, figures.workload_chart(members))
        blocks.append(workload_table(members))
    return blocks + failures_section(measured), f"charts/{prefix}overview.png" if overview else None


def _readme_text(text, overviews, out, readme):
    blocks = []
    for rows, overview in overviews:
        chart = readme_file.link(out / overview, readme) if overview else None
        blocks += readme_file.blocks(rows, chart)
    link = readme_file.link(out / "report.md", readme)
    block = f"{markdown.joined(blocks)}\nAll figures: [the whole report]({link}).\n"
    return readme_file.replaced(text, block)


def _training_first(task):
    model, mode = task
    return mode != "train", model


def _slug(text):
    """`text` as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
