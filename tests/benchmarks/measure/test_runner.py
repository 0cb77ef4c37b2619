"""The order of measuring, with stand-ins for processes that record their commands."""

import dataclasses

import pytest

from benchmarks.measure.cells import Settings
from benchmarks.measure.processes import CellFailedError
from benchmarks.measure.runner import measure_group, measure_machine
from tests.benchmarks.result_rows import CELL

pytestmark = pytest.mark.no_backend

SETTINGS = Settings(windows=3)
ANSWERS = {
    "prepare": {"parameters": 7},
    "warm_up": {"steps_per_window": 2},
    "window": (0.5, (1.0, 2.0)),
    "finish": {"peak_memory_bytes": 1},
    "measure_machine": {"matmul_tflops": 0.5},
}


class Machine:
    """Starts stand-ins, and records their commands.

    Args:
        failures: dict of (variant, command) -> status, or -> function of the machine.
    """

    def __init__(self, failures=None):
        self.failures = failures or {}
        self.log, self.alive = [], []

    def start(self, cell, settings):
        self.alive.append(cell.variant)
        return Standin(self, cell)


class Standin:
    def __init__(self, machine, cell):
        self.machine, self.variant = machine, cell.variant
        self.sent = []

    def send(self, name, cell):
        self.sent.append((name, cell))

    def receive(self, name):
        assert self.sent[0][0] == name
        return self.call(*self.sent.pop(0))

    def call(self, name, cell):
        assert self.variant in self.machine.alive
        self.machine.log.append((cell.variant, name))
        status = self.machine.failures.get((cell.variant, name), "ok")
        status = status(self.machine) if callable(status) else status
        if isinstance(status, BaseException):
            raise status
        if status != "ok":
            raise CellFailedError(status, f"{name} went wrong")
        return ANSWERS[name]

    def close(self):
        if self.variant in self.machine.alive:
            self.machine.alive.remove(self.variant)


def cells(*variants):
    return [dataclasses.replace(CELL, variant=variant) for variant in variants]


def commands(machine, name):
    return [variant for variant, command in machine.log if command == name]


def test_windows_are_taken_in_turn_and_the_order_alternates():
    machine = Machine()
    outcomes = measure_group(cells("a", "b"), SETTINGS, start=machine.start)
    assert commands(machine, "window") == ["a", "b", "b", "a", "a", "b"]
    assert machine.log[:4] == [
        ("a", "prepare"),
        ("b", "prepare"),  # at the same time, while nothing is timed
        ("a", "warm_up"),
        ("b", "warm_up"),
    ]
    assert machine.alive == []
    for outcome in outcomes:
        assert outcome.status == "ok"
        assert outcome.images_per_second == [2 * 4 / 0.5] * 3
        assert outcome.facts == {"parameters": 7, "steps_per_window": 2, "peak_memory_bytes": 1}


@pytest.mark.parametrize("command", ["prepare", "warm_up", "window", "finish"])
def test_the_others_go_on(command):
    machine = Machine({("a", command): "failed"})
    failed, fine = measure_group(cells("a", "b"), SETTINGS, start=machine.start)
    assert (failed.status, failed.error) == ("failed", f"{command} went wrong")
    assert failed.windows == []
    assert (fine.status, len(fine.windows)) == ("ok", 3)
    assert commands(machine, command).count("a") == 1
    assert machine.alive == []


def test_what_ran_out_of_memory_is_tried_again_alone():
    machine = Machine({("b", "window"): lambda m: "ok" if m.alive == ["b"] else "out_of_memory"})
    a, b = measure_group(cells("a", "b"), SETTINGS, start=machine.start)
    assert (a.status, a.alone) == ("ok", False)
    assert (b.status, b.alone, len(b.windows)) == ("ok", True, 3)


def test_alone_it_may_run_out_of_memory_too():
    machine = Machine({("b", "warm_up"): "out_of_memory"})
    _, b = measure_group(cells("a", "b"), SETTINGS, start=machine.start)
    assert (b.status, b.alone) == ("out_of_memory", True)
    assert commands(machine, "warm_up") == ["a", "b", "b"]


def test_a_cell_that_is_alone_already_is_not_tried_again():
    machine = Machine({("a", "warm_up"): "out_of_memory"})
    (a,) = measure_group(cells("a"), SETTINGS, start=machine.start)
    assert (a.status, a.alone) == ("out_of_memory", False)
    assert len(commands(machine, "warm_up")) == 1


def test_an_interrupt_leaves_no_process():
    machine = Machine({("b", "window"): KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        measure_group(cells("a", "b"), SETTINGS, start=machine.start)
    assert machine.alive == []


def test_each_stage_is_shown():
    seen = []
    measure_group(
        cells("a"),
        SETTINGS,
        watch=lambda cell, stage, outcome: seen.append((cell.variant, stage)),
        start=Machine().start,
    )
    stages = ["prepare", "warm_up", "window 1/3", "window 2/3", "window 3/3", "finish"]
    assert seen == [("a", stage) for stage in stages]


def test_the_machine():
    machine = Machine()
    assert measure_machine(CELL, SETTINGS, machine.start) == {"matmul_tflops": 0.5}
    machine.failures["fit", "measure_machine"] = "failed"
    assert measure_machine(CELL, SETTINGS, machine.start) == {}
    assert machine.alive == []


def test_cells_of_one_process_are_timed_in_it_and_outlive_each_other():
    """Each backend's host times are measured in one process."""
    machine = Machine({("b", "warm_up"): "failed"})
    narrow = [dataclasses.replace(cell, mode="overhead") for cell in cells("a", "b", "c")]
    started = []

    def start(cell, settings):
        started.append(cell.variant)
        return machine.start(cell, settings)

    other = dataclasses.replace(narrow[0], backend="torch", variant="d")
    outcomes = measure_group([*narrow, other], SETTINGS, start=start)
    assert started == ["a", "d"]
    assert [outcome.status for outcome in outcomes] == ["ok", "failed", "ok", "ok"]
    windows = [variant for variant, command in machine.log if command == "window"]
    assert windows == [*"acd", *"dca", *"acd"]
    assert machine.alive == []
