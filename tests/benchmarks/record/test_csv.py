import csv
import io
import json

import pytest

from benchmarks.cli import main
from benchmarks.record.csv import to_csv
from tests.benchmarks.result_rows import VERSIONS, failed, row, write

pytestmark = pytest.mark.no_backend


def test_a_line_per_row_and_a_column_per_figure():
    rows = [failed("it broke,\nbadly"), row([90.0, 100.0, 110.0], gpu=True)]
    lost, found = csv.DictReader(io.StringIO(to_csv(rows)))
    assert (lost["status"], lost["error"]) == ("failed", "it broke,\nbadly")
    assert lost["images_per_second_median"] == ""
    assert float(found["images_per_second_median"]) == 100.0
    assert json.loads(found["windows"]) == [90.0, 100.0, 110.0]
    assert {f"versions_{name}" for name in VERSIONS} < set(found)
    assert found["device"] == "Some GPU"
    assert found["tf32"] == "True"
    assert "images_per_second" not in found


def test_the_command(tmp_path, capsys):
    path = write(tmp_path / "rows.jsonl", [row(), row(backend="torch")])
    with pytest.raises(SystemExit) as raised:
        main(["csv", str(path), str(path)])
    assert raised.value.code == 0
    backends = [line["backend"] for line in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert backends == ["jax", "torch"] * 2
    with pytest.raises(SystemExit) as raised:
        main(["csv", str(tmp_path / "none.jsonl")])
    assert raised.value.code == 2
