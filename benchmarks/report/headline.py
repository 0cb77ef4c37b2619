"""Choice of the cells that represent a workload where there is room for one."""

from benchmarks.record.pairs import to_native
from benchmarks.record.rows import Row


def headlines(rows: list[Row], prefer: str = "numpy") -> dict[tuple[str, str, str], list[Row]]:
    """Returns the zoo's rows that represent each task, at one batch size, with jit "auto" if known.

    Chooses the batch size at which most backends have a native peer, then at which most worked,
    then the largest.

    Args:
        rows: rows of one device, one a cell.
        prefer: "numpy" or "device", the preferred kind of data where both were measured.

    Returns:
        A dictionary from (model, mode, precision) to the zoo's rows, one per backend, all of one
        batch size and kind of data; sorted by backend.
    """
    tasks = {}
    for row in rows:
        if row.implementation == "zoo":
            tasks.setdefault((row.model, row.mode, row.precision), []).append(row)
    # Training first: backends are compared for it.
    ordered = sorted(tasks.items(), key=lambda item: (item[0][1] != "train", item[0]))
    return {task: _chosen(members, rows, prefer) for task, members in ordered}


def _chosen(zoo, rows, prefer):
    choices = {}
    for row in sorted(zoo, key=lambda row: (row.backend, row.jit != "auto", row.jit)):
        choice = choices.setdefault((row.data == prefer, row.batch_size), {})
        choice.setdefault(row.backend, row)

    def merit(key):
        members = choices[key].values()
        paired = sum(to_native(row, rows) is not None for row in members)
        preferred, batch_size = key
        return preferred, paired, sum(row.ok for row in members), batch_size

    return list(choices[max(choices, key=merit)].values())
