"""Rows as charts: groups of bars, the native peer below the zoo."""

from benchmarks.record.pairs import label, native_peers, to_native
from benchmarks.record.rows import Row, summarize
from benchmarks.report.charts import Bar, Group, Panel, draw
from benchmarks.report.headline import headlines
from benchmarks.report.numbers import figure, percent, ratio
from benchmarks.report.tables import STATUSES, order

DATA_TITLES = {"numpy": "on a NumPy array", "device": "on batches on the device"}
SPEED_CAPTION = (
    "Images per second: median, 10th to 90th percentile of the windows. "
    "In brackets: the zoo over its fastest native loop."
)
SHARE_CAPTION = (
    "Achieved TFLOP/s as a share of what a large matrix product reaches on the same machine "
    "in the same precision."
)


def workload_chart(rows: list[Row]) -> bytes | None:
    """Draws one workload and mode: every backend, precision and batch size.

    Returns:
        A PNG; None if there is nothing to show.

    Args:
        rows: rows of one device, workload and mode, one a cell.
    """
    zoo = sorted((row for row in rows if row.implementation == "zoo"), key=order)
    kinds = {row.data for row in zoo}
    panels = {}
    for row in zoo:
        # Readers compare what is side by side: ways to feed a step, or else precisions.
        title = DATA_TITLES[row.data] if len(kinds) > 1 else row.precision
        size = f"batch {row.batch_size:,}"
        name = f"{row.precision}, {size}" if len(kinds) > 1 else size
        panels.setdefault(title, {}).setdefault(name, []).append(row)
    if not panels:
        return None
    listed = [
        Panel(
            f"{zoo[0].model}, {zoo[0].mode}, {title}",
            [Group(name, _bars(members, rows, _speed, figure)) for name, members in groups.items()],
        )
        for title, groups in sorted(panels.items())
    ]
    return draw(listed, SPEED_CAPTION, share_axis=True)


def overview_chart(rows: list[Row]) -> bytes | None:
    """Draws all workloads in training (in sampling, if none trains), a panel each.

    Returns:
        A PNG; None if there is nothing to show.

    Args:
        rows: rows of one device, one a cell.
    """
    tasks = headlines(rows)
    mode = next((mode for _, mode, _ in tasks), None)
    panels = {}
    for (model, its_mode, precision), members in tasks.items():
        if its_mode == mode:
            title = f"{precision}, batch {members[0].batch_size:,}"
            group = Group(title, _bars(members, rows, _speed, figure))
            panels.setdefault(model, Panel(f"{model}, {mode}", [])).groups.append(group)
    return draw(list(panels.values()), SPEED_CAPTION) if panels else None


def share_chart(rows: list[Row], mode: str) -> bytes | None:
    """Draws the share of the matrix-product rate that each workload reaches.

    Returns:
        A PNG; None if no share is known.

    Args:
        rows: rows of one device, one a cell.
        mode: "train" or "sample".
    """
    panels = {}
    for (model, its_mode, precision), members in headlines(rows, prefer="device").items():
        if its_mode == mode and any(row.share_of_matmul is not None for row in members):
            title = f"{model}, batch {members[0].batch_size:,}"
            group = Group(title, _bars(members, rows, _share, percent, with_ratio=False))
            panels.setdefault(precision, Panel(f"{mode}, {precision}", [])).groups.append(group)
    return draw(list(panels.values()), SHARE_CAPTION, share_axis=True) if panels else None


def _bars(zoo, rows, measure, form, with_ratio=True):
    """A bar for each of the zoo's rows and one for its fastest native peer."""
    bars = []
    for row in zoo:
        native = to_native(row, rows) if with_ratio else None
        suffix = f" ({ratio(native['median'])})" if native else ""
        bars.append(_bar(row, measure, form, suffix))
        # A peer of several of the zoo's rows is drawn once, below the last of them.
        peers = native_peers(row, rows)[:1]
        bars = [bar for bar in bars if bar.key not in {peer.cell for peer in peers}]
        bars += [_bar(peer, measure, form) for peer in peers]
    return bars


def _bar(row, measure, form, suffix=""):
    summary = measure(row) if row.ok else None
    if summary is None:
        text = "not known" if row.ok else STATUSES[row.status]
    else:
        text = form(summary["median"]) + suffix
    return Bar(row.cell, row.backend, label(row), row.implementation == "zoo", summary, text)


def _speed(row):
    return summarize(row.windows)


def _share(row):
    """Share of the machine's limit, with the spread of the windows it was computed from."""
    if row.share_of_matmul is None:
        return None
    scale = row.share_of_matmul / row.median
    return summarize([scale * window for window in row.windows])
