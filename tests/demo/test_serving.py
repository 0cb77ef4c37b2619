"""The folder of uploads: it goes however the process ends, and nothing but it is served from."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.processes import HERE, environment
from zoo.demo.serving import prepare_environment, private_folder

pytestmark = pytest.mark.no_backend

PROGRAM = """
import time
from pathlib import Path
from zoo.demo.serving import private_folder

with private_folder() as folder:
    Path(folder, "upload.png").write_bytes(b"picture")
    print(folder, flush=True)
    time.sleep(60)
"""


def wait_until_gone(folder):
    """Waits until a folder is removed by the process that outlives the demo's."""
    until = time.monotonic() + 30
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not folder.exists()


def test_temporary_files_are_in_the_folder_while_it_is_there():
    before = tempfile.gettempdir()
    with private_folder() as folder:
        assert tempfile.gettempdir() == folder
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert Path(file.name).parent == Path(folder)
    assert not os.path.exists(folder)
    assert tempfile.gettempdir() == before


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_killed_leaves_nothing(number):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment(HERE), stdout=subprocess.PIPE, text=True
    )
    folder = Path(process.stdout.readline().strip())
    assert (folder / "upload.png").exists()
    process.send_signal(number)
    assert process.wait(60) == -number
    process.stdout.close()
    wait_until_gone(folder)


def test_gradio_is_kept_within_the_folder(monkeypatch, tmp_path):
    given = {"GRADIO_ALLOWED_PATHS": "/", "no_proxy": "a"}
    monkeypatch.setattr(os, "environ", {**os.environ, **given})
    prepare_environment(str(tmp_path))
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == os.environ["GRADIO_RUN_HISTORY"] == "False"
    assert "GRADIO_ALLOWED_PATHS" not in os.environ
    assert os.environ["no_proxy"] == "127.0.0.1,a"
