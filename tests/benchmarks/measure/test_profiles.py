import dataclasses
import io
import json

import pytest
from rich.console import Console

from benchmarks.cli import main
from benchmarks.measure import profiles
from benchmarks.measure.cells import Cell
from benchmarks.measure.processes import CellFailedError
from tests.benchmarks.result_rows import CELL

pytestmark = pytest.mark.no_backend


class Contestant:
    """Takes steps; prepares two in place of those asked for."""

    runs = 0

    def prepare(self, steps):
        assert steps == profiles.STEPS
        return 2

    def run(self):
        self.runs += 1


class Devices:
    @staticmethod
    def device_name():
        return "Some GPU"

    @staticmethod
    def profile(run):
        run()
        yield from [("short", 1e6), ("long", 2e6), ("long", 6e6)]
        yield from [(f"tiny {i}", 1e3) for i in range(profiles.MOST)]


def test_operations_are_summed_up_per_step():
    contestant = Contestant()
    found = profiles.profile(contestant, Devices)
    assert contestant.runs == 3  # compiles, is timed, is profiled
    assert (found["device"], found["steps"]) == ("Some GPU", 2)
    assert found["operations"][:2] == [
        {"name": "long", "calls_per_step": 1.0, "ms_per_step": 4.0},
        {"name": "short", "calls_per_step": 0.5, "ms_per_step": 0.5},
    ]
    assert len(found["operations"]) == profiles.MOST
    assert found["others_ms_per_step"] == pytest.approx(2 * 0.0005)
    assert found["computed_ms_per_step"] == pytest.approx(4.5 + profiles.MOST * 0.0005)


def test_the_file_says_which_cell(tmp_path):
    cell = dataclasses.replace(CELL, model="my models.py:MyGAN")
    path = profiles.save({"steps": 2}, cell, tmp_path / "new")
    assert path.name == "my_models.py_MyGAN-train-float32-4-jax-zoo-fit-auto-numpy.json"
    written = json.loads(path.read_text())
    assert Cell(**written["cell"]) == cell
    assert written["steps"] == 2


def test_the_command(monkeypatch, tmp_path, capsys):
    def measure(cell, settings):
        if cell.backend == "torch":
            raise CellFailedError("failed", "it broke")
        return profiles.profile(Contestant(), Devices)

    monkeypatch.setattr(profiles, "measure_profile", measure)
    command = ["profile", "--data", "numpy", "--implementation", "zoo", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as raised:
        main([*command, "--backend", "jax"])
    assert raised.value.code == 0
    printed = capsys.readouterr().out
    assert "long" in printed
    assert "dcgan28 train float32 128: jax zoo fit (numpy, jit auto)" in printed
    with pytest.raises(SystemExit) as raised:
        main([*command, "--backend", "jax", "torch"])
    assert raised.value.code == 1
    assert "torch zoo fit (numpy, jit auto): it broke" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 1


def test_names_are_shown_as_they_are():
    operation = {"name": "void [bold]<kernel>", "calls_per_step": 1.0, "ms_per_step": 2.0}
    profile = {"ms_per_step": 4.0, "computed_ms_per_step": 2.0, "operations": [operation]}
    stream = io.StringIO()
    Console(file=stream, width=100).print(profiles.make_table(profile, "title"))
    assert "void [bold]<kernel>" in stream.getvalue()
    assert "100.0%" in stream.getvalue()
