"""`zoo demo` that can't start: what it reports, and in which order."""

import os

import pytest

from tests.cli.commands import run_process

pytestmark = pytest.mark.no_backend

WITHOUT_GRADIO = "import sys; sys.modules['gradio'] = None; from zoo.cli import main; main()"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dcgan_mnits"], "Closest: dcgan_mnist"),  # before the packages, which take long to load
        (["--port", "80"], "from 1024 to 65535. Received: 80"),
        ([], 'Run: pip install "keras-gan-zoo[demo]"'),
    ],
)
def test_fails_in_one_line(tmp_path, arguments, message):
    environment = {"TMPDIR": str(tmp_path)}
    result = run_process("demo", *arguments, code=WITHOUT_GRADIO, environment=environment)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []
