"""`zoo sample`: draws images from a model, as a picture, an array or an animation."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.checks import check_count
from zoo.cli.activity import activity
from zoo.cli.checks import (
    Name,
    Psi,
    Truncation,
    Weights,
    check_draws,
    check_output_file,
    check_weights_file,
    load_model,
    start_keras,
    truncation_options,
)
from zoo.cli.labels import parse_labels, repeat_labels
from zoo.cli.quiet import quiet_backend
from zoo.errors import InvalidInputError
from zoo.hub.loading import find_spec

COUNT = 64
"""Default number of images."""
WAYPOINTS = 6
"""Latents that each image of an animation visits before it returns to the first."""
FRAMES_BETWEEN = 12


class Format(StrEnum):
    """Format of a file of samples."""

    png = "png"
    npy = "npy"
    gif = "gif"


def sample(
    name: Name,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            help="Images to draw.",
            show_default=f"{COUNT}, or one for each of several --labels",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="CLASSES",
            help="Classes for a class-conditional model: numbers or names, repeated to fill "
            "-n. Example: 7,7,3.",
            show_default="classes at random",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write.", show_default="NAME.FORMAT"),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed draws the same images on every backend.")
    ] = 0,
    truncation: Truncation = None,
    psi: Psi = None,
    weights: Weights = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="png: a grid; gif: a grid, animated with --interpolate; "
            "npy: a uint8 array of shape (N, H, W, C).",
            show_default="the output's suffix, or png",
        ),
    ] = None,
    interpolate: Annotated[
        bool,
        typer.Option(
            "--interpolate", help="Animate a walk between latents and back to the first, as a gif."
        ),
    ] = False,
    gallery: Annotated[
        bool,
        typer.Option(
            "--gallery",
            help="Draw the png with keras-cv's plot_image_gallery: large, on a transparent "
            "background. Needs keras-cv.",
        ),
    ] = False,
):
    """Draw images from a model."""
    # Everything that can be wrong is checked before a backend is imported.
    check_draws(name)
    spec = find_spec(name)
    chosen = None if labels is None else parse_labels(labels, spec)
    if count is None:
        count = len(chosen) if chosen and len(chosen) > 1 else COUNT
    check_count("-n", count)
    check_count("--seed", seed, minimum=0)
    truncated = truncation_options(truncation, psi)
    output, kind = _output(spec.name, output, format, interpolate, gallery)
    check_output_file(output)
    check_weights_file(weights)
    if gallery:
        _check_gallery(count)
    model = load_model(name, weights, check_draws)
    classes = {} if chosen is None else {"labels": repeat_labels(chosen, count)}
    with activity(f"drawing {count} images"):
        if interpolate:
            _save_walk(model, count, seed, truncated, classes, output)
        else:
            images = model.generate(count, seed=seed, **classes, **truncated)
            if gallery:
                from zoo.images.gallery import save_gallery

                save_gallery(images, output)
            else:
                _save(images, output, kind)
    what = "an animation of " if interpolate else ""
    print(
        f"wrote {output}: {what}{count} images of {spec.name}, on {start_keras().backend.backend()}"
    )


def _check_gallery(count):
    """Raises an error unless a gallery of this many images can be drawn."""
    from zoo.images.gallery import check_gallery_count, import_gallery

    check_gallery_count(count)
    start_keras()
    with quiet_backend():
        import_gallery()


def _output(name, output, format, interpolate, gallery):
    """Returns the file to write and its `Format`, which must agree with its suffix."""
    if gallery and (interpolate or format not in (None, Format.png)):
        other = "--interpolate" if interpolate else f"--format {format.value}"
        raise InvalidInputError(f"--gallery draws a png. Received: {other}")
    if interpolate and format not in (None, Format.gif):
        raise InvalidInputError(f"--interpolate draws a gif. Received: --format {format.value}")
    wanted = Format.gif if interpolate else Format.png if gallery else format
    if output is None:
        kind = wanted or Format.png
        return Path(f"{name}.{kind.value}"), kind
    suffix = output.suffix.lower().removeprefix(".")
    if wanted is None and suffix not in Format.__members__:
        raise InvalidInputError(
            "The output must end in .png, .npy or .gif, or --format must name the format. "
            f"Received: {output}"
        )
    # An unknown suffix, as in "epoch.12", doesn't contradict the format.
    if wanted is not None and suffix in Format.__members__ and suffix != wanted.value:
        option = "--interpolate" if interpolate else "--gallery" if gallery else None
        option = option or f"--format {wanted.value}"
        raise InvalidInputError(
            f"{option} writes a {wanted.value} file, but the output ends in .{suffix}. "
            f"Received: {output}"
        )
    return output, wanted or Format(suffix)


def _save(images, output, kind):
    from zoo.images import grids

    if kind is Format.png:
        grids.save_png(images, output)
    elif kind is Format.gif:
        grids.save_gif([images], output)
    else:
        import numpy as np

        from zoo.files import replacing

        # An open file: given a name, NumPy would add a suffix.
        with replacing(output) as temporary, open(temporary, "wb") as file:
            np.save(file, images, allow_pickle=False)


def _save_walk(model, count, seed, truncated, classes, output):
    """Writes an animation whose first frame is the grid of the same seed."""
    import numpy as np

    from zoo.images import grids
    from zoo.latents import spherical_interpolation

    if not classes and hasattr(model, "sample_labels"):
        # Each image keeps its class: drawn anew for every frame, classes would flicker.
        classes = {"labels": model.sample_labels(count, seed)}
    latents = model.sample_latent(WAYPOINTS * count, seed=seed, **truncated)
    points = latents.reshape(WAYPOINTS, count, -1)
    # All legs at once: from each waypoint to the next, from the last to the first. The end of a leg
    # is the start of the next.
    legs = spherical_interpolation(points, np.roll(points, -1, axis=0), FRAMES_BETWEEN + 1)[:-1]
    walk = legs.swapaxes(0, 1).reshape(WAYPOINTS * FRAMES_BETWEEN, count, -1)
    grids.save_gif([model.generate(latents=frame, **classes) for frame in walk], output)
