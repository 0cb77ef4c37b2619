"""Whole runs, over stand-ins for what measures."""

import dataclasses
import json

import pytest

from benchmarks.measure import run as run_module
from benchmarks.measure.cells import Settings
from benchmarks.measure.result_file import ResultFile, cell_of
from benchmarks.measure.runner import Outcome
from benchmarks.record.rows import read_rows
from tests.benchmarks import result_rows

pytestmark = pytest.mark.no_backend

CELL = dataclasses.replace(result_rows.CELL, batch_size=64)
OTHER = dataclasses.replace(CELL, variant="step", data="device")
SETTINGS = Settings(windows=2)


@pytest.fixture
def machine(monkeypatch):
    """Measures in no time; `machine.limit` is the largest batch that fits."""

    class Machine:
        limit = 10**9
        failing = ()

        def __init__(self):
            self.groups = []

        def measure_group(self, cells, settings, watch, start):
            self.groups.append((cells, settings.windows))
            return [self.measure(cell) for cell in cells]

        def measure(self, cell):
            if cell.variant in self.failing:
                return Outcome(cell, "failed", "it broke")
            if cell.batch_size > self.limit:
                return Outcome(cell, "out_of_memory", "too large")
            facts = {"steps_per_window": 1, "gflop_per_image": 1.0, "peak_memory_bytes": 2**20}
            facts |= {"first_call_seconds": 1.0}
            return Outcome(cell, facts=facts, windows=[(0.5, (1.0, 2.0)), (0.5, (2.0, 1.0))])

    found = Machine()
    monkeypatch.setattr(run_module, "measure_group", found.measure_group)
    monkeypatch.setattr(run_module, "measure_machine", lambda *_: {"device": "cpu"})
    return found


def test_a_second_run_goes_on_with_the_first(machine, tmp_path):
    path = tmp_path / "rows.jsonl"
    run_module.run([[CELL]], SETTINGS, path)
    rows = run_module.run([[CELL, OTHER]], SETTINGS, path)
    assert [cell_of(row) for row in rows] == [OTHER]
    assert [cells for cells, _ in machine.groups] == [[CELL], [OTHER]]
    assert [cell_of(row) for row in read_rows(path)] == [CELL, OTHER]
    assert run_module.run([[CELL, OTHER]], SETTINGS, path) == []


def test_what_failed_is_measured_again(machine, tmp_path):
    path = tmp_path / "rows.jsonl"
    machine.failing = ("fit",)
    run_module.run([[CELL, OTHER]], SETTINGS, path)
    machine.failing = ()
    run_module.run([[CELL, OTHER]], SETTINGS, path)
    assert [row.status for row in read_rows(path)] == ["ok", "ok"]


def test_an_interrupt_keeps_finished_groups(machine, tmp_path):
    path = tmp_path / "rows.jsonl"

    def measure(cell, before=machine.measure):
        if cell == OTHER:
            raise KeyboardInterrupt
        return before(cell)

    machine.measure = measure
    with pytest.raises(KeyboardInterrupt):
        run_module.run([[CELL], [OTHER]], SETTINGS, path)
    assert [cell_of(row) for row in read_rows(path)] == [CELL]


def test_the_largest_batch(machine, tmp_path):
    path = tmp_path / "rows.jsonl"
    machine.limit = 300
    rows = run_module.run([[CELL, OTHER]], SETTINGS, path, largest=True)
    for cell in (CELL, OTHER):
        found = {
            row.batch_size: row.status
            for row in rows
            if dataclasses.replace(cell_of(row), batch_size=64) == cell
        }
        largest = max(size for size, status in found.items() if status == "ok")
        assert largest <= 300 < largest * 17 / 16 + 1
        assert found[512] == "out_of_memory"
    assert all(len(cells) == 1 for cells, _ in machine.groups)
    # Rows of different cells were not measured side by side, and don't say so.
    assert len({row.group for row in rows}) == len(rows)
    # Found once, it isn't searched for again.
    assert run_module.run([[CELL, OTHER]], SETTINGS, path, largest=True) == []


def test_a_failure_ends_the_search(machine, tmp_path):
    machine.failing = ("fit",)
    rows = run_module.run([[CELL]], SETTINGS, tmp_path / "rows.jsonl", largest=True)
    assert [row.status for row in rows] == ["failed"]


def test_tf32_is_not_mixed_with_float32(machine, tmp_path):
    path = tmp_path / "rows.jsonl"
    run_module.run([[CELL]], SETTINGS, path)
    row = {**json.loads(path.read_text(encoding="utf-8")), "tf32": True}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="choose another file"):
        run_module.run([[OTHER]], dataclasses.replace(SETTINGS, tf32=False), path)
    assert len(ResultFile(path).rows) == 1
