"""`zoo progress`: where it writes, what it says, how it fails."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import fail, run_process, succeed


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
        (["runs/tiny", "-o", "a"], ".gif"),
        (["runs/tiny", "-o", "folder.gif"], "folder.gif, a folder"),
        (["runs/tiny", "-o", "file/a.gif"], "file"),
        (["runs/tiny", "--frame-ms", "5"], "--frame-ms=5"),
        (["runs/tiny", "--frame-ms", "5001"], "--frame-ms=5001"),
        (["runs/tiny", "--frame-ms", "slow"], "integer"),
        (["runs"], "epoch_0001.png"),
        (["nowhere"], "nowhere"),
        (["file"], "file"),
        ([], "--help"),
    ],
)
def test_progress_refuses_and_writes_nothing(run, here, arguments, expected):
    Path("folder.gif").mkdir()
    Path("file").touch()
    assert expected in fail("progress", *arguments)
    assert sorted(os.listdir(here)) == ["file", "folder.gif", "runs"]
    assert os.listdir(run) == ["samples"]


def test_a_damaged_picture_is_named(run):
    Path(run, "samples", "epoch_0002.png").write_bytes(b"junk")
    assert "epoch_0002.png" in fail("progress", run)
    assert os.listdir(run) == ["samples"]


def test_progress_does_without_keras(run):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('keras' in sys.modules))\n"
        "from zoo.cli import main; main()\n"
    )
    result = run_process("progress", run, code=code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:] == ["False"]


def test_help_names_the_command(here):
    assert "progress" in succeed("--help")
    text = succeed("progress", "--help")
    for word in ("RUN_DIR", "--frame-ms", "RUN_DIR/progress.gif"):
        assert word in text
