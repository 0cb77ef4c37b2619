"""Several processes make one run: one of them writes, and a lost one ends it for all."""

import signal
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.distribution import cases
from tests.distribution.devices import finish_job, start_job
from zoo.files import LOCK, sole_writer
from zoo.hub.checkpoint_files import list_checkpoints

WORKER = Path(__file__).with_name("worker.py")


def start_run(folder, epochs, processes):
    return start_job(WORKER, "run", folder, epochs, processes=processes)


def last_epoch(folder):
    """Returns the epochs in the newest checkpoint of a run; a checkpoint that is there is whole."""
    paths = list_checkpoints(folder / "checkpoints")
    return int(paths[-1].name.split(".")[0].removeprefix("epoch_")) if paths else 0


def arrays(checkpoint):
    """Returns the weights of both networks."""
    with h5py.File(checkpoint) as file:
        found = {}
        file.visititems(lambda name, item: found.update({name: item}))
        return {
            name: item[()]
            for name, item in found.items()
            if isinstance(item, h5py.Dataset) and name.startswith(("generator/", "discriminator/"))
        }


def kill_one(job, folder, number, after):
    """Kills a process once the run has a checkpoint of an epoch; returns when."""
    deadline = time.monotonic() + 300
    while last_epoch(folder) < after:
        if time.monotonic() > deadline or job[0].poll() is not None:
            pytest.fail(str(finish_job(job, 1)))
        time.sleep(0.05)
    job[number].send_signal(signal.SIGKILL)
    return time.monotonic()


WAITING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

from unittest import mock
from zoo import backend, cli

def join(synchronize):
    print("connecting", flush=True)
    return original(synchronize)

original = backend.join
with mock.patch.object(backend, "join", join):
    cli.main()
"""
"""The command, which says when it begins to wait."""

# On JAX the first process is also the one by which the others find each other.
KILLED = {"torch": 0, "jax": 1, "tensorflow": 0}[keras.backend.backend()]


def test_a_killed_process_ends_the_run_which_goes_on(tmp_path, own_registry):
    cases.save_pictures(tmp_path / "pictures")
    folder = tmp_path / "run"
    job = start_run(folder, 10_000, 2)
    killed = kill_one(job, folder, KILLED, after=2)
    status, output = finish_job(job, 60)[1 - KILLED]
    assert time.monotonic() - killed < 60
    assert status not in (0, None)
    assert "lost the others" in output
    done = last_epoch(folder)
    read = [cases.reads(tmp_path)]
    alone = cases.train_into(folder, done + 1)  # by one process, then by two
    assert alone.exit_code == 0, alone.output
    read.append(cases.reads(tmp_path))
    results = finish_job(start_run(folder, done + 2, 2))
    assert [status for status, _ in results] == [0, 0], results
    assert last_epoch(folder) == done + 2
    assert not (folder / LOCK).exists()
    read.append(cases.reads(tmp_path))

    cases.train_into(tmp_path / "whole", done + 2)
    folders = (tmp_path / "whole", folder)
    one, other = (arrays(list_checkpoints(path / "checkpoints")[-1]) for path in folders)
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-3, atol=1e-4, err_msg=name)
    # Each batch is shared without overlap or loss, by any number of processes.
    whole = cases.reads(tmp_path)
    steps = max(index for _, index in whole) + 1
    for batches, epochs in zip(read, (range(done), [done], [done + 1]), strict=True):
        for epoch in epochs:
            keys = [(epoch * steps, index) for index in range(steps)]
            assert [batches[key] for key in keys] == [whole[key] for key in keys]
            numbers = sorted(number for key in keys for number in whole[key])
            assert numbers == list(range(cases.PICTURES))


def test_ctrl_c_ends_a_process_that_waits_for_the_others(tmp_path):
    first, *others = start_job(
        *("-c", WAITING, "train", "gan_mnist_small", "--data", tmp_path, "--distribute")
    )
    for process in others:
        process.kill()
        process.communicate()
    assert "connecting\n" in iter(first.stdout.readline, "")
    time.sleep(2)
    assert first.poll() is None
    first.send_signal(signal.SIGINT)  # TensorFlow takes SIGTERM for itself meanwhile
    ((status, _),) = finish_job([first], 60)
    assert status in (-signal.SIGINT, 128 + signal.SIGINT)


def test_a_second_process_is_refused_the_folder_of_a_run(tmp_path, own_registry):
    cases.save_pictures(tmp_path / "pictures")
    with sole_writer(tmp_path / "run"):
        refused = cases.train_into(tmp_path / "run", 1)
    assert refused.exit_code == 2
    assert "Another process" in refused.output
    assert cases.train_into(tmp_path / "run", 1).exit_code == 0
