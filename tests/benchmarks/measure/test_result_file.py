"""Rows of measurements, and the file that a run continues."""

import dataclasses

import pytest

from benchmarks.measure.result_file import ResultFile, cell_of, cores, make_row
from benchmarks.record.rows import RowError
from tests.benchmarks.result_rows import CELL, MACHINE, RUN, failed_outcome, outcome

pytestmark = pytest.mark.no_backend


def test_a_row_s_numbers():
    row = make_row(outcome(), RUN, MACHINE)
    assert row.windows == pytest.approx([5 * 4 / 0.5, 5 * 4 / 0.25, 5 * 4 / 0.2])
    assert row.images_per_second["median"] == pytest.approx(80)
    assert row.ms_per_step == pytest.approx(1000 * 4 / 80)
    assert row.achieved_tflops == pytest.approx(80 * 2.0 / 1000)
    assert row.share_of_matmul == pytest.approx(0.16 / 0.5)
    assert row.losses == [[1.0, 2.0], [1.5, 2.5], [1.25, 2.25]]
    assert row.group == "abc/gan28/train/float32/4"
    assert row.versions["numpy"]
    assert row.cores == cores() >= 1
    assert cell_of(row) == CELL


def test_what_ran_alone_is_in_no_group():
    alone = make_row(outcome(alone=True), RUN, MACHINE)
    assert alone.group != make_row(outcome(), RUN, MACHINE).group


def test_sampling_has_no_losses():
    cell = dataclasses.replace(CELL, mode="sample", variant="generate")
    assert make_row(outcome(cell=cell, windows=[(0.5, None)]), RUN, MACHINE).losses is None


def test_a_failure_is_a_row_too():
    row = make_row(failed_outcome(), RUN, {})
    assert (row.status, row.error, row.windows) == ("failed", "it broke", [])
    assert row.images_per_second is row.achieved_tflops is row.share_of_matmul is None
    assert row.device == "unknown"


def test_a_file_is_gone_on_with(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    other = dataclasses.replace(CELL, variant="step", data="device")
    third = dataclasses.replace(CELL, batch_size=8)
    ResultFile(path).append([make_row(outcome(), RUN, MACHINE)])
    file = ResultFile(path)
    file.append(
        [
            make_row(failed_outcome(cell=other), RUN, MACHINE),
            make_row(failed_outcome(cell=third), RUN, MACHINE),
        ]
    )
    assert ResultFile(path).finished() == file.finished() == {CELL: "ok"}
    file.forget_failed({CELL, other})
    assert [cell_of(row) for row in file.rows] == [CELL, third]
    assert [cell_of(row) for row in ResultFile(path).rows] == [CELL, third]
    assert [p.name for p in path.parent.iterdir()] == ["rows.jsonl"]


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"schema": 1}\n', encoding="utf-8")
    with pytest.raises(RowError, match="line 1"):
        ResultFile(path)
