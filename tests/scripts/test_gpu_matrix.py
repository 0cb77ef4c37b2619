"""`scripts/gpu_matrix.sh`: what the folder holds, and that it runs without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.no_backend

SCRIPT = ROOT / "scripts/gpu_matrix.sh"
PYTHON = """#!/bin/bash
# Python, but for `pip download`, which makes two wheels of zeros.
if [ "$2 $3" = "pip download" ]; then
    head -c 1000 /dev/zero > "$6/small_thing-1.0-py3-none-any.whl"
    head -c 3000000 /dev/zero > "$6/large_thing-1.0-py3-none-any.whl"
    exit
fi
exec "{python}" "$@"
"""


def call(*arguments, path, **variables):
    """Calls the script with `path` ahead of all others, and returns what became of it."""
    variables["PATH"] = f"{path}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", SCRIPT, *map(str, arguments)],
        env=os.environ | {key: str(value) for key, value in variables.items()},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def offline(tmp_path):
    """A folder with a `python3` that downloads nothing."""
    python = tmp_path / "bin/python3"
    python.parent.mkdir()
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return python.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="archives a commit")
def test_prepare(tmp_path, offline):
    folder = tmp_path / "gpu"
    done = call("prepare", folder, path=offline)
    assert done.returncode == 0, done.stderr
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True)
    assert (folder / "commit").read_text() == commit
    assert "keras>=3" in (folder / "requirements.txt").read_text()
    for file in ("zoo/__init__.py", "benchmarks/cli.py", "pyproject.toml"):
        assert (folder / "source" / file).is_file()
    assert ", 2 wheels" in done.stdout
    call("prepare", folder, "large-thing", path=offline)
    assert [file.name for file in (folder / "wheels").iterdir()] == [
        "small_thing-1.0-py3-none-any.whl"
    ]
    too_large = call("prepare", folder, path=offline, LIMIT_MIB=1)
    assert too_large.returncode == 1
    assert "over 1 MiB; name packages that the machine has" in too_large.stderr
    assert "large_thing" in too_large.stderr


@pytest.mark.skipif(shutil.which("pip") is None, reason="needs pip")
def test_run(tmp_path):
    """Nothing is missing here, and nothing is done in no time; the rows' file is the folder's."""
    folder = tmp_path / "gpu"
    (folder / "wheels").mkdir(parents=True)
    (folder / "source").symlink_to(ROOT)
    (folder / "commit").write_text("0" * 40)
    (folder / "requirements.txt").write_text("keras\nnumpy\n")
    options = ["--rehearse", "--minutes", "0.01"]
    done = call("run", folder, *options, path=Path(sys.executable).parent)
    assert done.returncode == 1, done.stderr
    assert "host time, float32: 0 of 1" in done.stdout
    assert "0 rows in rows.jsonl; the same command does the" in done.stdout
    assert not (folder / "site").exists()


def test_what_it_takes(tmp_path):
    for arguments, reason in (
        ((), ""),
        (("prepare",), "error: prepare takes a FOLDER\n"),
        (("NONSENSE",), "error: expected prepare or run. Received: NONSENSE\n"),
        (("NONSENSE", tmp_path), "error: expected prepare or run. Received: NONSENSE\n"),
    ):
        done = call(*arguments, path=tmp_path)
        assert done.returncode == 2
        assert "scripts/gpu_matrix.sh prepare FOLDER [PACKAGE...]" in done.stderr
        assert done.stderr.endswith(reason)
    done = call("run", tmp_path / "nothing", path=tmp_path)
    assert done.returncode == 2
    assert "isn't a folder that prepare made" in done.stderr
