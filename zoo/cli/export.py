"""`zoo export`: writes a model to a file that runs without the zoo."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.activity import activity
from zoo.cli.checks import Name, Weights, check_output_file, check_weights_file, start_keras
from zoo.files import check_output_folder
from zoo.imports import choose_backend


class Format(StrEnum):
    """Format of an exported file."""

    onnx = "onnx"
    saved_model = "saved_model"
    litert = "litert"
    torch = "torch"


def export(
    name: Name,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write; for a SavedModel, a new folder.")
    ],
    format: Annotated[
        Format | None,
        typer.Option(
            help="onnx: on every backend; saved_model: on TensorFlow and JAX; litert: on "
            "TensorFlow; torch: torch.export's, on PyTorch.",
            show_default="that of the suffix: .onnx, .tflite, .pt2",
        ),
    ] = None,
    weights: Weights = None,
):
    """Export a model to ONNX, SavedModel, LiteRT or torch.export.

    Latents (and labels) in, or images and masks; uint8 images out. The file is run on 64 inputs,
    and put in place only if it draws what the model draws.
    """
    from zoo.exporting.formats import (
        FORMATS,
        SAVED_MODEL,
        check_can_write,
        check_place,
        find_format,
    )
    from zoo.hub import loading

    # Everything that can be wrong is checked before a backend is imported.
    loading.find_spec(name)
    kind = find_format(output, format and format.value)
    if kind == SAVED_MODEL:
        check_output_folder(output.parent)
        check_place(output)
    else:
        check_output_file(output)
    check_weights_file(weights)
    check_can_write(kind, choose_backend())
    backend = start_keras().backend.backend()
    from zoo.exporting.export import export as export_model

    with activity(f"loading {name}"):
        model = loading.load(name, weights=loading.PRETRAINED if weights is None else weights)
    with activity(f"exporting {name}"):
        difference = export_model(model, output, kind)
    print(
        f"wrote {output}: {name} as {FORMATS[kind].title}, on {backend}; at most {difference:g} "
        "gray levels from the model on 64 inputs"
    )
