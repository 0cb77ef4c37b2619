"""A run whose disk fails: what it reports, its exit status, and that nothing is lost.

Uses a small file system of its own where the tests can mount one, and a limit on the size of files.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import CheckpointError
from zoo.hub import registry
from zoo.hub.checkpoint_files import check_checkpoint, list_checkpoints

pytestmark = pytest.mark.no_backend

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(32):
        Image.fromarray(rng.integers(0, 256, (28, 28), "uint8")).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 32 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class Run:
    """`zoo train` in a process of its own."""

    def __init__(self, pictures, epochs, *options, limit=None):
        line = ["train", "gan_mnist_small", "--data", str(pictures), "--epochs", str(epochs)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}

        def limited():
            if limit is not None:
                import signal

                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        self.process = subprocess.Popen(
            [sys.executable, "-m", "zoo", *line, "--batch-size", "8", *map(str, options)],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=limited,
        )

    def wait_for(self, folder, epoch):
        until = time.monotonic() + SECONDS
        while last_epoch(folder) < epoch:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.01)

    def end(self):
        """Returns its exit status and the last line of its errors."""
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said.strip().splitlines()[-1]


def fill(path):
    """Writes a file until the disk is full."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def last_epoch(folder):
    paths = list_checkpoints(folder / "checkpoints")
    return int(paths[-1].name[len("epoch_") :][:4]) if paths else 0


def check_whole(folder):
    """Checks that no file of a run is half written."""
    for path in list_checkpoints(folder / "checkpoints"):
        check_checkpoint(path)
    assert not list(folder.rglob(".tmp*"))
    assert len(list_checkpoints(folder / "checkpoints")) >= 1


@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_a_disk_that_fails_during_a_run(pictures, small_disk, trouble):
    out = small_disk / "run"
    run = Run(pictures, 500, "--out", out)
    run.wait_for(out, 2)
    if trouble == "full":
        fill(small_disk / "filler")
    else:
        # Over it, the same disk read-only: the run holds its lock's file open for writing.
        subprocess.run(["mount", "--bind", str(small_disk), str(small_disk)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(small_disk)], check=True)
    status, said = run.end()
    assert status == 2
    expected = "No space left on device" if trouble == "full" else "Read-only file system"
    assert said.startswith("error: ")
    assert expected in said
    assert "whole" in said
    assert "--resume" in said
    check_whole(out)
    epoch = last_epoch(out)
    assert epoch >= 2
    if trouble == "full":
        (small_disk / "filler").unlink()
    else:
        assert Run(pictures, 500, "--resume", out).end()[0] == 2  # reported before any training
        subprocess.run(["umount", str(small_disk)], check=True)
    again = Run(pictures, 500, "--resume", out)
    again.wait_for(out, epoch + 1)
    again.process.kill()
    again.end()


def test_files_that_cannot_grow(pictures, tmp_path):
    out = tmp_path / "run"
    whole = Run(pictures, 2, "--out", out)
    assert whole.end()[0] == 0
    largest = max(path.stat().st_size for path in out.rglob("*.checkpoint.h5"))
    status, said = Run(pictures, 2, "--out", tmp_path / "limited", limit=largest // 2).end()
    assert status == 2
    assert "File too large" in said
    assert not list((tmp_path / "limited").rglob("*.checkpoint.h5"))


@pytest.fixture
def train(tmp_path):
    """Trains for four epochs of one step into a folder, `tmp_path / "run"`."""
    spec = registry.find("gan_mnist_small").with_recipe(epochs=4)
    images = np.zeros((16, 28, 28, 1), "uint8")
    return lambda *callbacks: zoo.train(spec, images, tmp_path / "run", callbacks)


def test_a_folder_that_is_deleted_between_epochs_is_made_again(train, tmp_path):
    out = tmp_path / "run"

    class Delete(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                shutil.rmtree(out)

    with pytest.warns(UserWarning, match="is gone; creating it again"):
        train(Delete())
    assert last_epoch(out) == 4
    assert {path.name for path in out.iterdir()} >= {
        "gan_mnist_small.weights.h5",
        "gan_mnist_small.json",
        "gan_mnist_small.png",
    }
    check_whole(out)


def test_a_folder_that_is_deleted_under_a_write_is_told(train, tmp_path, monkeypatch):
    replace = os.replace

    def replace_too_late(temporary, path):
        shutil.rmtree(tmp_path / "run")
        replace(temporary, path)

    monkeypatch.setattr(os, "replace", replace_too_late)
    with pytest.raises(CheckpointError, match="moved or deleted while the run wrote to it"):
        train()
