"""Checkpoint files: what they say of themselves, and those that an older version wrote."""

import json

import numpy as np
import pytest

from zoo.digest import of_arrays
from zoo.errors import CheckpointError
from zoo.hub import untrusted
from zoo.hub.array_files import write_arrays
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


@pytest.mark.parametrize("kept", [b'"epoch": 3', b'"format": 2', b'"record_sha256"'], ids=repr)
def test_a_flipped_bit_in_the_record_is_damage(tmp_path, kept):
    path = write(tmp_path, model="a")
    data = bytearray(path.read_bytes())
    data[data.index(kept) + len(kept) - 1 - kept.endswith(b'"')] ^= 1 << 2
    path.write_bytes(data)
    for read in (read_record, check_checkpoint):
        with pytest.raises(CheckpointError, match=r"damaged|of this version"):
            read(path)


def test_a_record_without_a_hash_of_format_1_is_read(tmp_path):
    path = checkpoint_path(tmp_path, 3)
    record = {"format": 1, "epoch": 3, "along": [], "configuration": {}}
    record["sha256"] = of_arrays(ARRAYS)
    text = json.dumps(record).encode()
    write_arrays(path, {**ARRAYS, "record": np.frombuffer(text, "uint8")})
    assert check_checkpoint(path) == record


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
