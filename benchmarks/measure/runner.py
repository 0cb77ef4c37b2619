"""Measuring cells: those of a group live side by side and are timed in turn.

Whatever else the machine does then meets all of them: the ratio of two cells is taken window by
window. Only one process computes at a time.
"""

import dataclasses

from benchmarks.measure.processes import CellFailedError, CellProcess


@dataclasses.dataclass
class Outcome:
    """What was measured of a cell.

    Args:
        cell: `cells.Cell`.
        status: a row's.
        error: str or `None`.
        alone: bool, whether no other cell was measured beside it.
        facts: dict of what its process told for the row.
        windows: (seconds, losses) per timed window.
    """

    cell: object
    status: str = "ok"
    error: str | None = None
    alone: bool = False
    facts: dict = dataclasses.field(default_factory=dict)
    windows: list = dataclasses.field(default_factory=list)

    @property
    def images_per_second(self):
        """List of float, one per window."""
        steps = self.facts.get("steps_per_window", 0)
        return [steps * self.cell.batch_size / seconds for seconds, _ in self.windows]


def silent(cell, stage, outcome):
    """A `watch` that shows nothing."""


def measure_group(cells, settings, watch=silent, start=CellProcess):
    """Measures cells side by side; one that runs out of memory is tried again alone.

    Args:
        cells: list of `cells.Cell`.
        settings: `cells.Settings`.
        watch: called with (cell, what happens to it, its `Outcome`) before each command.
        start: (cell, settings) -> what answers `call` and `close`, as `CellProcess`.

    Returns:
        A list of `Outcome`, one per cell, in their order. A cell that fails doesn't keep the others
        from being measured.
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
    alive = []

    def attempt(outcome, stage, action):
        """The action's result; `None` if it failed, which its outcome tells."""
        watch(outcome.cell, stage, outcome)
        try:
            return action()
        except CellFailedError as failure:
            outcome.status, outcome.error = failure.status, failure.error
            outcome.windows = []
            return None

    try:
        for outcome in outcomes:
            process = start(outcome.cell, settings)
            alive.append((outcome, process))
            for stage in ("prepare", "warm_up"):
                if outcome.status == "ok":
                    facts = attempt(outcome, stage, lambda p=process, s=stage: p.call(s))
                    outcome.facts.update(facts or {})
            alive = _living(alive)
        for i in range(settings.windows):
            # The order alternates: nobody always runs on the machine that another one warmed.
            for outcome, process in alive[:: 1 if i % 2 == 0 else -1]:
                stage = f"window {i + 1}/{settings.windows}"
                window = attempt(outcome, stage, lambda p=process: p.call("window"))
                if window is not None:
                    outcome.windows.append(window)
            alive = _living(alive)
        for outcome, process in alive:
            facts = attempt(outcome, "finish", lambda p=process: p.call("finish"))
            outcome.facts.update(facts or {})
    finally:
        for _, process in alive:
            process.close()
    return outcomes


def _living(pairs):
    """Those that still work; the processes of the others end, and their memory is free."""
    for outcome, process in pairs:
        if outcome.status != "ok":
            process.close()
    return [pair for pair in pairs if pair[0].status == "ok"]


def measure_machine(cell, settings, start=CellProcess):
    """What the machine can do in a cell's backend and precision, in a process of its own.

    Returns:
        A dict for rows; empty if it failed, which a row of the same backend will tell about.
    """
    process = start(cell, settings)
    try:
        return process.call("measure_machine")
    except CellFailedError:
        return {}
    finally:
        process.close()
