"""`zoo demo`: a page in the browser that draws, restores and compares."""

import threading
from typing import Annotated

import typer

from zoo.cli.activity import activity
from zoo.cli.checks import start_keras
from zoo.errors import InvalidInputError
from zoo.hub import loading

PORTS = (1024, 65535)


def demo(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Models of `zoo list`, runs' folders, or hf://OWNER/REPO.",
            show_default="all pretrained ones",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Of the page.", show_default="the first free one from 7860")
    ] = None,
):
    """Serve a page in the browser that draws, restores and compares; Ctrl-C ends it.

    Only this machine can open it, and nothing is sent elsewhere.
    """
    from zoo.demo.models import Models
    from zoo.demo.serving import prepare_environment, private_folder, start_server

    models = Models(names or loading.list_models(pretrained=True))
    if port is not None and not PORTS[0] <= port <= PORTS[1]:
        raise InvalidInputError(f"--port must be from {PORTS[0]} to {PORTS[1]}. Received: {port}")
    with private_folder() as folder:
        prepare_environment(folder)
        from zoo.demo.page import build_page, import_gradio

        with activity("loading Gradio"):
            import_gradio()
        start_keras()
        try:
            address = start_server(build_page(models), port)
        except OSError as error:
            raise InvalidInputError(f"The page can't be served at port {port}: {error}") from error
        print(f"{address} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
