import datetime

from benchmarks.measure import environment
from tests.benchmarks.tiny_cells import BACKEND


def test_versions():
    found = environment.versions(BACKEND)
    assert sorted(found) == ["backend", "keras", "numpy", "python"]
    assert all(version[0].isdigit() for version in found.values())


def test_when_and_where():
    moment = datetime.datetime.fromisoformat(environment.now())
    assert abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) < 60
    assert environment.cores() >= 1


def test_outside_of_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    assert environment.commit() is None
    monkeypatch.setenv("PATH", "")
    assert environment.commit() is None
