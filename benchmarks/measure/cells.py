"""Cells, one per result row, and the groups of cells that are timed side by side."""

import dataclasses
import itertools

from benchmarks.measure.search import LIMIT
from benchmarks.measure.workloads import WORKLOADS
from benchmarks.native import VARIANTS

BACKENDS = tuple(VARIANTS)
MODELS = tuple(WORKLOADS)
PRECISIONS = ("float32", "mixed_bfloat16")
MODES = ("train", "sample", "overhead")
JIT = ("auto", "on", "off")
DATA = ("numpy", "device")
IMPLEMENTATIONS = ("zoo", "native")
OVERHEAD_BATCH = 2
"""Images per step where the host's own time is measured: the least that has a variance."""
FUSING = ("jax",)
"""Backends on which the zoo makes one loop of several steps on device-resident batches."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One configuration to time, in a process of its backend: Keras fixes that at import.

    Args:
        model: a key of `workloads.WORKLOADS`, or `FILE.py:NAME` (see `own_model`).
        mode: `"train"`, `"sample"`, or `"overhead"`: training of networks of the same depth that
            are so narrow that a step is hardly more than the host's own time.
        precision: `"float32"` or `"mixed_bfloat16"`.
        batch_size: int.
        backend: `"jax"`, `"tensorflow"` or `"torch"`.
        implementation: `"zoo"` or `"native"`.
        variant: `"fit"`, `"fused"` (`fit` with many steps per execution), `"step"` or
            `"generate"` of the zoo, one of `native.VARIANTS` otherwise.
        jit: `jit_compile` of the zoo, `"auto"`, `"on"` or `"off"`; `None` for a native loop.
        data: source of the batches: a NumPy array (`"numpy"`) or the device's memory (`"device"`).
    """

    model: str
    mode: str
    precision: str
    batch_size: int
    backend: str
    implementation: str
    variant: str
    jit: str | None
    data: str

    @property
    def group(self) -> tuple:
        """What cells that are timed side by side have in common."""
        return (self.model, self.mode, self.precision, self.batch_size)

    @property
    def process(self) -> tuple:
        """What cells that share a process have in common.

        Differences of microseconds are measured within one process. Elsewhere each cell has its
        own, whose memory is recorded.
        """
        if self.mode == "overhead":
            return (*self.group, self.backend)
        return dataclasses.astuple(self)

    @property
    def label(self) -> str:
        """A readable name within the group: `jax zoo fit (numpy, jit auto)`."""
        jit = f", jit {self.jit}" if self.jit else ""
        return f"{self.backend} {self.implementation} {self.variant} ({self.data}{jit})"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a measurement.

    Args:
        windows: int, timed windows of each cell.
        seconds: float, intended length of a window.
        tf32: bool, whether float32 products may round their inputs to TF32, on a GPU.
        timeout: float, seconds after which a call to a process counts as hung.
        devices: name of the module of device calls, with a placeholder for the backend.
        largest_batch: int, at which a search for the largest batch ends.
    """

    windows: int = 15
    seconds: float = 2.0
    tf32: bool = True
    timeout: float = 900.0
    devices: str = "benchmarks.measure.devices.{backend}"
    largest_batch: int = LIMIT


def make_cells(
    backends, models, batch_sizes, precisions, modes, jits, data, implementations, variants=None
):
    """Returns all cells of these choices, as groups that are timed side by side.

    `fit` and the native loops train on every kind of data, the zoo's bare step on device-resident
    batches only. Sampling always ends in host memory: its `data` is `"numpy"`. The host's own time
    is that of steps on device-resident batches of `OVERHEAD_BATCH`, whatever the other choices.

    Args:
        backends, models, batch_sizes, precisions, modes, jits, data, implementations: values of
            the fields of `Cell`; `jits` are for the zoo only.
        variants: dictionary from a backend to native variants; `native.VARIANTS` by default.

    Returns:
        A list of lists of `Cell`.
    """
    variants = VARIANTS if variants is None else variants
    groups = []
    for model, mode, precision in itertools.product(models, modes, precisions):
        kinds = [
            (backend, *kind)
            for backend in backends
            for kind in _kinds(backend, mode, data, jits, implementations, variants[backend])
        ]
        for size in (OVERHEAD_BATCH,) if mode == "overhead" else batch_sizes:
            group = (model, mode, precision, size)
            groups.append([Cell(*group, *kind) for kind in dict.fromkeys(kinds)])
    return [group for group in groups if group]


def _kinds(backend, mode, data, jits, implementations, variants):
    """Yields (implementation, variant, jit, data) of the cells of one backend."""
    sources = {"train": data, "sample": ("numpy",), "overhead": ("device",)}[mode]
    if "zoo" in implementations:
        pairs = [("generate" if mode == "sample" else "fit", source) for source in sources]
        pairs += [("step", "device")] if "device" in sources else []
        pairs += [("fused", "device")] if mode == "overhead" and backend in FUSING else []
        for (variant, source), jit in itertools.product(pairs, jits):
            yield "zoo", variant, jit, source
    if "native" in implementations:
        for variant, source in itertools.product(variants, sources):
            yield "native", variant, None, source
