"""The script that writes the moments of real images' features."""

import numpy as np
import pytest

from tests.evaluation.stand_ins import Extractor, load_nothing, load_photos
from zoo import datasets
from zoo.errors import DatasetError
from zoo.evaluation.features.reference import read_statistics, reference_of, statistics_path

# The scripts aren't in an installed package or its source archive.
reference_statistics = pytest.importorskip("scripts.reference_statistics")


pytestmark = pytest.mark.no_backend


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setattr(datasets, "load", load_photos)
    monkeypatch.setattr(reference_statistics, "load_classifier", Extractor)


def test_writes_the_moments_that_are_looked_for(tmp_path, capsys):
    reference_statistics.write_all(tmp_path / "weights", ["mnist", "scenes64"])
    folder = tmp_path / "weights" / "statistics"
    files = ["mnist-test-mnist.npz", "scenes64-val-scenes64.npz"]
    assert sorted(path.name for path in folder.iterdir()) == files
    expected = reference_of(load_photos("mnist", "test")[0], Extractor())
    for name, split in (("mnist", "test"), ("scenes64", "val")):
        read = read_statistics(name, split, Extractor(name))
        assert np.array_equal(read.gaussian.mean, expected.gaussian.mean)
        assert np.array_equal(read.gaussian.covariance, expected.gaussian.covariance)
        assert (read.gaussian.count, read.data_sha256) == (40, expected.data_sha256)
    assert f"{folder / files[0]}: " in capsys.readouterr().out


def test_earlier_moments_do_not_stand_in_for_missing_data(tmp_path, monkeypatch):
    reference_statistics.write_all(tmp_path / "weights", ["mnist"])
    path = statistics_path(tmp_path / "weights", "mnist", "test", "mnist")
    before = path.read_bytes()
    monkeypatch.setattr(datasets, "load", load_nothing)
    with pytest.raises(DatasetError, match="isn't here"):
        reference_statistics.write_all(tmp_path / "weights", ["mnist"])
    assert path.read_bytes() == before
