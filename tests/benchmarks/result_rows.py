"""Rows as a run would write them, and outcomes behind them, with figures made up for the tests."""

import dataclasses

from benchmarks.measure.cells import Cell
from benchmarks.measure.runner import Outcome
from benchmarks.record.rows import Row, append_row, summarize

CELL = Cell("gan28", "train", "float32", 4, "jax", "zoo", "fit", "auto", "numpy")
RUN = {"run": "abc", "date": "2030-01-02T03:04:05+00:00", "commit": None}
MACHINE = {"matmul_tflops": 0.5, "copy_gb_per_second": None, "device": "cpu", "driver": None}
FACTS = {
    "parameters": 7,
    "gflop_per_image": 2.0,
    "tf32": None,
    "first_call_seconds": 3.0,
    "warm_up_seconds": 4.0,
    "steps_per_window": 5,
    "peak_memory_bytes": 1000,
    "memory_kind": "resident",
}

VERSIONS = {"keras": "3.15.1", "backend": "1.0", "numpy": "2.4.0", "python": "3.12.3"}
MEASURED = ("images_per_second", "ms_per_step", "first_call_seconds", "warm_up_seconds", "losses")
MEASURED += ("peak_memory_bytes", "achieved_tflops", "share_of_matmul", "steps_per_window")


def row(windows=(100.0, 101.0, 102.0, 99.0, 98.0), **changes):
    """A sound row of the zoo's `fit`, with `changes`; what follows from the windows follows."""
    windows = list(windows)
    gpu = changes.pop("gpu", False)
    native = changes.get("implementation") == "native"
    sampling = changes.get("mode") == "sample"
    variant = "jit" if native else "generate" if sampling else "fit"
    values = {
        "schema": 1,
        "run": "run-1",
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "model": "dcgan28",
        "mode": "train",
        "data": "numpy",
        "backend": "jax",
        "implementation": "zoo",
        "variant": variant,
        "jit": None if native else "auto",
        "precision": "float32",
        "tf32": True if gpu else None,
        "batch_size": 128,
        "status": "ok",
        "error": None,
        "windows": windows,
        "group": "a group",
        "steps_per_window": 10,
        "first_call_seconds": 3.5,
        "warm_up_seconds": 1.25,
        "losses": None if sampling else [[0.5, 1.5]] * len(windows),
        "peak_memory_bytes": 1_234_000_000,
        "memory_kind": "device" if gpu else "resident",
        "parameters": 2_000_000,
        "gflop_per_image": 0.2,
        "matmul_tflops": 50.0 if gpu else 0.1,
        "copy_gb_per_second": 25.0 if gpu else None,
        "device": "Some GPU" if gpu else "Some CPU",
        "driver": "555.1" if gpu else None,
        "cores": 16 if gpu else 2,
        "processor": None if gpu else "A processor",
        "versions": VERSIONS,
    }
    values.update(changes)
    if values["status"] == "ok":
        summary = summarize(values["windows"])
        tflops = summary["median"] * values["gflop_per_image"] / 1000
        values = {
            "images_per_second": summary,
            "ms_per_step": 1000 * values["batch_size"] / summary["median"],
            "achieved_tflops": tflops,
            "share_of_matmul": tflops / values["matmul_tflops"],
            **values,
        }
    else:
        values = {**values, "windows": [], **dict.fromkeys(MEASURED)}
    return Row.from_dict(values)


def failed(error="it broke", status="failed", **changes):
    """A row without anything measured."""
    return row(status=status, error=error, **changes)


def outcome(**changes):
    """What was measured of `CELL`, with `changes`."""
    windows = [(0.5, (1.0, 2.0)), (0.25, (1.5, 2.5)), (0.2, (1.25, 2.25))]
    return dataclasses.replace(Outcome(CELL, facts=FACTS, windows=windows), **changes)


def failed_outcome(**changes):
    """A failure of `CELL`, with `changes`."""
    return outcome(status="failed", error="it broke", facts={}, windows=[], **changes)


def write(path, rows):
    """A result file of these rows; returns its path."""
    for each in rows:
        append_row(path, each)
    return path
