"""Result files: rows are read as they were written, and errors name file and line."""

import json
import math
import threading

import pytest

from benchmarks.record.rows import CELL_FIELDS, Row, RowError, append_row, read_rows, summarize
from tests.benchmarks.result_rows import failed, row

pytestmark = pytest.mark.no_backend


def test_written_rows_are_read_again_in_order(tmp_path):
    rows = [row(), failed("no\nmemory | ü", "out_of_memory"), row(gpu=True, variant="step")]
    path = tmp_path / "new" / "results.jsonl"
    for each in rows:
        append_row(path, each)
    assert read_rows(path) == rows
    assert len(path.read_text().splitlines()) == 3


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
        (
            {"mode": "test"},
            "`mode`: Input should be 'train', 'sample' or 'overhead'. Received: 'test'",
        ),
        ({"batch_size": True}, "`batch_size`: Input should be a valid integer. Received: True"),
        ({"batch_size": 1.5}, "`batch_size`: Input should be a valid integer. Received: 1.5"),
        ({"batch_size": 0}, "`batch_size`: Input should be greater than 0. Received: 0"),
        ({"cores": 10**400}, "`cores`: Input should be less than"),
        ({"tf32": 1}, "`tf32`: Input should be a valid boolean"),
        ({"windows": [1.0, "2"]}, "`windows.1`: Input should be a valid number. Received: '2'"),
        ({"windows": [1.0, 0.0]}, "`windows.1`: Input should be greater than 0. Received: 0.0"),
        ({"windows": [1.0, math.nan]}, "`windows.1`: Input should be a finite number"),
        ({"windows": [10**400]}, "`windows.0`: Input should be a valid number"),
        ({"windows": []}, "`windows` and `images_per_second` must be set with the status ok"),
        ({"images_per_second": None}, "must be set with the status ok"),
        ({"images_per_second": {"median": 1.0}}, "`images_per_second`: Dictionary should have"),
        ({"images_per_second": {"mean": 1.0}}, "Input should be 'median', 'p10' or 'p90'"),
        ({"losses": [[1.0, 2.0], [1.0]]}, "`losses.1`: List should have at least 2 items"),
        ({"losses": [[math.inf, 2.0]]}, "`losses.0.0`: Input should be a finite number"),
        ({"jit": None}, "`jit` must be set in the zoo's rows only. Received: None"),
        ({"implementation": "native"}, "`jit` must be set in the zoo's rows only"),
        ({"status": "failed"}, "`error` must be set with the status failed"),
        ({"versions": {"keras": 3}}, "`versions.keras`: Input should be a valid string"),
        ({"schema": 2}, "`schema` must be 1. Received: 2; measure again"),
        ({"schema": True}, "`schema`: Input should be a valid integer"),
        ({"speed": 1.0}, "`speed`: Unexpected keyword argument"),
    ],
)
def test_wrong_fields_are_reported_by_file_and_line(tmp_path, change, message):
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
        (b"[]\n", "line 1: A row must be a JSON object. Received: []"),
        (b"\n\n{}\n", "line 3: `schema`: Field required"),
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
    newer = {"processor", "clock", "gb_per_step", "share_of_copy"}  # older rows lack them
    for name in values.keys() - newer:
        with pytest.raises(RowError, match=f"`{name}`: Field required"):
            Row.from_dict({key: value for key, value in values.items() if key != name})
    assert row().cell == tuple(values[name] for name in CELL_FIELDS)


def test_summaries_are_numpys_percentiles():
    import numpy as np

    for size in (1, 2, 5, 8):
        values = list(np.random.default_rng(size).uniform(1, 9, size))
        expected = np.percentile(values, [50, 10, 90])
        assert list(summarize(values).values()) == pytest.approx(expected)
