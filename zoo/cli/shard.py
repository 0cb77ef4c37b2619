"""`zoo shard`: resizes pictures into tar shards, to be streamed."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_count
from zoo.files import check_output_folder


def shard(
    pictures: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder or zip of images.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the shards.")],
    size: Annotated[
        str,
        typer.Option(metavar="HEIGHTxWIDTH", help="Size of the images, in pixels: 128 or 128x192."),
    ],
    workers: Annotated[
        int | None, typer.Option(help="Processes that work.", show_default="one for each core")
    ] = None,
):
    """Crop and resize images once, into tar shards that `zoo train --data OUT` streams.

    A shard is a tar file of 1,000 PNG files, in WebDataset's layout. Images in a folder for each
    class have their label beside them. Stopped at any time, the same command goes on.
    """
    from rich.console import Console
    from rich.progress import Progress

    from zoo.cli.training_data import parse_size
    from zoo.datasets.shards import write_shards

    workers = os.cpu_count() or 1 if workers is None else workers
    check_count("--workers", workers)
    sides = parse_size(size)
    check_output_folder(out)
    skipped = shards = 0
    with Progress(console=Console(file=sys.stderr)) as progress:
        task = progress.add_task("writing shards", total=None)
        for done, shards, unreadable in write_shards(pictures, out, sides, workers):
            skipped += unreadable
            progress.update(task, completed=done, total=shards)
    if skipped:
        print(f"skipped {skipped} images, which can't be read", file=sys.stderr)
    print(f"wrote {shards} shards; now: zoo train NAME --data {out}")
