"""A measurement as a row: one JSON object a line, one file a run.

`python -m benchmarks run` writes them, `report` and `compare` read them.
"""

import functools
import json
import os
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from benchmarks.kinds import fits, in_words
from zoo.errors import ZooError

SCHEMA = 1
UNKNOWN_DEVICE = "unknown"
CELL_FIELDS = (
    "model",
    "mode",
    "data",
    "backend",
    "implementation",
    "variant",
    "jit",
    "precision",
    "batch_size",
    "device",
)
"""What tells one cell of the suite from another, on whichever day it ran."""


class RowError(ZooError, ValueError):
    """A result row, or a file of them, isn't what the suite writes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured in one cell, and where. Checked when it is made.

    Raises:
        RowError: if a field has the wrong type, or fields contradict each other.
    """

    schema: int
    """Version of this list of fields: 1."""
    run: str
    """Identifies the run: the same in all its rows."""
    date: str
    """When the run began, ISO 8601."""
    commit: str | None
    """Of the checkout; None where there is no git."""
    model: str
    mode: Literal["train", "sample"]
    data: Literal["device", "numpy"]
    """Where the images of a step come from: batches on the device, or one NumPy array."""
    backend: Literal["jax", "tensorflow", "torch"]
    implementation: Literal["zoo", "native"]
    variant: str
    """"fit", "step" or "generate" of the zoo; one of `benchmarks.native.VARIANTS`."""
    jit: Literal["auto", "on", "off"] | None
    """None for the native loops."""
    precision: str
    """A Keras policy: "float32" or "mixed_bfloat16"."""
    tf32: bool | None
    """Whether float32 products may use TensorFloat-32; None where there is no such thing."""
    batch_size: int
    status: Literal["ok", "out_of_memory", "failed"]
    error: str | None
    windows: list[float]
    """Images per second of each timed window, in the order of time."""
    group: str
    """Cells of a group were interleaved: their windows of the same index ran in one round."""
    images_per_second: dict[str, float] | None
    """`summarize(windows)`; None unless the status is "ok", like all that follows from it."""
    ms_per_step: float | None
    steps_per_window: int | None
    first_call_seconds: float | None
    warm_up_seconds: float | None
    losses: list[list[float | None]] | None
    """[discriminator, generator] of each window, None for a loss that isn't finite."""
    peak_memory_bytes: int | None
    memory_kind: Literal["device", "resident"] | None
    parameters: int | None
    gflop_per_image: float | None
    achieved_tflops: float | None
    matmul_tflops: float | None
    """The rate of a large matrix product on this machine in this precision."""
    share_of_matmul: float | None
    copy_gb_per_second: float | None
    """Read and written within the device's memory, in 10^9 bytes; None on a CPU."""
    device: str
    """`UNKNOWN_DEVICE` if it failed before anything could tell."""
    driver: str | None
    cores: int | None
    versions: dict[str, str | None]
    """Of "keras", "backend", "numpy" and "python"."""

    def __post_init__(self):
        for name, kind in _kinds().items():
            value = getattr(self, name)
            if not fits(value, kind):
                expected = in_words(kind)
                raise RowError(f'Expected "{name}" to be {expected}. Received: {value!r:.200}')
        problem = _contradiction(self)
        if problem:
            raise RowError(problem)

    @classmethod
    def from_dict(cls, values):
        """The row that a mapping of all its fields holds.

        Raises:
            RowError: if it is no mapping, of another schema, or fields are missing or unknown.
        """
        if not isinstance(values, Mapping):
            raise RowError(f"Expected a JSON object. Received: {values!r:.200}")
        if "schema" in values and values["schema"] != SCHEMA:
            received = f"{values['schema']!r:.200}"
            raise RowError(f"Expected schema {SCHEMA}. Received: {received}; measure it again")
        names = [field.name for field in fields(cls)]
        for problem, wrong in (
            ("Missing", [name for name in names if name not in values]),
            ("Unknown", [name for name in values if name not in names]),
        ):
            if wrong:
                listed = ", ".join(f'"{name}"' for name in wrong)
                raise RowError(f"{problem} fields: {listed:.400}")
        return cls(**values)

    def to_dict(self):
        """All fields, as `json` can write them."""
        return asdict(self)

    @property
    def cell(self):
        """Tuple of the values of `CELL_FIELDS`."""
        return tuple(getattr(self, name) for name in CELL_FIELDS)

    @property
    def ok(self):
        """Whether there is something measured in it."""
        return self.status == "ok"

    @property
    def median(self):
        """Images per second, the median of the windows."""
        return summarize(self.windows)["median"]


def summarize(values):
    """Median, 10th and 90th percentile (linear interpolation) of one or more numbers.

    Returns:
        A dictionary `{"median": ..., "p10": ..., "p90": ...}` of floats.
    """
    ordered = sorted(values)

    def quantile(share):
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    return {"median": quantile(0.5), "p10": quantile(0.1), "p90": quantile(0.9)}


def append_row(path, row):
    """Adds a row at the end of a file: one whole line, handed to the system before this returns.

    Args:
        path: the file, made with its folder if there is none.
        row: `Row`, or a mapping of all its fields.

    Raises:
        RowError: if the row is not sound; nothing is written then.
    """
    row = row if isinstance(row, Row) else Row.from_dict(row)
    line = json.dumps(row.to_dict(), allow_nan=False).encode() + b"\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            # Half a line that a killed run left must not swallow this one.
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        file.flush()


def read_rows(path):
    """The rows of a file, in its order; blank lines don't count.

    Returns:
        A list of `Row`.

    Raises:
        RowError: if the file can't be read or a line isn't a row; names file and line.
    """
    try:
        lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        reason = error.strerror or error
        raise RowError(f"Expected a file of result rows. Received: {path}, {reason}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(Row.from_dict(json.loads(line.decode())))
        except RowError as error:
            raise RowError(f"{path}, line {number}: {error}") from None
        # Nesting beyond all measure is no ValueError.
        except (ValueError, RecursionError) as error:
            reason = f"{path}, line {number}: not JSON ({error})"
            raise RowError(f"{reason}; delete the line if a run was killed there") from None
    return rows


@functools.cache
def _kinds():
    return typing.get_type_hints(Row)


def _contradiction(row):
    """What is wrong with fields that have the right types each, or None."""
    summary = None if row.images_per_second is None else sorted(row.images_per_second)
    checks = [
        (row.schema == SCHEMA, f'Expected "schema" to be {SCHEMA}. Received: {row.schema}'),
        (row.batch_size > 0, f'Expected a positive "batch_size". Received: {row.batch_size}'),
        (
            all(window > 0 for window in row.windows),
            f'Expected positive "windows". Received: {row.windows!r:.200}',
        ),
        (
            summary in (None, ["median", "p10", "p90"]),
            f'Expected "images_per_second" to hold median, p10 and p90. Received: {summary!r:.200}',
        ),
        (
            row.losses is None or all(len(pair) == 2 for pair in row.losses),
            f'Expected "losses" to be pairs. Received: {row.losses!r:.200}',
        ),
        (
            (row.jit is None) == (row.implementation == "native"),
            f'Expected a "jit" in the zoo\'s rows only. Received: {row.jit!r}'
            f" in one of implementation {row.implementation}",
        ),
        (
            not row.ok or (row.windows and summary),
            'Expected "windows" and "images_per_second" in a row of status ok. Received: none',
        ),
        (row.ok or row.error, f'Expected an "error" with status {row.status}. Received: none'),
    ]
    return next((message for sound, message in checks if not sound), None)
