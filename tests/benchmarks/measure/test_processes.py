import dataclasses
import time

import pytest

from benchmarks.measure.cells import Settings
from benchmarks.measure.processes import CellFailedError, CellProcess
from tests.benchmarks import light_workers
from tests.benchmarks.result_rows import CELL

pytestmark = pytest.mark.no_backend


@pytest.fixture
def start():
    """Starts processes that are gone after the test."""
    processes = []

    def started(target, variant="fit", timeout=60.0):
        cell = dataclasses.replace(CELL, variant=variant)
        processes.append(CellProcess(cell, Settings(timeout=timeout), target))
        return processes[-1]

    yield started
    for process in processes:
        process.close()


def test_answers(start):
    process = start(light_workers.obedient)
    assert process.call("prepare", CELL) == {"parameters": 7}
    assert process.call("window", CELL) == (0.5, (1.0, 2.0))


@pytest.mark.parametrize(
    ("variant", "status", "words"),
    [
        ("raise", "failed", ["ValueError: what is wrong"]),
        ("memory", "out_of_memory", ["MemoryError: no more"]),
        ("crash", "failed", ["with status 7 during `window`", "last words"]),
        ("segfault", "failed", ["by signal 11", "last words"]),
        ("killed", "out_of_memory", ["killed", "memory"]),
    ],
)
def test_what_became_of_it(start, variant, status, words):
    process = start(light_workers.broken, variant)
    assert process.call("prepare", CELL) == 1
    with pytest.raises(CellFailedError) as raised:
        process.call("window", CELL)
    assert raised.value.status == status
    assert all(word in raised.value.error for word in words)


def test_hanging_ends(start):
    process = start(light_workers.broken, "hang")
    process.call("prepare", CELL)
    process.timeout = 0.2
    started = time.monotonic()
    with pytest.raises(CellFailedError, match=r"no answer in 0\.2 s") as raised:
        process.call("window", CELL)
    assert raised.value.status == "failed"
    process.close()
    assert time.monotonic() - started < 30
    assert not process.process.is_alive()


def test_close_leaves_nothing(start):
    process = start(light_workers.obedient)
    assert process.log.exists()
    process.close()
    process.close()
    assert not process.log.exists()
    assert not process.process.is_alive()


def test_a_process_without_a_parent_ends(start):
    process = start(light_workers.obedient)
    process.call("prepare", CELL)
    process.connection.close()
    process.process.join(30)
    assert process.process.exitcode == 0
