"""`zoo progress`: where it writes, what it says, how it fails."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import PRINT_WHETHER_KERAS_IS_LOADED, fail, run_process, succeed

pytestmark = pytest.mark.no_backend


@pytest.fixture
def run(here):
    """A training run of three epochs."""
    folder = here / "runs" / "tiny" / "samples"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        pixels = np.full((20, 30), 50 * number, "uint8")
        Image.fromarray(pixels).save(folder / f"epoch_{number:04}.png")
    return "runs/tiny"


def durations(path):
    with Image.open(path) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            yield picture.info["duration"]


def test_progress_writes_into_the_run_by_default(run):
    text = succeed("progress", run)
    assert text == "wrote runs/tiny/progress.gif: 3 epochs of runs/tiny\n"
    assert list(durations("runs/tiny/progress.gif")) == [200, 200, 2000]
    assert succeed("progress", run) == text  # an earlier animation is replaced


def test_progress_takes_an_output_and_a_time(run):
    assert "made/a.GIF" in succeed("progress", run, "-o", "made/a.GIF", "--frame-ms", 70)
    assert list(durations("made/a.GIF")) == [70, 70, 2000]
    assert not Path(run, "progress.gif").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs/tiny", "-o", "a.mp4"], ".gif"),
        (["runs/tiny", "-o", "folder.gif"], "folder.gif, a folder"),
        (["runs/tiny", "--frame-ms", "5001"], "--frame-ms=5001"),
        (["nowhere"], "nowhere"),
        (["damaged"], "epoch_0002.png"),
        ([], "--help"),
    ],
)
def test_progress_refuses_and_writes_nothing(run, here, arguments, expected):
    Path("folder.gif").mkdir()
    shutil.copytree(run, "damaged")
    Path("damaged", "samples", "epoch_0002.png").write_bytes(b"junk")
    assert expected in fail("progress", *arguments)
    assert os.listdir(run) == os.listdir("damaged") == ["samples"]


def test_progress_does_without_keras(run):
    result = run_process("progress", run, code=PRINT_WHETHER_KERAS_IS_LOADED)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:] == ["False"]
