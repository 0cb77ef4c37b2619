"""Measurements as rows: one JSON object per line, one file per run.

`python -m benchmarks run` writes them, `report` and `compare` read them.
"""

import json
import os
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, ValidationError, model_validator
from pydantic.dataclasses import dataclass

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
"""Fields that identify a cell of the suite, on whatever day it ran."""
STATISTICS = ("median", "p10", "p90")

# Larger integers would overflow where they meet a float.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Losses = Annotated[list[float | None], Field(min_length=2, max_length=2)]
Summary = Annotated[dict[Literal[STATISTICS], float], Field(min_length=len(STATISTICS))]


class RowError(ZooError, ValueError):
    """A result row, or a file of them, that the suite does not write."""


@dataclass(
    frozen=True,
    kw_only=True,
    config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False),
)
class Row:
    """A measurement of one cell, and where it was taken. Checked on construction.

    `from_dict` raises a `RowError` for a row that isn't sound; the constructor, pydantic's error.
    """

    schema: Annotated[int, Field(ge=SCHEMA, le=SCHEMA)]
    """Version of this list of fields."""
    run: str
    """Identifies the run: the same in all its rows."""
    date: str
    """When the run began, ISO 8601."""
    commit: str | None
    """Of the checkout; None outside of one."""
    model: str
    mode: Literal["train", "sample", "overhead"]
    data: Literal["device", "numpy"]
    """Source of the images: batches on the device, or one NumPy array."""
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
    batch_size: Annotated[Whole, Field(gt=0)]
    status: Literal["ok", "out_of_memory", "failed"]
    error: str | None
    windows: list[PositiveFloat]
    """Images per second of each timed window, in chronological order."""
    group: str
    """Cells of a group were interleaved: their windows of the same index ran in one round."""
    images_per_second: Summary | None
    """`summarize(windows)`; None unless the status is "ok", like all that follows from it."""
    ms_per_step: float | None
    steps_per_window: Whole | None
    first_call_seconds: float | None
    warm_up_seconds: float | None
    losses: list[Losses] | None
    """[discriminator, generator] of each window, None for a loss that isn't finite."""
    peak_memory_bytes: Whole | None
    memory_kind: Literal["device", "resident"] | None
    parameters: Whole | None
    gflop_per_image: float | None
    achieved_tflops: float | None
    matmul_tflops: float | None
    """Rate of a large matrix product on this machine in this precision."""
    share_of_matmul: float | None
    copy_gb_per_second: float | None
    """Read and written within the device's memory, in 10^9 bytes; None on a CPU."""
    device: str
    """`UNKNOWN_DEVICE` if the cell failed before its device was known."""
    driver: str | None
    cores: Whole | None
    versions: dict[str, str | None]
    """Of "keras", "backend", "numpy" and "python"."""
    processor: str | None = None
    """Its maker's name for it; None in rows that don't say."""
    gb_per_step: float | None = None
    """The least traffic of a step, in 10^9 bytes: each product reads its operands from memory and
    writes its result there. None in rows that don't say."""
    share_of_copy: float | None = None
    """The traffic's rate over that of a bare copy; None on a CPU."""
    clock: Literal["wall", "cpu"] | None = "wall"
    """What the windows were timed by: "cpu" adds up the seconds that the process's threads computed
    in, whatever else the machine did. None if the cell failed before a clock was chosen."""

    @model_validator(mode="after")
    def _is_consistent(self):
        """Checks fields against each other; each has the right type by now."""
        if (self.jit is None) != (self.implementation == "native"):
            received = f"{self.jit!r} in a row of the implementation {self.implementation}"
            raise ValueError(f"`jit` must be set in the zoo's rows only. Received: {received}")
        if self.ok and not (self.windows and self.images_per_second):
            raise ValueError("`windows` and `images_per_second` must be set with the status ok")
        if not (self.ok or self.error):
            raise ValueError(f"`error` must be set with the status {self.status}")
        return self

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Row":
        """Returns the row with these fields.

        Raises:
            RowError: if `values` is not a mapping, has another schema or other fields, if a field
                has the wrong type, or if fields contradict each other.
        """
        if not isinstance(values, Mapping):
            raise RowError(f"A row must be a JSON object. Received: {values!r:.200}")
        if values.get("schema", SCHEMA) != SCHEMA:
            raise RowError(
                f"`schema` must be {SCHEMA}. Received: {values['schema']!r:.200}; measure again"
            )
        try:
            return cls(**values)
        except ValidationError as error:
            raise RowError(_first_problem(error)) from None

    def to_dict(self) -> dict[str, Any]:
        """Returns all fields as `json` writes them."""
        return asdict(self)

    @property
    def cell(self) -> tuple:
        """The values of `CELL_FIELDS`."""
        return tuple(getattr(self, name) for name in CELL_FIELDS)

    @property
    def ok(self) -> bool:
        """Whether the cell was measured."""
        return self.status == "ok"

    @property
    def median(self) -> float:
        """Images per second, the median of the windows."""
        return summarize(self.windows)["median"]


def summarize(values: Iterable[float]) -> dict[str, float]:
    """Returns the median and the 10th and 90th percentile (linear interpolation) of numbers.

    Args:
        values: one number or more.

    Example:

    >>> summarize([1.0, 2.0, 3.0])
    {'median': 2.0, 'p10': 1.2, 'p90': 2.8}
    """
    values = list(values)
    tenths = statistics.quantiles(
        values * 2 if len(values) == 1 else values, n=10, method="inclusive"
    )
    return {"median": tenths[4], "p10": tenths[0], "p90": tenths[8]}


def append_row(path: str | os.PathLike, row: Row) -> None:
    """Appends a row to a file: one whole line, handed to the system before this returns.

    Args:
        path: the file; created, with its folder, if it doesn't exist.
        row: `Row`.
    """
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


def read_rows(path: str | os.PathLike) -> list[Row]:
    """Returns the rows of a file, in order; blank lines are skipped.

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
        # Deep nesting raises a RecursionError, which isn't a ValueError.
        except (ValueError, RecursionError) as error:
            reason = f"{path}, line {number}: not JSON ({error})"
            raise RowError(f"{reason}; delete the line if a run was killed there") from None
    return rows


def _first_problem(error):
    """What a `ValidationError` found first, in one line."""
    problem = error.errors(include_url=False)[0]
    if not problem["loc"]:  # of the row as a whole
        return problem["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, problem["loc"]))
    received = "" if "missing" in problem["type"] else f". Received: {problem['input']!r:.200}"
    return f"`{where}`: {problem['msg']}{received}"
