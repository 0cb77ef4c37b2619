"""Rows as CSV, for spreadsheets and data frames."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from benchmarks.record.rows import Row


def to_csv(rows: Iterable[Row]) -> str:
    """Returns rows as CSV with a line of column names: one line per row, in order.

    Args:
        rows: `Row`s; see `flat` for the columns.
    """
    lines = [flat(row) for row in rows]
    file = io.StringIO()
    # A cell that failed has no columns of a summary.
    names = dict.fromkeys(name for line in lines for name in line)
    writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def flat(row: Row) -> dict[str, Any]:
    """Returns a row's fields without nesting.

    The summary becomes columns like `images_per_second_median`, and `versions` columns like
    `versions_keras`; lists (`windows`, `losses`) become JSON texts.
    """
    values = {}
    for name, value in row.to_dict().items():
        if isinstance(value, dict):
            values |= {f"{name}_{key}": part for key, part in value.items()}
        elif isinstance(value, list):
            values[name] = json.dumps(value)
        elif name != "images_per_second":  # None, of a cell that failed
            values[name] = value
    return values
