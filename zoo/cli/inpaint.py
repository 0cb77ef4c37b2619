"""`zoo inpaint`: fills the holes of a picture file."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.checks import (
    Weights,
    check_output_file,
    check_restores,
    check_weights_file,
    load_model,
    start_keras,
)
from zoo.hub.loading import find_spec


def inpaint(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model that restores, or a run's folder.")
    ],
    picture: Annotated[
        Path,
        typer.Argument(metavar="PICTURE", help="File to restore, 16 to 2048 pixels each side."),
    ],
    mask: Annotated[
        Path,
        typer.Argument(metavar="MASK", help="Picture of the same size, white where it is missing."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write: .png, .tif, .webp or .bmp keep every known pixel; .jpg is lossy.",
            show_default="PICTURE_restored.png",
        ),
    ] = None,
    resize_mask: Annotated[
        bool,
        typer.Option("--resize-mask", help="Resize a mask of another size to the picture's."),
    ] = False,
    weights: Weights = None,
):
    """Fill the holes of a picture.

    Only pixels that are white in the mask (above 127 of 255) change. Alpha, ICC profile and
    resolution are kept, the EXIF orientation is applied, other EXIF data are dropped.
    """
    from zoo.images.photos import check_format, write_photo
    from zoo.images.restoring import check_channels, check_output, read_inputs, restore

    # Everything that can be wrong is checked before a backend is imported.
    check_restores(name)
    output = picture.with_name(f"{picture.stem}_restored.png") if output is None else output
    check_output_file(output)
    check_output(output, picture, mask)
    check_weights_file(weights)
    photo, holes = read_inputs(picture, mask, resize_mask)
    check_format(output, photo)
    spec = find_spec(name)
    shape = spec.config.get("image_shape")
    if shape is not None:
        check_channels(shape[-1], photo, holes)
    model = load_model(name, weights, check_restores)
    write_photo(restore(model, photo, holes), output)
    print(
        f"wrote {output}: {holes.sum():,} of {holes.size:,} pixels drawn by {spec.name}, on "
        f"{start_keras().backend.backend()}"
    )
