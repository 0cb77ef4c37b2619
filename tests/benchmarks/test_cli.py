"""`python -m benchmarks run`: what its options mean, and a quick run of this backend."""

import pytest

from benchmarks import cli
from benchmarks.__main__ import main
from benchmarks.measure.cells import MODELS, Settings
from benchmarks.native import VARIANTS
from benchmarks.record.rows import read_rows
from tests.benchmarks.tiny_cells import BACKEND


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
    assert {cell.backend for cell in group} == set(VARIANTS)
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


def test_every_model_can_be_asked_for(asked):
    groups, *_ = asked("run --model " + ",".join(MODELS))
    assert {cell.model for group in groups for cell in group} == set(MODELS)


@pytest.mark.slow
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
