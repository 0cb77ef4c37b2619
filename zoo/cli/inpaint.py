"""`zoo inpaint`: fills the holes of picture files."""

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.activity import activity
from zoo.cli.checks import (
    Weights,
    check_output_file,
    check_restores,
    check_weights_file,
    load_model,
    start_keras,
)
from zoo.errors import InvalidInputError
from zoo.hub.loading import find_spec


def inpaint(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model that restores, or a run's folder.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE... MASK",
            help="Files to restore, 16 to 8192 pixels each side; then a picture of the same size, "
            "white where something is missing, or a folder that holds one for each, of its name.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write: .png, .tif, .webp or .bmp keep every known pixel; .jpg is lossy. "
            "For several pictures, a folder.",
            show_default="PICTURE_restored.png",
        ),
    ] = None,
    mask_from_alpha: Annotated[
        bool,
        typer.Option(
            "--mask-from-alpha",
            help="Transparent pixels are missing: PICTURE... is followed by no MASK.",
        ),
    ] = False,
    resize_mask: Annotated[
        bool,
        typer.Option("--resize-mask", help="Resize a mask of another size to the picture's."),
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Also write what classical methods fill in: OUTPUT_telea.png and others. Needs "
            "OpenCV and scikit-image.",
        ),
    ] = False,
    weights: Weights = None,
):
    """Fill the holes of pictures.

    Only pixels that are white in the mask (above 127 of 255) change. Alpha, ICC profile, resolution
    and EXIF fields are kept, the EXIF orientation is applied.
    """
    from zoo.evaluation.baselines import METHODS
    from zoo.images.photos import check_format, write_photo
    from zoo.images.restoring import (
        check_channels,
        check_output,
        read_inputs,
        restore,
        restore_classically,
    )

    # Everything that can be wrong is checked before a backend is imported.
    check_restores(name)
    check_weights_file(weights)
    jobs = _jobs(files, output, mask_from_alpha)
    methods = list(METHODS) if compare else []
    spec = find_spec(name)
    shape = spec.config.get("image_shape")
    for picture, mask, target in jobs:
        outputs = [target, *(_beside(target, method) for method in methods)]
        for path in outputs:
            check_output_file(path)
            check_output(path, *(file for file in (picture, mask) if file is not None))
    for picture, mask, target in jobs:
        with activity(f"reading {picture}"):
            photo, holes = read_inputs(picture, mask, resize_mask)
        check_format(target, photo)
        if shape is not None:
            check_channels(shape[-1], photo, holes)
    if compare:
        with activity("loading OpenCV and scikit-image"):
            for prepare in METHODS.values():
                prepare(3)
    model = load_model(name, weights, check_restores)
    for picture, mask, target in jobs:
        if len(jobs) > 1:  # only one at a time is in memory
            with activity(f"reading {picture}"):
                photo, holes = read_inputs(picture, mask, resize_mask)
        with activity(f"restoring {picture}") as report:
            restored = restore(model, photo, holes, report)
        with activity(f"writing {target}"):
            write_photo(restored, target)
        print(
            f"wrote {target}: {holes.sum():,} of {holes.size:,} pixels drawn by {spec.name}, on "
            f"{start_keras().backend.backend()}"
        )
        for method in methods:
            path = _beside(target, method)
            with activity(f"restoring {picture} by {method}"):
                write_photo(restore_classically(method, photo, holes), path)
            print(f"wrote {path}: by {method.replace('_', '-')}")


def _jobs(files, output, mask_from_alpha):
    """Returns what to do: the path of a picture, of its mask or `None`, and of the output."""
    pictures, masks = (files, None) if mask_from_alpha else (files[:-1], files[-1])
    if not pictures:
        raise InvalidInputError(
            f"Expected pictures and a mask. Received: {files[0]} alone. See `zoo inpaint --help`; "
            "where its transparent pixels are what is missing, add --mask-from-alpha."
        )
    if len(pictures) > 1 and output is not None and output.is_file():
        raise InvalidInputError(
            f"Several pictures are written into a folder. Received: -o {output}, a file"
        )
    jobs, taken = [], {}
    for picture in pictures:
        mask = masks
        if masks is not None and masks.is_dir():
            mask = _mask_in(masks, picture)
        target = output
        if output is None or len(pictures) > 1:
            folder = picture.parent if output is None else output
            target = folder / f"{picture.stem}_restored.png"
        if target in taken:
            raise InvalidInputError(
                f"Each picture must have an output of its own. Received: {taken[target]} and "
                f"{picture}, both for {target}"
            )
        taken[target] = picture
        jobs.append((picture, mask, target))
    return jobs


def _mask_in(folder, picture):
    """Returns the mask of a picture: the file of its name, whatever the suffix."""
    found = sorted(path for path in folder.iterdir() if path.stem == picture.stem)
    if len(found) != 1:
        what = ", ".join(map(str, found)) if found else "none"
        raise InvalidInputError(
            f"The folder {folder} must hold one mask of {picture.name}, a file named "
            f"{picture.stem} with any suffix. Received: {what}"
        )
    return found[0]


def _beside(path, method):
    return path.with_name(f"{path.stem}_{method}{path.suffix}")
