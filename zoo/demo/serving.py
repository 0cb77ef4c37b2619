"""Serves a page to this machine alone, and keeps what it is given in one folder that goes again."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from zoo.demo.figures import CSS

HOST = "127.0.0.1"
UPLOAD = "50mb"
"""Largest file that is taken."""
OFF = (
    "GRADIO_ANALYTICS_ENABLED",  # and the question for a newer version
    "GRADIO_RUN_HISTORY",  # of inputs and results, in the browser's storage
    "GRADIO_MCP_SERVER",
    "GRADIO_SSR_MODE",
)


# Ends when its input does: when this process ends, however it ends.
_REMOVER = """
import shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@contextlib.contextmanager
def private_folder() -> Iterator[str]:
    """Yields a new folder for all temporary files of the process, and removes it at the end.

    It is its owner's only. Another process removes it, after this one has ended by Ctrl-C or was
    killed too: this one's threads can make it again for an upload that is on its way.
    """
    before = tempfile.tempdir
    folder = tempfile.mkdtemp(prefix="zoo-demo-")
    command = [sys.executable, "-I", "-S", "-c", _REMOVER, folder]
    # In a session of its own, which a terminal's signals and its closing don't reach.
    remover = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    tempfile.tempdir = folder
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        remover.communicate()


def prepare_environment(folder: str) -> None:
    """Keeps Gradio off the network and within a folder; to be called before it is imported.

    Args:
        folder: str, for uploads.
    """
    os.environ.update(dict.fromkeys(OFF, "False"))
    os.environ["GRADIO_TEMP_DIR"] = folder
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.pop("GRADIO_ALLOWED_PATHS", None)  # files that the page would serve
    # Gradio asks its own server whether it runs, which a proxy can't tell.
    os.environ["no_proxy"] = ",".join(filter(None, [HOST, os.environ.get("no_proxy")]))


def start_server(page: Any, port: int | None) -> str:
    """Starts to serve a page in other threads, and returns its address.

    Args:
        page: `gradio.Blocks`.
        port: int, or `None` for the first free one from 7860.

    Raises:
        OSError: If the port is taken.
    """
    _, address, _ = page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        inline=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=UPLOAD,
        enable_monitoring=False,
        footer_links=[],
        css=CSS,
    )
    return address
