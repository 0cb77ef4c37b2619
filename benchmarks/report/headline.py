"""Which of many cells stand for a workload where there is room for one."""


def headlines(rows, prefer="numpy"):
    """The zoo's rows that stand for each task: the largest batch that worked, jit left alone.

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
    return {task: _chosen(rows, prefer) for task, rows in ordered}


def _chosen(rows, prefer):
    best = max(rows, key=lambda row: (row.data == prefer, row.ok, row.batch_size))
    by_backend = {}
    for row in sorted(rows, key=lambda row: (row.backend, row.jit != "auto", row.jit)):
        if (row.data, row.batch_size) == (best.data, best.batch_size):
            by_backend.setdefault(row.backend, row)
    return list(by_backend.values())
