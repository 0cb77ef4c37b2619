"""Which of many cells stand for a workload where there is room for one."""

from benchmarks.record.pairs import to_native


def headlines(rows, prefer="numpy"):
    """The zoo's rows that stand for each task, at one batch size, jit left alone if it can be.

    That is the size at which most backends have a native peer, or else most worked; the largest
    of several.

    Args:
        rows: rows of one device, one a cell.
        prefer: "numpy" or "device", the kind of data to take where both were measured.

    Returns:
        A dictionary from (model, mode, precision) to a list of the zoo's rows, one a backend, all
        of one batch size and kind of data; sorted by backend.
    """
    tasks = {}
    for row in rows:
        if row.implementation == "zoo":
            tasks.setdefault((row.model, row.mode, row.precision), []).append(row)
    # Training first: it is what one compares backends for.
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
