"""Command line of the suite: `python -m benchmarks` and what follows it."""

import dataclasses
import datetime
import enum
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.measure import cells, matrix, own_model, profiles
from benchmarks.measure.processes import CellFailedError
from benchmarks.measure.run import run
from benchmarks.measure.view import RunView, make_host_table, make_table
from benchmarks.record.comparison import TOLERANCE, Comparison, compare
from benchmarks.record.csv import to_csv
from benchmarks.record.host_time import is_host_time
from benchmarks.record.pairs import label
from benchmarks.record.rows import read_rows
from benchmarks.report import report
from benchmarks.report.markdown import one_line
from benchmarks.report.numbers import NONE, figure
from zoo.errors import ZooError

SEVERAL = {
    "--backend",
    "--model",
    "--batch-size",
    "--precision",
    "--mode",
    "--jit",
    "--data",
    "--implementation",
    "--variant",
}
"""Options of `run`, `profile` and `matrix` that take several values."""
PIPED_WIDTHS = {"run": 160, "compare": 170, "profile": 120}
"""Characters of a table's lines in a pipe, where 80 would break every line."""
INTERRUPTED = 130  # as a shell reports SIGINT
QUICK_CHOICES = {
    "models": ["gan28", "dcgan28"],
    "batch_sizes": [16],
    "precisions": ["float32"],
    "modes": ["train", "sample"],
    "jits": ["auto"],
    "data": ["numpy"],
}
QUICK_SETTINGS = {"windows": 3, "seconds": 0.3}
COLORS = {"slower": "yellow", "faster": "green", "repaired": "green", "broken": "red"}

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _suite():
    """The throughput suite: measure the zoo and hand-written loops, report, compare."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command line and exits: with 0, 2 for an error, 130 if interrupted.

    Args:
        arguments: the command line, by default that of the process.

    Raises:
        SystemExit: always.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] and arguments[0] in ("run", "profile", "matrix"):
        arguments = spread(arguments, SEVERAL)
    app(arguments, prog_name="python -m benchmarks")


def spread(arguments: Iterable[str], options: Iterable[str]) -> list[str]:
    """Repeats an option's flag before each of its values, which is the form that Typer takes.

    Accepts `--backend jax torch`, `--backend jax,torch` and the repeated flag alike.

    Args:
        arguments: a command line without positional arguments.
        options: names of the options that take several values, `--backend` for example.

    Example:

    >>> spread(["--backend", "jax", "torch", "--quick"], ["--backend"])
    ['--backend', 'jax', '--backend', 'torch', '--quick']
    """
    result, flag = [], None
    for argument in arguments:
        name, _, values = argument.partition("=")
        if name in options:
            flag = name
        elif argument.startswith("-"):
            flag = None
        else:
            values = argument
        if flag is None:
            result.append(argument)
        elif values:
            result += [part for value in values.split(",") for part in (flag, value)]
    return result


def _several(name, choices, defaults, text):
    """The type of an option that takes several of the choices."""
    kind = enum.StrEnum(name, [(choice, choice) for choice in choices])
    return Annotated[
        list[kind],
        typer.Option(
            default_factory=lambda: [kind(default) for default in defaults],
            show_default=", ".join(defaults),
            help=text,
        ),
    ]


VARIANTS = [variant for variants in cells.VARIANTS.values() for variant in variants]

INSTALLED = [name for name in cells.BACKENDS if importlib.util.find_spec(name)]

Backends = _several(
    "Backend", cells.BACKENDS, INSTALLED or cells.BACKENDS, "Backends; by default those installed."
)
Models = _several("Model", cells.MODELS, ["dcgan28"], "Models.")
Precisions = _several("Precision", cells.PRECISIONS, ["float32"], "Keras' dtype policies.")
Modes = _several(
    "Mode", cells.MODES, ["train"], "Training steps, sampling, or the host's own time of a step."
)
Jits = _several("Jit", cells.JIT, ["auto"], "The zoo's `jit_compile`.")
Data = _several(
    "Data", cells.DATA, cells.DATA, "Train on a NumPy array, or on batches in the device's memory."
)
Implementations = _several(
    "Implementation",
    cells.IMPLEMENTATIONS,
    cells.IMPLEMENTATIONS,
    "The zoo, or loops written by hand in the backend's framework.",
)
Variants = _several(
    "Variant",
    VARIANTS,
    VARIANTS,
    "Variants of the native loops; those of backends that aren't measured are ignored.",
)


BatchSizes = Annotated[
    list[int],
    typer.Option(default_factory=lambda: [128], show_default="128", min=1, help="Images per step."),
]


@app.command("run")
def run_command(
    backend: Backends,
    model: Models,
    precision: Precisions,
    mode: Modes,
    jit: Jits,
    data: Data,
    implementation: Implementations,
    variant: Variants,
    context: typer.Context,
    batch_size: BatchSizes,
    module: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME",
            help="A model of your own in place of --model: one that the file registers as NAME, or "
            "a class or function NAME that makes one without arguments.",
        ),
    ] = None,
    windows: Annotated[int, typer.Option(min=1, help="Timed windows of each cell.")] = 15,
    seconds_per_window: Annotated[
        float, typer.Option(min=0.001, help="Intended length of a window.")
    ] = 2.0,
    tf32: Annotated[
        bool, typer.Option(help="On a GPU: let float32 products round their inputs to TF32.")
    ] = True,
    largest: Annotated[
        bool,
        typer.Option(
            "--largest-batch",
            help="Search for the largest batch that fits, starting at the smallest --batch-size.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="File to append rows to; cells that it already holds are not measured again. "
            "By default a new file in benchmarks/results.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which a process counts as hung.")
    ] = 900.0,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="A trial of a minute per backend: small models, three short windows."
        ),
    ] = False,
):
    """Measure training and sampling speed; options take several values after one flag.

    Cells of one model, mode, precision and batch size are timed in turn, window by window, each in
    a process of its own; the host's time, which batch size and data don't change, in one process
    for each backend. Exit status 1 if none could be timed.
    """
    choices = _values(
        backends=backend,
        models=model,
        batch_sizes=[min(batch_size)] if largest else batch_size,
        precisions=precision,
        modes=mode,
        jits=jit,
        data=data,
        implementations=implementation,
    )
    if largest and "overhead" in choices["modes"]:
        _exit("`--largest-batch` doesn't go with `--mode overhead`, whose batches are small.")
    choices["variants"] = _variants(variant)
    settings = cells.Settings(windows, seconds_per_window, tf32, timeout)
    if quick:
        first = {name: variants[:1] for name, variants in cells.VARIANTS.items()}
        choices |= {**QUICK_CHOICES, "variants": first}
        settings = dataclasses.replace(settings, **QUICK_SETTINGS)
        largest = False
    if module is not None:
        _check_own_model(module, choices["modes"], context)
        choices |= {"models": [module], "implementations": ["zoo"]}
    out = out or Path("benchmarks/results") / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.jsonl"
    try:
        rows = run(cells.make_cells(**choices), settings, out, largest)
    except ValueError as error:
        _exit(error)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; what was measured is in {out}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    timed, of_host = ([row for row in rows if is_host_time(row) is kind] for kind in (False, True))
    if timed or not of_host:
        _console("run").print(make_table(timed))
    if of_host:
        _console("run").print(make_host_table(of_host))
    print(f"{len(rows)} rows in {out}")
    if rows and not any(row.ok for row in rows):
        raise typer.Exit(1)


def _check_own_model(module, modes, context):
    """Exits with status 2 if there is no such file, or options are given that don't go with it."""
    for name in ("model", "implementation", "variant"):
        if context.get_parameter_source(name).name == "COMMANDLINE":
            _exit(f"`--module` is a model of the zoo, timed by itself: leave out `--{name}`.")
    if "overhead" in modes:
        _exit("`--mode overhead` takes narrow networks, and is for the models of `--model`.")
    try:
        own_model.split(module)
    except ZooError as error:
        _exit(error)


@app.command("report")
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
        _exit(error)
    for path in written:
        typer.echo(f"wrote {path}")


@app.command("matrix")
def matrix_command(
    backend: Backends,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE.jsonl", help="File of the rows; what it lacks of the matrix is measured."
        ),
    ],
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long; what is left then takes another call.")
    ] = 25.0,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="One model at tiny batch sizes: to try it on a CPU."),
    ] = False,
):
    """Measure all that is wanted of a GPU, the most important first, as far as the time reaches.

    Host time, training and sampling in both precisions, the largest batches, and profiles of the
    slowest cells, in a folder beside the file. Exit status 1 if nothing at all was measured.
    """
    tasks = matrix.make_tasks([str(value) for value in backend], rehearse)
    settings = matrix.REHEARSAL if rehearse else matrix.SETTINGS
    with RunView(len(tasks)) as view:
        try:
            measuring = matrix.Matrix(tasks, settings, out, view.watch)
        except ValueError as error:
            _exit(error)
        for rows in measuring.go_on(60 * minutes):
            view.group_done(rows)
        summary = measuring.summary()
    for part, done, count in summary:
        typer.echo(f"{part}: {'done' if done == count else f'{done} of {count}'}")
    left = sum(count - done for _, done, count in summary)
    also = f"; the same command does the {left} tasks that are left" if left else ""
    typer.echo(f"{len(measuring.file.rows)} rows in {out}{also}")
    if not any(row.ok for row in measuring.file.rows):
        raise typer.Exit(1)


@app.command("profile")
def profile_command(
    backend: Backends,
    model: Models,
    precision: Precisions,
    mode: Modes,
    jit: Jits,
    data: Data,
    implementation: Implementations,
    variant: Variants,
    batch_size: BatchSizes,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write the profiles.")
    ] = Path("benchmarks/results/profiles"),
):
    """Show which operations a step consists of; options as those of `run`, a profile per cell.

    Each becomes a JSON file in the folder. Exit status 1 if a cell fails.
    """
    chosen = _values(
        backends=backend,
        models=model,
        batch_sizes=batch_size,
        precisions=precision,
        modes=mode,
        jits=jit,
        data=data,
        implementations=implementation,
    )
    groups = cells.make_cells(**chosen, variants=_variants(variant))
    failed = False
    for cell in (cell for group in groups for cell in group):
        title = f"{' '.join(map(str, cell.group))}: {cell.label}"
        try:
            found = profiles.measure_profile(cell, cells.Settings())
        except CellFailedError as error:
            typer.echo(f"{title}: {error}", err=True)
            failed = True
            continue
        _console("profile").print(profiles.make_table(found, escape(title)))
        typer.echo(f"wrote {profiles.save(found, cell, out)}")
    if failed:
        raise typer.Exit(1)


def _values(**choices):
    """The choices of options, as plain values."""
    return {
        name: [str(value) if isinstance(value, enum.Enum) else value for value in values]
        for name, values in choices.items()
    }


def _variants(chosen):
    """Native variants by backend, of those chosen."""
    return {
        name: [known for known in variants if known in chosen]
        for name, variants in cells.VARIANTS.items()
    }


@app.command("csv")
def csv_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Files of `benchmarks run`.")
    ],
):
    """Print the rows of result files as CSV, one line each.

    Exit status 2 if a file isn't what was expected.
    """
    try:
        rows = [row for path in paths for row in read_rows(path)]
    except ZooError as error:
        _exit(error)
    sys.stdout.write(to_csv(rows))


@app.command("compare")
def compare_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="Result file from before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Result file from after.")],
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Slower by no more than this is no regression."),
    ] = TOLERANCE,
    relative: Annotated[
        bool,
        typer.Option(
            "--relative",
            help="Judge the ratio to the interleaved native loop: a machine's drift cancels.",
        ),
    ] = False,
):
    """Compare two result files, cell by cell.

    Exit status 1 if a cell of B is broken, or slower beyond noise and tolerance; 2 if a file
    isn't what was expected.
    """
    try:
        comparison = compare(a, b, tolerance, relative)
    except (ZooError, ValueError, OSError) as error:
        _exit(error)
    for warning in comparison.warnings:
        typer.echo(f"warning: {warning}", err=True)
    console = _console("compare", highlight=False)
    judged = "the ratio to the native peer" if relative else "images/s"
    console.print(comparison_table(comparison, f"A = {a}, B = {b}, judged by {judged}"))
    for name, rows in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if rows:
            console.print(f"Only in {name}:")
        for row in rows:
            console.print(f"  {escape(_name(row))} on {escape(one_line(row.device))}")
    for cell in comparison.cells:
        if cell.verdict == "broken":
            console.print(escape(f"{_name(cell.b)}: {one_line(cell.b.error)}"))
    console.print(
        f"{len(comparison.cells)} cells compared, regressions: {len(comparison.regressions)}"
    )
    if comparison.regressions:
        raise typer.Exit(1)


def comparison_table(comparison: Comparison, title: str) -> Table:
    """Returns the cells in both files as a `rich` table."""
    table = Table(title=escape(one_line(title)))
    table.add_column("cell", overflow="fold")
    for column in ("A", "B", "B / A [95%]", "zoo / native: A", "B", "B / A [95%]"):
        table.add_column(escape(column), justify="right")
    table.add_column("verdict")
    for cell in comparison.cells:
        absolute, relative = cell.absolute, cell.relative
        verdict = cell.verdict
        if cell.is_regression(comparison.tolerance):
            text = f"[bold red]{verdict}: regression[/]"
        else:
            color = COLORS.get(verdict)
            text = f"[{color}]{verdict}[/]" if color else verdict
        table.add_row(
            escape(_name(cell.a)),
            *((figure(absolute.a), figure(absolute.b)) if absolute else _statuses(cell)),
            escape(_ratio(absolute)),
            *((f"{relative.a:.3f}", f"{relative.b:.3f}") if relative else (NONE, NONE)),
            escape(_ratio(relative)),
            text,
        )
    return table


def _statuses(cell):
    """Images per second in each run, or its status where the cell failed."""
    return [
        figure(row.median) if row.ok else row.status.replace("_", " ") for row in (cell.a, cell.b)
    ]


def _ratio(change):
    if change is None:
        return NONE
    band = "[?]" if change.interval is None else "[{:.3f}, {:.3f}]".format(*change.interval)
    return f"{change.ratio:.3f} {band}"


def _name(row):
    parts = (row.model, row.mode, row.data, row.backend, label(row), row.precision)
    return one_line(f"{' '.join(parts)} {row.batch_size}")


def _console(command, **options):
    """A console for a command's table; in a pipe, wide enough for whole lines."""
    console = Console(**options)
    if not console.is_terminal:
        console.width = PIPED_WIDTHS[command]
    return console


def _exit(error):
    """Reports an error in one line and exits with status 2."""
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(2) from None
