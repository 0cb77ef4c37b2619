"""The matrix: all that is wanted of a machine with a GPU, in tasks that fit into limited time.

The tasks are ordered by what they are worth. A call does those that are left, as far as its minutes
reach; rows are written as they come, and the next call goes on from there.
"""

import contextlib
import dataclasses
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from benchmarks.measure import profiles
from benchmarks.measure.cells import VARIANTS, Cell, Settings, make_cells
from benchmarks.measure.processes import CellFailedError, CellProcess
from benchmarks.measure.result_file import ResultFile, cell_of
from benchmarks.measure.run import Run, check_settings
from benchmarks.measure.runner import Outcome, silent
from benchmarks.measure.search import largest_batch
from benchmarks.record.host_time import is_host_time
from benchmarks.record.pairs import latest, to_native
from benchmarks.record.rows import Row

SETTINGS = Settings(windows=5, seconds=0.5)
"""On a GPU most of the time goes into imports, compilation and warming up, not into windows."""
REHEARSAL = Settings(windows=2, seconds=0.01, largest_batch=16)
MODELS = ("dcgan64", "inpaint64", "dcgan28", "gan28")
BATCH_SIZES = (64, 256, 1024)
PROFILES = 6
"""How many of the slowest cells are profiled."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A piece of work that is done as a whole, or left.

    Args:
        part: name of the part that it belongs to.
        kind: `"group"`: the cells are timed in turn; `"search"`: the largest batch of one cell is
            searched for; `"profile"`: one more of the slowest cells is profiled.
        cells: tuple of `Cell`.
    """

    part: str
    kind: Literal["group", "search", "profile"] = "group"
    cells: tuple[Cell, ...] = ()


def make_tasks(backends: list[str], rehearsal: bool = False) -> list[Task]:
    """Returns all tasks, those that are worth most first.

    Args:
        backends: names of `cells.BACKENDS`.
        rehearsal: whether to take one model, and batches so small that a CPU is enough.
    """
    models = ("gan28",) if rehearsal else MODELS
    small, middle, large = (2, 3, 4) if rehearsal else BATCH_SIZES
    first = {name: variants[:1] for name, variants in VARIANTS.items()}
    compiled = {name: variants[1:] for name, variants in VARIANTS.items()}
    compiling = [name for name in backends if compiled[name]]

    def part(name, mode, precision, size, data="numpy", among=backends, jit="auto", peers=first):
        groups = make_cells(
            backends=among,
            models=models,
            batch_sizes=[size],
            precisions=[precision],
            modes=[mode],
            jits=[jit],
            data=[data],
            implementations=["zoo", "native"],
            variants=peers,
        )
        host = mode == "overhead"
        label = f"{name}, {precision}" if host else f"{name}, {precision}, batch {size:,}"
        # What `fit` adds to the step is the host's time, which is measured by itself.
        chosen = [tuple(c for c in group if host or c.variant != "step") for group in groups]
        return [Task(label, cells=cells) for cells in chosen]

    def searches(precision):
        cells = [
            Cell(model, "train", precision, 2 * large, backend, "zoo", "fit", "auto", "device")
            for model in models
            for backend in backends
        ]
        return [Task(f"largest batch, {precision}", "search", (cell,)) for cell in cells]

    by_compiler = {"among": compiling, "jit": "on", "peers": compiled}
    return [
        *part("host time", "overhead", "float32", small),
        *part("training", "train", "float32", small),
        *part("training", "train", "mixed_bfloat16", large, "device"),
        *part("sampling", "sample", "float32", small),
        *[Task("profiles", "profile")] * (1 if rehearsal else PROFILES),
        *part("compiled host time", "overhead", "float32", small, **by_compiler),
        *part("compiled training", "train", "mixed_bfloat16", large, "device", **by_compiler),
        *part("training", "train", "mixed_bfloat16", small),
        *part("training", "train", "float32", large, "device"),
        *part("sampling", "sample", "mixed_bfloat16", large),
        *searches("mixed_bfloat16"),
        *part("training", "train", "mixed_bfloat16", middle),
        *part("training", "train", "float32", middle),
        *searches("float32"),
    ]


class Matrix:
    """The tasks, and what is done of them.

    Args:
        tasks: list of `Task`.
        settings: `cells.Settings`.
        out: file of the rows; profiles go into a folder beside it, `NAME-profiles`.
        watch, start: see `runner.measure_group`.

    Raises:
        ValueError: if the file holds anything but rows, or was made with other settings.
    """

    def __init__(
        self,
        tasks: list[Task],
        settings: Settings,
        out: Path,
        watch: Callable = silent,
        start: Callable = CellProcess,
    ):
        self.tasks, self.settings, self.watch, self.start = tasks, settings, watch, start
        self.file = ResultFile(out)
        check_settings(self.file.rows, settings, out)
        self.folder = out.with_name(f"{out.stem}-profiles")
        self.run = Run(settings, self.file, watch, start)

    def go_on(self, seconds: float) -> Iterator[list[Row]]:
        """Does tasks that are left, one after the other, and yields the new rows of each.

        Begins none that would not end in time if it took as long as the longest of its kind so far.
        One that isn't done when the time is up is given up, and stays left.

        Args:
            seconds: float, how long.
        """
        end, longest = time.monotonic() + seconds, {}
        for task in self.tasks:
            begun, kind = time.monotonic(), task.part.split(",")[0]
            if end - begun <= longest.get(kind, 0.0) or self.is_done(task):
                continue
            with _TimeLimit(end - begun) as limit:
                rows = self._do(task)
            if limit.reached:
                return
            longest[kind] = max(longest.get(kind, 0.0), time.monotonic() - begun)
            yield rows

    def is_done(self, task: Task) -> bool:
        """Returns whether a task is done. Cells that failed are: the time is too short for them."""
        statuses = {cell_of(row): row.status for row in self.file.rows}
        if task.kind == "group":
            return all(cell in statuses for cell in task.cells)
        if task.kind == "profile":
            return len(self._profiled()) >= self.tasks.count(task) or not self._slowest()
        (cell,) = task.cells

        def fits(batch_size):
            status = statuses[dataclasses.replace(cell, batch_size=batch_size)]
            if status == "failed":
                raise _FailedError
            return status == "ok"

        try:
            largest_batch(fits, cell.batch_size, self.settings.largest_batch)
        except KeyError:
            return False
        except _FailedError:
            return True
        return True

    def summary(self) -> list[tuple[str, int, int]]:
        """Returns (part, tasks that are done, all its tasks), in order."""
        parts = {}
        for task in self.tasks:
            parts.setdefault(task.part, []).append(self.is_done(task))
        done = {part: sum(flags) for part, flags in parts.items()}
        if "profiles" in done:  # before any cell is there to profile, none is left to
            done["profiles"] = min(len(self._profiled()), len(parts["profiles"]))
        return [(part, done[part], len(flags)) for part, flags in parts.items()]

    def _do(self, task):
        if task.kind == "group":
            return self.run.measure(list(task.cells))
        if task.kind == "search":
            return self.run.search(*task.cells)
        cell = self._slowest()[0]
        self.watch(cell, "profile", Outcome(cell))
        try:
            found = profiles.measure_profile(cell, self.settings, self.start)
        except CellFailedError as error:
            found = {"error": str(error)}
        profiles.save(found, cell, self.folder)
        return []

    def _slowest(self):
        """The zoo's cells that aren't profiled yet, the slowest beside its native loop first."""
        rows = list(latest(self.file.rows).values())
        ratios = {cell_of(row): to_native(row, rows) for row in rows if not is_host_time(row)}
        known = self._profiled()
        left = [cell for cell, ratio in ratios.items() if ratio and cell not in known]
        return sorted(left, key=lambda cell: ratios[cell]["median"])

    def _profiled(self):
        """The cells whose profiles are there."""
        files = self.folder.glob("*.json")
        return {Cell(**json.loads(file.read_text(encoding="utf-8"))["cell"]) for file in files}


class _FailedError(Exception):
    pass


class _TimeUpError(Exception):
    pass


class _TimeLimit(contextlib.AbstractContextManager):
    """Ends the block after some seconds; `reached` says whether it had to."""

    def __init__(self, seconds):
        self.seconds, self.reached = seconds, False

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, kind, *exception):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
        self.reached = kind is _TimeUpError
        return self.reached

    def _ring(self, *_):
        raise _TimeUpError
