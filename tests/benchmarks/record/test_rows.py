"""Result files: what is written is read again, and what is wrong is told by file and line."""

import json
import math
import threading

import pytest

from benchmarks.record.rows import CELL_FIELDS, Row, RowError, append_row, read_rows, summarize
from tests.benchmarks.result_rows import failed, row


def test_written_rows_are_read_again_in_order(tmp_path):
    rows = [row(), failed("no\nmemory | ü", "out_of_memory"), row(gpu=True, variant="step")]
    path = tmp_path / "new" / "results.jsonl"
    for each in rows:
        append_row(path, each)
    assert read_rows(path) == rows
    assert len(path.read_text().splitlines()) == 3


def test_a_mapping_is_appended_as_well_and_checked_first(tmp_path):
    path = tmp_path / "results.jsonl"
    append_row(path, row().to_dict())
    with pytest.raises(RowError, match=r'"batch_size" to be a whole number\. Received: 1\.5'):
        append_row(path, {**row().to_dict(), "batch_size": 1.5})
    assert read_rows(path) == [row()]


def test_the_half_line_of_a_killed_run_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "results.jsonl"
    append_row(path, row())
    with path.open("a") as file:
        file.write('{"schema": 1, "ru')
    append_row(path, row(variant="step"))
    with pytest.raises(RowError, match=r"results\.jsonl, line 2: not JSON .*delete the line"):
        read_rows(path)
    first, _, last = path.read_text().splitlines()
    path.write_text(f"{first}\n\n  \r\n{last}\r\n")
    assert read_rows(path) == [row(), row(variant="step")]


def test_rows_of_several_writers_do_not_mix(tmp_path):
    path = tmp_path / "results.jsonl"
    writers = [
        threading.Thread(target=lambda i=i: [append_row(path, row(run=f"{i}")) for _ in range(20)])
        for i in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(each.run for each in read_rows(path)) == sorted("0123" * 20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "test"}, '"mode" to be "train" or "sample". Received: \'test\''),
        ({"batch_size": True}, '"batch_size" to be a whole number'),
        ({"batch_size": 0}, 'positive "batch_size"'),
        ({"tf32": 1}, '"tf32" to be true or false or null'),
        ({"windows": [1.0, "2"]}, '"windows" to be a list, each item a finite number'),
        ({"windows": [1.0, 0.0]}, 'positive "windows"'),
        ({"windows": [1.0, math.nan]}, '"windows" to be a list, each item a finite number'),
        ({"windows": []}, 'Expected "windows" and "images_per_second" in a row of status ok'),
        ({"images_per_second": {"median": 1.0}}, "median, p10 and p90"),
        ({"losses": [[1.0, 2.0], [1.0]]}, '"losses" to be pairs'),
        ({"losses": [[math.inf, 2.0]]}, '"losses" to be a list'),
        ({"jit": None}, '"jit" in the zoo\'s rows only'),
        ({"implementation": "native"}, '"jit" in the zoo\'s rows only'),
        ({"status": "failed"}, 'Expected an "error" with status failed'),
        ({"versions": {"keras": 3}}, '"versions" to be an object, each value a text or null'),
        ({"schema": 2}, "Expected schema 1. Received: 2; measure it again"),
        ({"speed": 1.0}, 'Unknown fields: "speed"'),
    ],
)
def test_wrong_fields_are_told_by_file_and_line(tmp_path, change, message):
    path = tmp_path / "results.jsonl"
    append_row(path, row())
    with path.open("a") as file:
        file.write(json.dumps({**row().to_dict(), **change}) + "\n")
    with pytest.raises(RowError) as caught:
        read_rows(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]\n", "line 1: Expected a JSON object. Received: []"),
        (b"\n\n{}\n", "line 3: Missing fields: "),
        (b"\xff\xfe\n", "line 1: not JSON"),
        (b"[" * 100_000, "line 1: not JSON"),
    ],
)
def test_what_is_no_row_at_all(tmp_path, content, message):
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(RowError, match=r"results\.jsonl, ") as caught:
        read_rows(path)
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(RowError, match=r"Expected a file of result rows\. Received: "):
            read_rows(path)
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert read_rows(empty) == []


def test_every_field_is_needed():
    values = row().to_dict()
    for name in values:
        with pytest.raises(RowError, match=f'Missing fields: "{name}"'):
            Row.from_dict({key: value for key, value in values.items() if key != name})
    assert row().cell == tuple(values[name] for name in CELL_FIELDS)


def test_summaries_are_numpys_percentiles():
    import numpy as np

    for size in (1, 2, 5, 8):
        values = list(np.random.default_rng(size).uniform(1, 9, size))
        expected = np.percentile(values, [50, 10, 90])
        assert list(summarize(values).values()) == pytest.approx(expected)
