"""Tables of the report: all measurements, comparisons of backends, failures."""

from benchmarks.record import host_time
from benchmarks.record.pairs import interleaved, label, paired_ratios, steps_beside_fits, to_native
from benchmarks.record.rows import Row, summarize
from benchmarks.report.markdown import heading, paragraph, table
from benchmarks.report.numbers import NONE, figure, memory, percent, ratio, spread

BACKENDS = ("jax", "tensorflow", "torch")
STATUSES = {"out_of_memory": "out of memory", "failed": "failed"}
WHERE = {"device": "device", "numpy": "NumPy"}
CLOCKS = {"cpu": "CPU", "wall": "wall"}
LONGEST_ERROR = 300  # characters; a framework's report of its memory has thousands


def order(row: Row) -> tuple:
    """Returns a sorting key: cells that differ in the backend alone are adjacent, the zoo first."""
    zoo_first = row.implementation == "native"
    return (row.precision, row.data, row.batch_size, row.backend, zoo_first, label(row))


def workload_table(rows: list[Row]) -> str:
    """Returns everything that was measured in the rows of one workload and mode."""
    columns = ("backend", "precision", "batch", "data", "loop", "images/s", "zoo / native")
    columns += (
        "first call, s",
        "GFLOP/image",
        "TFLOP/s",
        "of the limit",
        "of a copy",
        "peak memory",
    )
    lines = []
    for row in sorted(rows, key=order):
        cell = (row.backend, row.precision, f"{row.batch_size:,}", WHERE[row.data], label(row))
        if not row.ok:
            lines.append((*cell, STATUSES[row.status], *[NONE] * (len(columns) - 6)))
            continue
        lines.append(
            (
                *cell,
                spread(summarize(row.windows)),
                spread(to_native(row, rows), ratio),
                figure(row.first_call_seconds),
                figure(row.gflop_per_image),
                figure(row.achieved_tflops),
                percent(row.share_of_matmul),
                percent(row.share_of_copy),
                memory(row.peak_memory_bytes),
            )
        )
    return table(columns, lines, texts=5)


def backends_section(rows: list[Row]) -> list[str]:
    """Returns blocks that compare the zoo's backends with the fastest, one line per task."""
    tasks = {}
    for row in sorted(rows, key=lambda row: (row.model, row.mode != "train", *order(row))):
        if row.implementation == "zoo":
            task = (row.model, row.mode, row.precision, f"{row.batch_size:,}", label(row))
            tasks.setdefault(task, {})[row.backend] = row
    lines = []
    for task, by_backend in tasks.items():
        working = [row for row in by_backend.values() if row.ok]
        if len(by_backend) < 2 or not working:
            continue
        fastest = max(working, key=lambda row: row.median)
        texts = [_beside(by_backend.get(backend), fastest) for backend in BACKENDS]
        lines.append((*task, *texts))
    if not lines:
        return []
    columns = ("workload", "mode", "precision", "batch", "loop", *BACKENDS)
    return [
        heading("The zoo on each backend against the fastest backend", 3),
        paragraph(
            "Images per second (median), and in brackets the share of the fastest backend's: the "
            "median of paired windows, or, with a star, the ratio of the medians where the "
            "backends were not interleaved and part of a difference may be the machine's."
        ),
        table(columns, lines, texts=5),
    ]


def _beside(row, fastest):
    """A backend's images per second, and their share of the fastest backend's."""
    if row is None or not row.ok:
        return STATUSES[row.status] if row else NONE
    if interleaved(row, fastest):
        share = ratio(summarize(paired_ratios(row, fastest))["median"])
    else:
        share = f"{ratio(row.median / fastest.median)}*"
    return f"{figure(row.median)} ({share})"


def overhead_section(rows: list[Row]) -> list[str]:
    """Returns blocks on what `fit` costs beside the bare step, where both ran interleaved."""
    lines = []
    pairs = steps_beside_fits(rows)
    for fit, step in sorted(pairs, key=lambda pair: (pair[0].model, *order(pair[0]))):
        # Seconds per image are the inverse: 1 - t_step / t_fit.
        overhead = summarize([1 - share for share in paired_ratios(fit, step)])
        cell = (fit.model, fit.backend, fit.precision, f"{fit.batch_size:,}", label(fit))
        speeds = (figure(fit.median), figure(step.median))
        lines.append((*cell, *speeds, spread(overhead, percent)))
    if not lines:
        return []
    columns = ("workload", "backend", "precision", "batch", "loop")
    columns += ("fit, images/s", "step, images/s", "share of fit's time")
    return [
        heading("What fit costs beside the bare step", 3),
        paragraph(
            "1 - t_step / t_fit from paired windows, median [p10, p90]: what goes into shuffling "
            "the NumPy array, copies to the device, callbacks and logs. The step alone runs on "
            "batches that are on the device already."
        ),
        table(columns, lines, texts=5),
    ]


def host_time_section(rows: list[Row]) -> list[str]:
    """Returns blocks on the host's time per step, and on the speed that it allows."""
    rows = [row for row in rows if host_time.is_host_time(row)]
    if not rows:
        return []
    lines = []
    for row in sorted(rows, key=lambda row: (row.model, *order(row))):
        cell = (row.model, row.backend, row.precision, label(row))
        if not row.ok:
            lines.append((*cell, STATUSES[row.status], *[NONE] * (2 + len(host_time.BATCH_SIZES))))
            continue
        speeds = map(figure, host_time.allowed(row))
        milliseconds = spread(host_time.milliseconds(row))
        lines.append((*cell, milliseconds, CLOCKS[row.clock], over_native(row, rows), *speeds))
    columns = ("workload", "backend", "precision", "loop", "ms/step", "clock", "over native")
    columns += tuple(f"images/s at {size:,}" for size in host_time.BATCH_SIZES)
    return [
        heading("What a step takes the host", 3),
        paragraph(
            "Milliseconds per step, median [p10, p90] of the windows, of networks of the same "
            "depth that are only a few filters wide, on two images that are on the device already: "
            "little but the host's own work. All loops of a backend ran in turn in one process; "
            "the ratios to the native loops are medians of paired windows. The clock is the time "
            "that the process's threads computed (CPU), or that passed (wall). The images per "
            "second are those that the host alone allows at larger batches: no device makes "
            "training faster than that."
        ),
        table(columns, lines, texts=4),
    ]


def over_native(row: Row, rows: list[Row]) -> str:
    """Returns the host's time over that of each native loop: "1.05 eager, 1.50 compile"."""
    ratios = host_time.over_native(row, rows)
    return ", ".join(f"{ratio(value)} {variant}" for variant, value in ratios.items()) or NONE


def failures_section(rows: list[Row]) -> list[str]:
    """Returns blocks on the cells that failed or ran out of memory, with their errors."""
    failed = [row for row in rows if not row.ok]
    if not failed:
        return []
    lines = []
    for row in sorted(failed, key=lambda row: (row.model, row.mode, *order(row))):
        cell = (row.model, row.mode, row.backend, row.precision, f"{row.batch_size:,}")
        error = row.error
        if len(error) > LONGEST_ERROR:
            error = f"{error[:LONGEST_ERROR]} ..."
        lines.append((*cell, WHERE[row.data], label(row), STATUSES[row.status], error))
    columns = ("workload", "mode", "backend", "precision", "batch", "data", "loop", "status")
    columns += ("error",)
    return [
        heading("Cells that failed", 3),
        table(columns, lines, texts=len(columns)),
    ]
