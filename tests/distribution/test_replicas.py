"""Replicas end as one device does with the same seed and batches, and identical to each other."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.distribution import cases
from tests.distribution.devices import finish_job, start_job

WORKER = Path(__file__).with_name("worker.py")
JOBS = {
    "torch": {"two processes": {"processes": 2}},
    "jax": {"eight devices": {"processes": 1, "devices": 8}, "two processes": {"processes": 2}},
    "tensorflow": {
        "two devices": {"processes": 1, "devices": 2},
        "two processes": {"processes": 2},
    },
}[keras.backend.backend()]


@pytest.fixture(scope="module")
def alone():
    """What one device makes of each case."""
    return {name: cases.train(name) for name in cases.CASES}


@pytest.fixture(scope="module", params=JOBS)
def together(request, tmp_path_factory):
    """What the processes of a job make of each case: dict name -> list of states."""
    folder = tmp_path_factory.mktemp("job")
    for status, output in finish_job(start_job(WORKER, "cases", folder, **JOBS[request.param])):
        assert status == 0, output
    names = {path.name.rsplit("-", 1)[0] for path in folder.glob("*.npz")}
    return {
        name: [dict(np.load(path)) for path in sorted(folder.glob(f"{name}-*.npz"))]
        for name in names
    }


def test_replicas_end_as_one_device_does(alone, together):
    for name in cases.CASES:
        found = cases.differences(alone[name], together[name][0])
        assert max(found.values()) < 1e-4, (name, found)


def test_replicas_are_identical(together):
    for name, (first, *others) in together.items():
        for other in others:
            apart = [key for key in first if not np.array_equal(first[key], other[key])]
            if name == "apart":  # but for the statistics that each has of its own
                continue
            assert not apart, (name, apart)


def test_a_step_with_nan_on_one_replica_is_skipped_on_all(together):
    for state in together["vanilla"]:
        assert state["log skipped_steps"] == [1]


def test_statistics_apart_give_other_weights(alone, together):
    found = cases.differences(alone["dcgan"], together["apart"][0])
    assert max(found.values()) > 1e-3
