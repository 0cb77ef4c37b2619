"""`python -m benchmarks run`: its options."""

import dataclasses
import datetime
import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.measure import cells
from benchmarks.measure.run import run
from benchmarks.measure.view import make_table

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
"""Options that take several values."""
PIPED_WIDTH = 160
"""Letters of the table: a pipe has no width of its own."""
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


Backends = _several("Backend", cells.BACKENDS, cells.BACKENDS, "Backends to measure.")
Models = _several("Model", cells.MODELS, ["dcgan28"], "Models.")
Precisions = _several("Precision", cells.PRECISIONS, ["float32"], "Keras' dtype policies.")
Modes = _several("Mode", cells.MODES, ["train"], "Training steps, or sampling.")
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
    [variant for variants in cells.VARIANTS.values() for variant in variants],
    [variant for variants in cells.VARIANTS.values() for variant in variants],
    "Of the native loops; those of other backends than --backend's don't matter.",
)


def run_command(
    backend: Backends,
    model: Models,
    precision: Precisions,
    mode: Modes,
    jit: Jits,
    data: Data,
    implementation: Implementations,
    variant: Variants,
    batch_size: Annotated[
        list[int],
        typer.Option(
            default_factory=lambda: [128], show_default="128", min=1, help="Images per step."
        ),
    ],
    windows: Annotated[int, typer.Option(min=1, help="Timed windows of each cell.")] = 15,
    seconds_per_window: Annotated[
        float, typer.Option(min=0.001, help="What a window should last.")
    ] = 2.0,
    tf32: Annotated[
        bool, typer.Option(help="On a GPU: float32 products may round their inputs to TF32.")
    ] = True,
    largest: Annotated[
        bool,
        typer.Option(
            "--largest-batch",
            help="Search for the largest batch that fits, from the least --batch-size on.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Rows are appended there; cells that it holds already are not measured again. "
            "By default a new file in benchmarks/results.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which a process counts as hung.")
    ] = 900.0,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="A try in a minute per backend: small models, three short windows."
        ),
    ] = False,
):
    """Measure training and sampling speed; options take several values after one flag.

    Cells of one model, mode, precision and batch size are timed in turn, window by window, each in
    a process of its own.
    """
    choices = {
        "backends": backend,
        "models": model,
        "batch_sizes": [min(batch_size)] if largest else batch_size,
        "precisions": precision,
        "modes": mode,
        "jits": jit,
        "data": data,
        "implementations": implementation,
    }
    choices = {
        name: [str(value) if isinstance(value, enum.Enum) else value for value in values]
        for name, values in choices.items()
    }
    choices["variants"] = {
        name: [known for known in variants if known in variant]
        for name, variants in cells.VARIANTS.items()
    }
    settings = cells.Settings(windows, seconds_per_window, tf32, timeout)
    if quick:
        first = {name: variants[:1] for name, variants in cells.VARIANTS.items()}
        choices |= {**QUICK_CHOICES, "variants": first}
        settings = dataclasses.replace(settings, **QUICK_SETTINGS)
        largest = False
    out = out or Path("benchmarks/results") / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.jsonl"
    try:
        rows = run(cells.make_cells(**choices), settings, out, largest)
    except ValueError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted; what was measured is in {out}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(make_table(rows))
    print(f"{len(rows)} rows in {out}")
