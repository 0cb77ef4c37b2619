"""`zoo progress`: animates a training run."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.checks import check_output_file
from zoo.errors import InvalidInputError


def progress(
    run: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="Folder of a run: runs/dcgan_mnist.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="File to write, a .gif.", show_default="RUN_DIR/progress.gif"
        ),
    ] = None,
    frame_ms: Annotated[
        int, typer.Option("--frame-ms", help="How long each epoch shows, in milliseconds.")
    ] = 200,
):
    """Animate the pictures of a training run: one frame per epoch, up to 120.

    This also works while the run is in progress.
    """
    from zoo.images.progress_gif import LONGEST_MS, check_ms, save_progress

    check_ms("--frame-ms", frame_ms, LONGEST_MS)
    output = run / "progress.gif" if output is None else output
    if output.suffix.lower() != ".gif":
        raise InvalidInputError(f"The output must end in .gif. Received: {output}")
    check_output_file(output)
    count = save_progress(run, output, frame_ms)
    print(f"wrote {output}: {count} epoch{'s' if count > 1 else ''} of {run}")
