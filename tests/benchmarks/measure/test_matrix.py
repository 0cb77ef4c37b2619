"""The matrix: what is done first, what a limited time leaves, and a rehearsal of all of it."""

import dataclasses
import json
import time

import keras
import pytest

from benchmarks import cli
from benchmarks.measure import matrix, worker
from benchmarks.measure.cells import BACKENDS, MODELS, PRECISIONS
from benchmarks.measure.processes import CellFailedError
from benchmarks.measure.result_file import cell_of
from benchmarks.record.rows import read_rows
from tests.benchmarks.tiny_cells import BACKEND, build

SETTINGS = dataclasses.replace(matrix.REHEARSAL, devices="tests.benchmarks.fake_devices")
ANSWERS = {
    "prepare": {"gflop_per_image": 1.0, "gb_per_step": 0.5, "clock": "wall"},
    "warm_up": {"steps_per_window": 1, "first_call_seconds": 1.0},
    "finish": {"peak_memory_bytes": 1, "memory_kind": "device"},
    "measure_machine": {"device": "Some GPU", "matmul_tflops": 10.0, "copy_gb_per_second": 100.0},
    "profile": {"operations": []},
}


class Standin:
    """What `CellProcess` is, where nothing is measured."""

    largest = 10**9
    broken = ()
    seconds = 0.0

    def __init__(self, cell, settings):
        self.sent = []

    def send(self, name, cell):
        self.sent.append(cell)

    def receive(self, name):
        return self.call(name, self.sent.pop(0))

    def call(self, name, cell):
        time.sleep(self.seconds)
        if cell.variant in self.broken:
            raise CellFailedError("failed", "it broke")
        if cell.batch_size > self.largest:
            raise CellFailedError("out_of_memory", "no more")
        if name == "window":
            # Sampling is the slowest beside its native loop, with 4 in place of 1.
            slow = cell.implementation == "zoo" and cell.mode == "sample"
            return (4.0 if slow else 1.0), (1.0, 2.0)
        return ANSWERS[name]

    def close(self):
        pass


@pytest.fixture
def standin():
    return type("OfThisTest", (Standin,), {})


def measuring(path, standin, tasks=None):
    tasks = tasks or matrix.make_tasks(["jax"], rehearsal=True)
    return matrix.Matrix(tasks, SETTINGS, path, start=standin)


def count(found):
    return sum(done for _, done, _ in found.summary()), sum(n for *_, n in found.summary())


@pytest.mark.no_backend
def test_tasks():
    tasks = matrix.make_tasks(list(BACKENDS))
    cells = [cell for task in tasks for cell in task.cells]
    assert {cell.model for cell in cells} == set(MODELS)
    assert {cell.backend for cell in cells} == set(BACKENDS)
    for mode, sizes in (("train", matrix.BATCH_SIZES), ("sample", ())):
        timed = {(cell.precision, cell.batch_size) for cell in cells if cell.mode == mode}
        assert timed >= {(precision, size) for precision in PRECISIONS for size in sizes}
        assert {precision for precision, _ in timed} == set(PRECISIONS)
    assert tasks[0].part == "host time, float32"
    assert [task.kind for task in tasks].count("profile") == matrix.PROFILES
    compiled = [task for task in tasks if task.part.startswith("compiled")]
    assert {cell.backend for task in compiled for cell in task.cells} == {"tensorflow", "torch"}
    native = {c.variant for t in compiled for c in t.cells if c.implementation == "native"}
    assert native == {"compile", "xla"}


@pytest.mark.no_backend
def test_one_call_does_all_and_another_nothing(standin, tmp_path):
    path = tmp_path / "rows.jsonl"
    found = measuring(path, standin)
    new = [row for rows in found.go_on(60) for row in rows]
    assert count(found) == (len(found.tasks),) * 2
    assert read_rows(path) == new
    assert {row.device for row in new} == {"Some GPU"}
    # 0.5 GB in each step of one second, beside 100 GB of a copy.
    training = [row for row in new if row.mode == "train"]
    assert {row.share_of_copy for row in training} == {0.005}
    standin.broken = {row.variant for row in new}  # would be noticed
    assert list(measuring(path, standin).go_on(60)) == []


@pytest.mark.no_backend
def test_the_slowest_cell_is_profiled(standin, tmp_path):
    list(measuring(tmp_path / "rows.jsonl", standin).go_on(60))
    (file,) = (tmp_path / "rows-profiles").glob("*.json")
    profile = json.loads(file.read_text())
    assert (profile["cell"]["mode"], profile["cell"]["implementation"]) == ("sample", "zoo")


@pytest.mark.no_backend
def test_failures_are_not_tried_again(standin, tmp_path):
    standin.broken = ("fit",)
    path = tmp_path / "rows.jsonl"
    found = measuring(path, standin)
    list(found.go_on(60))
    assert count(found) == (len(found.tasks),) * 2
    rows = read_rows(path)
    assert {row.status for row in rows if row.variant == "fit"} == {"failed"}
    assert list(measuring(path, standin).go_on(60)) == []


@pytest.mark.no_backend
@pytest.mark.parametrize("largest", [5, 9, 10**9])
def test_a_search_is_done_when_its_rows_say_so(standin, tmp_path, largest):
    standin.largest = largest
    tasks = [task for task in matrix.make_tasks(["jax"], rehearsal=True) if task.kind == "search"]
    found = measuring(tmp_path / "rows.jsonl", standin, tasks)
    assert count(found) == (0, 2)
    list(found.go_on(60))
    assert count(found) == (2, 2)
    fit = [row.batch_size for row in found.file.rows if row.ok]
    assert max(fit, default=0) == {5: 5, 9: 9, 10**9: SETTINGS.largest_batch}[largest]


@pytest.mark.no_backend
def test_the_time_is_kept(standin, tmp_path):
    """What isn't finished in time is given up and left; the next call goes on with it."""
    standin.seconds = 0.05
    path = tmp_path / "rows.jsonl"
    found = measuring(path, standin)
    started = time.monotonic()
    list(found.go_on(0.2))
    assert time.monotonic() - started < 1
    assert count(found)[0] == 0
    assert not path.exists()
    standin.seconds = 0.01
    list(found.go_on(1.0))
    first, every = count(found)
    assert 0 < first < every
    rows = read_rows(path)
    standin.seconds = 0.0
    found = measuring(path, standin)
    list(found.go_on(60))
    assert count(found) == (every, every)
    assert read_rows(path)[: len(rows)] == rows


class InThisProcess:
    """Serves cells here, where the frameworks are imported already."""

    def __init__(self, cell, settings):
        self.settings, self.sessions, self.sent = settings, {}, []

    def send(self, name, cell):
        self.sent.append(cell)

    def receive(self, name):
        return self.call(name, self.sent.pop(0))

    def call(self, name, cell):
        session = self.sessions.setdefault(cell, worker.Session(cell, self.settings))
        return getattr(session, name)()

    def close(self):
        pass


@pytest.mark.cross_backend  # JAX compiles each cell for long
def test_a_rehearsal(monkeypatch, tmp_path):
    """Everything but processes and compilers, with the device calls of a GPU."""
    monkeypatch.setenv("BENCHMARK_TEST_DEVICE", "gpu")
    monkeypatch.setattr("benchmarks.measure.workloads.build", lambda name, **_: build(name))
    tasks = [
        task
        for task in matrix.make_tasks([BACKEND], rehearsal=True)
        if not task.part.startswith("compiled")
    ]
    # Each part of each kind once.
    tasks = list({(task.part.split(",")[0], task.kind): task for task in tasks}.values())
    path, policy = tmp_path / "rows.jsonl", keras.config.dtype_policy()
    try:
        found = matrix.Matrix(tasks, SETTINGS, path, start=InThisProcess)
        list(found.go_on(3000))
    finally:
        keras.config.set_dtype_policy(policy)
    assert count(found) == (len(tasks),) * 2
    rows = read_rows(path)
    assert [row.error for row in rows] == [None] * len(rows)
    assert {row.mode for row in rows} == {"overhead", "train", "sample"}
    assert {row.precision for row in rows} == set(PRECISIONS)
    assert {cell_of(row) for row in rows} >= {cell for task in tasks for cell in task.cells}
    assert max(row.batch_size for row in rows) == SETTINGS.largest_batch
    for row in rows:
        assert row.memory_kind == (None if row.mode == "overhead" else "device")
        assert row.share_of_copy > 0
        assert row.share_of_matmul > 0
    (file,) = (tmp_path / "rows-profiles").glob("*.json")
    profile = json.loads(file.read_text())
    names = [each["name"] for each in profile["operations"]]
    assert names == ["kernel one", "kernel two"]
    assert profile["operations"][0]["ms_per_step"] == pytest.approx(4 / profile["steps"])
    assert profile["ms_per_step"] > 0


@pytest.mark.no_backend
def test_the_command(monkeypatch, standin, tmp_path, capsys):
    monkeypatch.setattr(matrix.Matrix.__init__, "__defaults__", (matrix.silent, standin))
    path = tmp_path / "rows.jsonl"
    command = ["matrix", "--backend", "jax", "--rehearse", "--out", str(path)]
    with pytest.raises(SystemExit) as raised:
        cli.main(command)
    assert raised.value.code == 0
    printed = capsys.readouterr().out
    assert "host time, float32: done" in printed
    assert f"rows in {path}\n" in printed
    path.write_text("not a row\n")
    with pytest.raises(SystemExit) as raised:
        cli.main(command)
    assert raised.value.code == 2


@pytest.mark.no_backend
def test_a_command_that_measures_nothing_fails(monkeypatch, standin, tmp_path, capsys):
    standin.seconds = 10.0
    monkeypatch.setattr(matrix.Matrix.__init__, "__defaults__", (matrix.silent, standin))
    command = ["matrix", "--backend", "jax", "--rehearse", "--minutes", "0.01"]
    with pytest.raises(SystemExit) as raised:
        cli.main([*command, "--out", str(tmp_path / "rows.jsonl")])
    assert raised.value.code == 1
    assert "the same command does the" in capsys.readouterr().out
