"""Measurement of a group: its cells live side by side and are timed in turn.

Whatever else the machine does affects all of them: ratios of two cells are taken window by window.
All import their frameworks at the same time; from then on, only one process computes at a time.
"""

import dataclasses
from collections.abc import Callable

from benchmarks.measure.cells import Cell, Settings
from benchmarks.measure.processes import CellFailedError, CellProcess


@dataclasses.dataclass
class Outcome:
    """Measurements of a cell.

    Args:
        cell: `cells.Cell`.
        status: a row's.
        error: str or `None`.
        alone: bool, whether no other cell was measured beside it.
        facts: dict of further fields of the row, from its process.
        windows: (seconds, losses) per timed window.
    """

    cell: Cell
    status: str = "ok"
    error: str | None = None
    alone: bool = False
    facts: dict = dataclasses.field(default_factory=dict)
    windows: list = dataclasses.field(default_factory=list)

    @property
    def images_per_second(self) -> list[float]:
        """Images per second of each window."""
        steps = self.facts.get("steps_per_window", 0)
        return [steps * self.cell.batch_size / seconds for seconds, _ in self.windows]


def silent(cell, stage, outcome):
    """Shows nothing; the default `watch`."""


def measure_group(
    cells: list[Cell], settings: Settings, watch: Callable = silent, start: Callable = CellProcess
) -> list[Outcome]:
    """Measures cells side by side; one that runs out of memory is tried again alone.

    Args:
        cells: the group.
        settings: `cells.Settings`.
        watch: called with the cell, the next stage and its `Outcome` before each command.
        start: called with the cell and the settings; returns an object like `CellProcess`.

    Returns:
        One outcome per cell, in order. A cell that fails doesn't keep the others from being
        measured.
    """
    outcomes = _interleave(cells, settings, watch, start)
    if len(cells) > 1:
        for i, outcome in enumerate(outcomes):
            if outcome.status == "out_of_memory":
                (outcomes[i],) = _interleave([outcome.cell], settings, watch, start)
                outcomes[i].alone = True
    return outcomes


def _interleave(cells, settings, watch, start):
    outcomes = [Outcome(cell) for cell in cells]
    processes = {}

    def attempt(outcome, command, stage=None, sent=False):
        """Returns a command's result; `None` if it failed, which is noted in its outcome."""
        watch(outcome.cell, stage or command, outcome)
        process = processes[outcome.cell.process]
        try:
            return process.receive(command) if sent else process.call(command, outcome.cell)
        except CellFailedError as failure:
            outcome.status, outcome.error = failure.status, failure.error
            outcome.windows = []
            return None

    def living():
        """Returns what still works, and ends processes that nothing works in to free memory."""
        alive = [outcome for outcome in outcomes if outcome.status == "ok"]
        for key in set(processes) - {outcome.cell.process for outcome in alive}:
            processes.pop(key).close()
        return alive

    try:
        for outcome in outcomes:
            if outcome.cell.process not in processes:
                processes[outcome.cell.process] = start(outcome.cell, settings)
            processes[outcome.cell.process].send("prepare", outcome.cell)
        for outcome in outcomes:
            outcome.facts.update(attempt(outcome, "prepare", sent=True) or {})
        for outcome in living():
            outcome.facts.update(attempt(outcome, "warm_up") or {})
            living()
        for i in range(settings.windows):
            # The order alternates, so that no cell always runs on a machine that another warmed up.
            for outcome in living()[:: 1 if i % 2 == 0 else -1]:
                window = attempt(outcome, "window", f"window {i + 1}/{settings.windows}")
                if window is not None:
                    outcome.windows.append(window)
        for outcome in living():
            outcome.facts.update(attempt(outcome, "finish") or {})
    finally:
        for process in processes.values():
            process.close()
    return outcomes


def measure_machine(cell: Cell, settings: Settings, start: Callable = CellProcess) -> dict:
    """Measures the machine's limits in a cell's backend and precision, in a process of its own.

    Returns:
        The machine's fields of a row; none if it failed, as the backend's own cells then will.
    """
    process = start(cell, settings)
    try:
        return process.call("measure_machine", cell)
    except CellFailedError:
        return {}
    finally:
        process.close()
