"""Running commands: in this process, and in one of their own."""

import os
import subprocess
import sys

from typer.testing import CliRunner

from tests.processes import ROOT
from zoo.cli import app

CONFIG = {"image_shape": (8, 8, 3), "hidden_units": (4,), "latent_dim": 3}
"""Of the model `tiny`."""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="zoo")


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments, status=2):
    """The error line of a command that must fail with nothing else to say."""
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def run_process(*arguments, code="from zoo.cli import main; main()", **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )
