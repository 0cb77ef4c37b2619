"""Profiles: which operations a cell's steps consist of, and how long the device works at all."""

import dataclasses
import json
import re
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from benchmarks.measure import timing
from benchmarks.measure.cells import Cell, Settings
from benchmarks.measure.processes import CellProcess
from zoo.files import replacing

STEPS = 10
MOST = 25
"""Operations that a file lists; the others are summed up."""
SHOWN = 12
"""Operations that a table shows."""


def measure_profile(cell: Cell, settings: Settings, start=CellProcess) -> dict:
    """Profiles a cell in a process of its own.

    Raises:
        CellFailedError: if that fails.
        OwnModelError: if the model can't be timed.
    """
    process = start(cell, settings)
    try:
        process.call("prepare", cell)
        return process.call("profile", cell)
    finally:
        process.close()


def save(profile: dict, cell: Cell, folder: Path) -> Path:
    """Writes a profile and its cell as JSON, and returns the file's path."""
    path = folder / f"{file_name(cell)}.json"
    with replacing(path) as temporary:
        text = json.dumps({"cell": dataclasses.asdict(cell), **profile}, indent=1)
        temporary.write_text(f"{text}\n", encoding="utf-8")
    return path


def file_name(cell: Cell) -> str:
    """Returns a cell's fields as the name of a file, `dcgan64-train-float32-64-torch-...`."""
    fields = (str(field) for field in dataclasses.astuple(cell) if field is not None)
    return re.sub(r"[^\w.-]+", "_", "-".join(fields))


def make_table(profile: dict, title: str) -> Table:
    """Returns a profile's longest operations as a `rich` table."""
    step, computed = profile["ms_per_step"], profile["computed_ms_per_step"]
    caption = f"{step:.3f} ms a step; operations: {computed:.3f} ms, on all threads or streams"
    table = Table(title=title, caption=caption, min_width=max(len(title), len(caption)))
    table.add_column("operation", overflow="fold")
    for column in ("calls/step", "ms/step", "share"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in profile["operations"][:SHOWN]:
        share = each["ms_per_step"] / computed
        table.add_row(
            escape(each["name"]),
            f"{each['calls_per_step']:g}",
            f"{each['ms_per_step']:.3f}",
            f"{share:.1%}",
        )
    return table


def profile(contestant, devices) -> dict:
    """Profiles `STEPS` steps, once they are compiled.

    Args:
        contestant: `contestants.Contestant`.
        devices: module of `benchmarks.measure.devices`.

    Returns:
        A dictionary: `device`; `steps`; `ms_per_step` on the wall's clock, while nothing is
        profiled; `computed_ms_per_step`, the sum of all operations (on a GPU, what is missing is
        waiting); `operations`, the longest first, as dictionaries of `name`, `calls_per_step` and
        `ms_per_step`; `others_ms_per_step`, of those that aren't listed.
    """
    steps = contestant.prepare(STEPS)
    for _ in range(2):  # the first compiles
        seconds, _ = timing.time_window(contestant)
    found = {}
    for name, nanoseconds in devices.profile(contestant.run):
        calls, total = found.get(name, (0, 0.0))
        found[name] = calls + 1, total + nanoseconds
    longest = sorted(found.items(), key=lambda item: -item[1][1])
    operations = [
        {"name": name, "calls_per_step": calls / steps, "ms_per_step": total / 1e6 / steps}
        for name, (calls, total) in longest
    ]
    return {
        "device": devices.device_name(),
        "steps": steps,
        "ms_per_step": 1e3 * seconds / steps,
        "computed_ms_per_step": sum(each["ms_per_step"] for each in operations),
        "operations": operations[:MOST],
        "others_ms_per_step": sum(each["ms_per_step"] for each in operations[MOST:]),
    }
