"""`zoo train` that is interrupted: how it ends, and how it goes on."""

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import HERE, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import zoo

@zoo.register(
    "tiny",
    config={"image_shape": (8, 8, 3), "hidden_units": (4,), "latent_dim": 3},
    recipe={"epochs": 2000, "batch_size": 16},
)
def tiny(**config):
    return zoo.VanillaGAN(**config)

import zoo.cli
zoo.cli.main()
"""


@pytest.fixture
def program(photos):
    Path("program.py").write_text(PROGRAM)
    return "program.py"


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(HERE),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def interrupt(process, when):
    """Interrupts a process once a pattern of files is there, and returns its last line."""
    until = time.monotonic() + 300
    while process.poll() is None and not any(Path().glob(when)) and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, ""), errors
    assert time.monotonic() - began < 2.0
    assert "Traceback" not in errors
    assert not any(Path("run").rglob(".tmp*"))
    return errors.splitlines()[-1]


def epochs():
    return len(list(Path("run", "samples").glob("epoch_*.png")))


def test_the_command_that_it_names_goes_on(program):
    process = start(program, "train", "tiny", "--data", "photos", "--out", "run")
    line = interrupt(process, "run/checkpoints/epoch_0003*")
    command = line.removeprefix("error: interrupted; to go on: ")
    assert command == "python program.py train tiny --data photos --resume run"
    done = epochs()
    line = interrupt(start(*shlex.split(command)[1:]), f"run/samples/epoch_{done + 3:04}.png")
    assert line.endswith(f"to go on: {command}")
    with open("run/history.csv", newline="") as file:
        rows = [int(row["epoch"]) for row in csv.DictReader(file)]
    assert rows in [list(range(1, epochs() + change)) for change in (0, 1)]


def test_a_run_that_has_just_begun_starts_again(program):
    command = [program, "train", "tiny", "--data", "photos", "--out", "run"]
    process = start(*command)
    line = interrupt(process, "run/tiny.json")
    assert "--resume run" in line
    if not any(Path("run/checkpoints").glob("*")):
        interrupt(start(*command), "run/checkpoints/epoch_0002*")
    # From now on there is something to lose.
    result = subprocess.run(
        [sys.executable, *command], env=environment(HERE), capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "--resume run" in result.stderr
