"""The command line: what the options of `run` mean, and what errors look like."""

import importlib.util
import subprocess
import sys

import pytest

from benchmarks import cli
from benchmarks.cli import main, spread
from benchmarks.measure.cells import MODELS, Settings
from benchmarks.native import VARIANTS
from tests.benchmarks.result_rows import failed, row
from tests.processes import ROOT

pytestmark = pytest.mark.no_backend


@pytest.mark.parametrize(
    "line",
    [
        "run --backend jax torch --quick",
        "run --backend jax,torch --quick",
        "run --backend jax --backend torch --quick",
        "run --backend=jax,torch --quick",
        "run --backend=jax torch --quick",
    ],
)
def test_every_way_to_give_several_values(line):
    expected = ["run", "--backend", "jax", "--backend", "torch", "--quick"]
    assert spread(line.split(), ["--backend"]) == expected


def test_other_options_keep_their_values():
    line = "run --out a,b --batch-size 64 256 --windows 3"
    expected = "run --out a,b --batch-size 64 --batch-size 256 --windows 3"
    assert spread(line.split(), ["--batch-size"]) == expected.split()
    assert spread([], ["--batch-size"]) == []


@pytest.fixture
def asked(monkeypatch):
    """What `run` is called with by a command line."""

    def asked(line):
        calls = []

        def run(groups, settings, out, largest):
            calls.append((groups, settings, out, largest))
            return []

        monkeypatch.setattr(cli, "run", run)
        with pytest.raises(SystemExit) as raised:
            main(line.split())
        assert raised.value.code == 0
        return calls[0]

    return asked


def test_several_values_after_one_flag(asked):
    groups, settings, out, largest = asked(
        "run --backend jax torch --model dcgan64 --batch-size 64 256 --precision float32 "
        "mixed_bfloat16 --mode train sample --jit auto off --data device --implementation zoo "
        "--windows 3 --seconds-per-window 0.5 --no-tf32 --timeout 7 --out some/rows.jsonl"
    )
    assert len(groups) == 2 * 2 * 2
    cells = [cell for group in groups for cell in group]
    assert {cell.backend for cell in cells} == {"jax", "torch"}
    assert {cell.jit for cell in cells} == {"auto", "off"}
    assert {cell.model for cell in cells} == {"dcgan64"}
    assert {type(cell.backend) for cell in cells} == {str}
    assert settings == Settings(windows=3, seconds=0.5, tf32=False, timeout=7)
    assert str(out) == "some/rows.jsonl"
    assert largest is False


def test_defaults(asked):
    groups, settings, out, _ = asked("run")
    (group,) = groups
    assert {cell.backend for cell in group} == {n for n in VARIANTS if importlib.util.find_spec(n)}
    assert settings == Settings()
    assert out.parent.as_posix() == "benchmarks/results"


def test_the_search_begins_at_the_least_batch(asked):
    groups, *_, largest = asked("run --batch-size 256 64 --largest-batch --backend torch")
    assert {cell.batch_size for group in groups for cell in group} == {64}
    assert largest is True


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run --backend numpy", "numpy"),
        ("run --batch-size 0", "--batch-size"),
        ("run --model dcgan64 dcgan65", "dcgan65"),
        ("run --windows 0", "--windows"),
        ("run --mode overhead --largest-batch", "--largest-batch"),
    ],
)
def test_wrong_values(line, words, capsys):
    with pytest.raises(SystemExit) as raised:
        main(line.split())
    assert raised.value.code == 2
    assert words in capsys.readouterr().err


def test_a_file_of_something_else(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text("not a row\n", encoding="utf-8")
    with pytest.raises(SystemExit) as raised:
        main(["run", "--out", str(path)])
    assert raised.value.code == 2
    assert "rows.jsonl, line 1" in capsys.readouterr().err


def test_an_interrupt_has_a_status_of_its_own(monkeypatch, capsys):
    def run(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", run)
    with pytest.raises(SystemExit) as raised:
        main(["run", "--out", "rows.jsonl"])
    assert raised.value.code == 130
    assert "rows.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(("statuses", "code"), [(["failed"], 1), (["failed", "ok"], 0), ([], 0)])
def test_a_run_that_times_nothing_fails(monkeypatch, statuses, code):
    rows = [row() if status == "ok" else failed() for status in statuses]
    monkeypatch.setattr(cli, "run", lambda *_: rows)
    with pytest.raises(SystemExit) as raised:
        main(["run", "--out", "rows.jsonl"])
    assert raised.value.code == code


def test_every_model_can_be_asked_for(asked):
    groups, *_ = asked("run --model " + ",".join(MODELS))
    assert {cell.model for group in groups for cell in group} == set(MODELS)


def test_frameworks_are_imported_by_the_processes_of_cells_only():
    """They read their environment when they are imported; and `--help` answers at once."""
    code = "import sys, benchmarks.__main__, benchmarks.measure.worker; print(*sys.modules)"
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert not {"keras", "jax", "tensorflow", "torch", "matplotlib"} & set(found)
