"""Real cells of this backend in processes of their own, and what goes wrong in them."""

import os

import pytest

from benchmarks.cli import main
from benchmarks.measure import timing, worker
from benchmarks.measure.cells import Settings
from benchmarks.measure.runner import measure_group
from benchmarks.native import VARIANTS
from benchmarks.record.rows import read_rows
from tests.benchmarks import fake_devices
from tests.benchmarks.tiny_cells import BACKEND, build, build_workload, cell

FAKE = Settings(windows=2, seconds=0.01, devices="tests.benchmarks.fake_devices", timeout=300)


@pytest.fixture
def session(monkeypatch):
    """A cell's session in this process, over a tiny model."""
    monkeypatch.setattr("benchmarks.measure.workloads.build", build)
    monkeypatch.setattr("keras.config.set_dtype_policy", lambda name: None)
    monkeypatch.delenv("BENCHMARK_TEST_DEVICE", raising=False)
    fake_devices.CALLS.clear()

    def make(settings=FAKE, **changes):
        return worker.Session(cell(**changes), settings)

    return make


def test_a_session(session):
    training = session()
    facts = training.prepare()
    assert facts["tf32"] is None
    assert facts["parameters"] > 1000
    assert 0 < facts["gflop_per_image"] < 0.1
    assert training.warm_up()["steps_per_window"] >= 1
    seconds, losses = training.window()
    assert seconds > 0
    assert len(losses) == 2
    assert training.window()[1] != losses
    memory = training.finish()
    assert memory["memory_kind"] == "resident"
    assert memory["peak_memory_bytes"] > 2**26
    assert fake_devices.CALLS == []


@pytest.mark.parametrize(("device", "clock"), [(None, "cpu"), ("gpu", "wall")])
def test_the_host_s_time_is_that_of_its_threads(session, monkeypatch, device, clock):
    """On a GPU a step is not all on the host, so that the wall's clock it is."""
    monkeypatch.setattr("benchmarks.measure.workloads.build", build_workload)
    monkeypatch.setenv("BENCHMARK_TEST_DEVICE", device or "")
    narrow = session(mode="overhead", data="device", batch_size=2)
    facts = narrow.prepare()
    assert facts["clock"] == clock
    assert facts["parameters"] < 10_000
    narrow.contestant.prepare(2)
    monkeypatch.setitem(timing.CLOCKS, clock, iter([3.0, 7.0]).__next__)
    assert narrow.window()[0] == 4.0
    assert narrow.finish() == {}  # the process isn't its own


@pytest.mark.parametrize("tf32", [False, True])
def test_a_session_on_a_gpu(session, monkeypatch, tf32):
    monkeypatch.setenv("BENCHMARK_TEST_DEVICE", "gpu")
    settings = Settings(devices=FAKE.devices, tf32=tf32)
    training = session(settings)
    assert training.prepare()["tf32"] is tf32
    assert [("set_float32_precision", tf32), "reset_peak_memory"] == fake_devices.CALLS
    assert training.finish() == {"peak_memory_bytes": 123456, "memory_kind": "device"}


def test_losses_that_stand_still_are_a_failure(session, monkeypatch):
    training = session()
    training.prepare()
    training.contestant.prepare(1)
    monkeypatch.setattr(training.contestant, "run", lambda: (1.0, 2.0))
    training.window()
    with pytest.raises(RuntimeError, match="must change"):
        training.window()


def test_what_happens_on_the_device(monkeypatch):
    """The framework's own error in a first step; the process's end in others."""
    changes = {"model": "gan28", "batch_size": 2}
    for happens, status, words in (
        ("out_of_memory", "out_of_memory", "emory"),
        ("crash", "failed", "the last words of a dying process"),
    ):
        monkeypatch.setenv("BENCHMARK_TEST_DEVICE", happens)
        (outcome,) = measure_group([cell(**changes)], FAKE)
        assert outcome.status == status
        assert words in outcome.error


@pytest.mark.cross_backend
def test_backends_side_by_side_and_one_that_breaks(monkeypatch):
    """A native loop that can't be made leaves the zoo's cell alone."""
    monkeypatch.delenv("BENCHMARK_TEST_DEVICE", raising=False)
    zoo_cell = cell(model="gan28", batch_size=2)
    broken = cell(model="gan28", batch_size=2, implementation="native", variant="no such", jit=None)
    fine, failed = measure_group([zoo_cell, broken], FAKE)
    assert (fine.status, len(fine.windows)) == ("ok", 2)
    assert failed.status == "failed"
    assert failed.error


def test_a_cell_s_environment_is_its_backend_s(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "other")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    worker.set_variables("torch", "train")
    assert "OMP_NUM_THREADS" not in os.environ
    worker.set_variables("torch", "overhead")
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["KERAS_BACKEND"] == "torch"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"  # a user's own
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


@pytest.mark.cross_backend
def test_a_run_of_the_host_s_time(tmp_path, capsys, monkeypatch):
    """Real cells in one process."""
    monkeypatch.delenv("BENCHMARK_TEST_DEVICE", raising=False)
    path = tmp_path / "rows.jsonl"
    options = ["--windows", "2", "--seconds-per-window", "0.01", "--out", str(path)]
    command = ["run", "--mode", "overhead", "--model", "gan28", "--backend", BACKEND, *options]
    with pytest.raises(SystemExit) as raised:
        main([*command, "--variant", VARIANTS[BACKEND][0]])
    assert raised.value.code == 0
    rows = read_rows(path)
    assert [(row.implementation, row.status) for row in rows] == [
        ("zoo", "ok"),
        ("zoo", "ok"),
        ("native", "ok"),
    ]
    assert {(row.mode, row.data, row.batch_size) for row in rows} == {("overhead", "device", 2)}
    assert {row.peak_memory_bytes for row in rows} == {None}
    printed = capsys.readouterr().out
    assert "at batch 1,024" in printed


@pytest.mark.cross_backend
def test_a_quick_run(tmp_path, capsys, monkeypatch):
    """Real models of full width in real processes: rows as the schema has them."""
    monkeypatch.delenv("BENCHMARK_TEST_DEVICE", raising=False)
    path = tmp_path / "rows.jsonl"
    with pytest.raises(SystemExit) as raised:
        main(["run", "--quick", "--backend", BACKEND, "--out", str(path)])
    assert raised.value.code == 0
    rows = read_rows(path)  # checked by the schema
    assert {(row.model, row.mode, row.implementation, row.variant) for row in rows} == {
        (model, mode, *kind)
        for model in ("gan28", "dcgan28")
        for mode, variant in (("train", "fit"), ("sample", "generate"))
        for kind in (("zoo", variant), ("native", VARIANTS[BACKEND][0]))
    }
    assert [row.error for row in rows] == [None] * 8
    for row in rows:
        assert row.status == "ok"
        assert len(row.windows) == 3
        assert row.steps_per_window >= 1
        assert 0 < row.share_of_matmul < 2
        assert row.peak_memory_bytes > 2**26
        assert (row.losses is None) == (row.mode == "sample")
    assert len({row.group for row in rows}) == 4
    assert "8 rows in" in capsys.readouterr().out
