"""What a run measured, as Markdown, charts and one HTML page."""

import re
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record.pairs import latest
from benchmarks.record.rows import RowError, read_rows
from benchmarks.report import readme as readme_file
from benchmarks.report.document import Heading, Paragraph, Picture, to_markdown
from benchmarks.report.html import to_html
from benchmarks.report.machine import environment, sentence
from benchmarks.report.tables import (
    backends_section,
    failures_section,
    overhead_section,
    workload_table,
)
from zoo.errors import ZooError
from zoo.files import replacing

TITLE = "Throughput of the zoo"
HOW_TO_READ = (
    "Images per second are the median of the timed windows, with their 10th and 90th percentiles "
    "in brackets. zoo / native is the zoo over the fastest of the loops written by hand in the "
    "same framework: the windows of both ran in turn, so the ratio is taken window by window, and "
    "its median, 10th and 90th percentiles are shown. The first call includes compilation. TFLOP/s "
    "follow from the images per second and the floating-point operations per image; of the limit "
    "says which share of the rate of a large matrix product that is, on the same machine in the "
    "same precision. Peak memory is the device's on a GPU and the process's on a CPU."
)


def report(paths, out, readme=None):
    """Writes report.md, report.html and charts/*.png; the same input gives the same files.

    Cells that several files measured on one device are taken from the latest run.

    Args:
        paths: result files of `python -m benchmarks run`, a list of paths.
        out: folder to write into, made if there is none; what else it holds stays.
        readme: path of a README whose text between the two comments of `benchmarks.report.readme`
            is replaced by a table and a chart; None leaves all READMEs alone.

    Returns:
        A list of the paths written.

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
    blocks = [Heading(TITLE, 1)]
    if len(by_device) == 1:
        blocks.append(Paragraph(sentence(rows)))
    blocks.append(Paragraph(HOW_TO_READ))
    pictures, overviews = {}, []
    for device, members in by_device.items():
        prefix = f"{_slug(device)}-" if len(by_device) > 1 else ""
        sections, overview = _device_blocks(members, prefix, pictures)
        blocks += [Heading(device, 2), *sections]
        overviews.append((members, overview))

    out = Path(out)
    files = {out / name: picture for name, picture in pictures.items()}
    files[out / "report.md"] = to_markdown(blocks).encode()
    files[out / "report.html"] = to_html(TITLE, blocks, pictures).encode()
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
    # Here, so that `--help` and errors in the input come without NumPy and matplotlib.
    from benchmarks.report import figures

    def picture(name, alt, png):
        if png is None:
            return []
        file = f"charts/{prefix}{name}.png"
        pictures[file] = png
        return [Picture(file, alt)]

    overview = picture("overview", "Images per second by workload", figures.overview_chart(rows))
    blocks = [*environment(rows), *overview]
    for mode in ("train", "sample"):
        name, alt = f"share-{mode}", f"Share of the matrix-product rate, {mode}"
        blocks += picture(name, alt, figures.share_chart(rows, mode))
    blocks += [*backends_section(rows), *overhead_section(rows)]
    for model, mode in sorted({(row.model, row.mode) for row in rows}, key=_training_first):
        members = [row for row in rows if (row.model, row.mode) == (model, mode)]
        alt = f"Images per second: {model}, {mode}"
        blocks.append(Heading(f"{model}, {mode}", 3))
        blocks += picture(_slug(f"{model}-{mode}"), alt, figures.workload_chart(members))
        blocks.append(workload_table(members))
    return blocks + failures_section(rows), overview[0].file if overview else None


def _readme_text(text, overviews, out, readme):
    blocks = []
    for rows, overview in overviews:
        chart = readme_file.link(out / overview, readme) if overview else None
        blocks += readme_file.blocks(rows, chart)
    link = readme_file.link(out / "report.md", readme)
    block = f"{to_markdown(blocks)}\nAll figures: [the whole report]({link}).\n"
    return readme_file.replaced(text, block)


def _training_first(task):
    model, mode = task
    return mode != "train", model


def _slug(text):
    """`text` as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def report_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Files of `benchmarks run`.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write.")
    ] = Path("report"),
    readme: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="README whose table of benchmarks to replace."),
    ] = None,
):
    """Write report.md, report.html and charts from result files.

    Exit status 2 if a file isn't what was expected.
    """
    try:
        written = report(paths, out, readme)
    except (ZooError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for path in written:
        typer.echo(f"wrote {path}")
