"""`zoo verify`: checks whether weights files and cards are sound."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Weights files, checkpoints, cards, or folders."),
    ],
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", help="Largest size of one file's arrays, unpacked.")
    ] = 4 * 2**30,
):
    """Check weights files and cards, without loading them into a model.

    Prints one line for each file; the exit status is 2 if one of them isn't sound.
    """
    from zoo.checks import check_count
    from zoo.errors import ZooError
    from zoo.hub.verification import find_files
    from zoo.hub.verification import verify as verify_file

    check_count("--max-bytes", max_bytes)
    sound = True
    for file in [file for path in paths for file in find_files(path)]:
        try:
            print(f"ok: {file}: {verify_file(file, max_bytes)}")
        except ZooError as error:
            sound = False
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    if not sound:
        raise typer.Exit(2)
