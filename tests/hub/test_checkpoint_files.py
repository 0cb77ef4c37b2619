"""Checkpoint files: what they say of themselves, and those that an older version wrote."""

import numpy as np
import pytest

from zoo.errors import CheckpointError
from zoo.hub import untrusted
from zoo.hub.checkpoint_files import (
    check_checkpoint,
    checkpoint_path,
    read_checkpoint,
    read_record,
    write_checkpoint,
)

pytestmark = pytest.mark.no_backend

ARRAYS = {"generator/0000": np.arange(6, dtype="float32"), "random/0000": np.int64([1, 2])}


def write(folder, **configuration):
    path = checkpoint_path(folder, 3)
    record = {"epoch": 3, "along": [], "configuration": configuration}
    write_checkpoint(path, ARRAYS, record)
    return path


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    path = write(tmp_path, model="a")
    record, arrays = read_checkpoint(path, ARRAYS)
    assert record == check_checkpoint(path) == read_record(path)
    assert (record["epoch"], record["configuration"]) == (3, {"model": "a"})
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_the_previous_phase_used_to_be_called_the_first(tmp_path):
    recipe = {"epochs": 1, "first": {"epochs": 2, "first": None}}
    record = read_record(write(tmp_path, recipe=recipe))
    previous = {"epochs": 2, "previous": None}
    assert record["configuration"]["recipe"] == {"epochs": 1, "previous": previous}


def test_a_file_that_crashes_libhdf5_is_a_damaged_checkpoint(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr(untrusted, "_START", "import os; os.abort()")
    with pytest.raises(CheckpointError, match="can't be checked"):
        read_record(path)
