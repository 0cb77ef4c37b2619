"""Checkpoint files: one HDF5 file each, with all of a run's state and a record of what it is."""

import json
from pathlib import Path

import numpy as np

from zoo import digest
from zoo.errors import CheckpointError, ZooError
from zoo.files import remove_leftovers
from zoo.hdf5 import open_hdf5

SUFFIX = ".checkpoint.h5"
RECORD = "record"
FORMAT = 1
MAX_RECORD_BYTES = 1 << 20


def checkpoint_path(folder, epoch):
    """Where the checkpoint after so many epochs lies."""
    return Path(folder) / f"epoch_{epoch:04d}{SUFFIX}"


def list_checkpoints(folder):
    """Paths of a folder's checkpoints, the oldest first."""
    return sorted(Path(folder).glob(f"epoch_*{SUFFIX}"), key=lambda path: (len(path.name), path))


def remove_partial_checkpoints(folder):
    """Removes what a process that was killed while it saved has left."""
    remove_leftovers(folder, f"epoch_*{SUFFIX}")


def write_checkpoint(path, arrays, record):
    """Writes a checkpoint, whole or not at all.

    Args:
        path: the file.
        arrays: dict name -> ndarray, of `zoo.training.state.capture_state`.
        record: dict of plain values.

    Raises:
        OSError: if the disk is full, the folder can't be written to ...
    """
    from zoo.hdf5.writing import write_arrays  # `zoo verify` needs no libhdf5

    text = json.dumps({"format": FORMAT, **record, "sha256": digest.of_arrays(arrays)})
    write_arrays(path, {**arrays, RECORD: np.frombuffer(text.encode(), "uint8")})


def read_record(path):
    """What a checkpoint says of itself: a dict with `epoch`, `step`, `configuration` and more.

    Raises:
        CheckpointError: if it can't be read.
    """
    try:
        with open_hdf5(path) as file:
            return _record_of(path, file)
    except ZooError as error:
        raise _as_checkpoint_error(error) from error


def read_checkpoint(path, expected):
    """A checkpoint's record and its arrays, after all checks that weights files get.

    Args:
        path: the file.
        expected: dict name -> array of the shape and type wanted.

    Returns:
        The record, and a dict name -> ndarray.

    Raises:
        CheckpointError: if it is damaged, or another model's.
    """
    from zoo.hub.weights import read_arrays

    record = read_record(path)
    try:
        arrays = read_arrays(path, expected, _state_arrays)
    except ZooError as error:
        raise _as_checkpoint_error(error) from error
    _check_digest(path, arrays, record)
    return record, arrays


def check_checkpoint(path):
    """Checks that a checkpoint is whole, whatever model it is of.

    Returns:
        Its record.

    Raises:
        CheckpointError: if it is damaged.
    """
    try:
        with open_hdf5(path) as file:
            record = _record_of(path, file)
            names = _state_arrays(list(file.datasets))
            arrays = {name: file.datasets[name].read() for name in names}
    except ZooError as error:
        raise _as_checkpoint_error(error) from error
    _check_digest(path, arrays, record)
    return record


def _record_of(path, file):
    data = file.datasets.get(RECORD)
    if data is None or data.type_name != "uint8" or len(data.shape) != 1:
        raise CheckpointError(f"{path} is no checkpoint: it has no record")
    if data.shape[0] > MAX_RECORD_BYTES:
        raise CheckpointError(f"{path}: its record is longer than {MAX_RECORD_BYTES} bytes")
    try:
        record = json.loads(data.read().tobytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its record is no JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of this version of zoo")
    for key, kind in {"epoch": int, "sha256": str, "configuration": dict, "along": list}.items():
        if not isinstance(record.get(key), kind):
            raise CheckpointError(f"{path}: its record has no {key!r}")
    return record


def _check_digest(path, arrays, record):
    if digest.of_arrays(arrays) != record["sha256"]:
        raise CheckpointError(f"{path} is damaged: its numbers aren't those that were saved")


def _state_arrays(names):
    return {name: name for name in names if name != RECORD}


def _as_checkpoint_error(error):
    return error if isinstance(error, CheckpointError) else CheckpointError(str(error))
