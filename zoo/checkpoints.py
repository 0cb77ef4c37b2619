"""Checkpoint files: one HDF5 file each, with all of a run's state and a record of what it is."""

import io
import json
from pathlib import Path

import h5py
import numpy as np

from zoo.errors import CheckpointError, ZooError
from zoo.files import remove_leftovers, replacing
from zoo.training_state import digest_state
from zoo.weights import read_arrays

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
        arrays: dict name -> ndarray, of `zoo.training_state.capture_state`.
        record: dict of plain values.

    Raises:
        OSError: if the disk is full, the folder can't be written to ...
    """
    text = json.dumps({"format": FORMAT, **record, "sha256": digest_state(arrays)})
    # In memory first: from a full disk, HDF5 comes back with broken objects and noise.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.create_dataset(RECORD, data=np.frombuffer(text.encode(), "uint8"))
    with replacing(path) as temporary:
        temporary.write_bytes(memory.getbuffer())


def read_record(path):
    """What a checkpoint says of itself: a dict with `epoch`, `step`, `configuration` and more.

    Raises:
        CheckpointError: if it can't be read.
    """
    try:
        with h5py.File(path, "r") as file:
            data = file[RECORD]
            if data.dtype != "uint8" or data.ndim != 1 or data.size > MAX_RECORD_BYTES:
                raise ValueError(f"{RECORD} must be up to {MAX_RECORD_BYTES} bytes of text")
            record = json.loads(data[()].tobytes())
    # h5py tells of damage inside of a file by all of these.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} is no whole checkpoint: {error}") from error
    known = isinstance(record, dict) and record.get("format") == FORMAT
    if not known or not isinstance(record.get("epoch"), int):
        raise CheckpointError(f"{path} is no checkpoint of this version of zoo")
    return record


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
    record = read_record(path)
    try:
        arrays = read_arrays(path, expected, _datasets)
    except ZooError as error:
        raise CheckpointError(str(error)) from error
    if digest_state(arrays) != record.get("sha256"):
        raise CheckpointError(f"{path} is damaged: its numbers aren't those that were saved")
    return record, arrays


def check_checkpoint(path):
    """Checks that a checkpoint is whole, whatever model it is of.

    Returns:
        Its record.

    Raises:
        CheckpointError: if it is damaged.
    """
    record = read_record(path)
    with h5py.File(path, "r") as file:
        arrays = {name: dataset[()] for name, dataset in _datasets(file).items()}
    if digest_state(arrays) != record.get("sha256"):
        raise CheckpointError(f"{path} is damaged: its numbers aren't those that were saved")
    return record


def _datasets(file):
    return {
        f"{group}/{name}": file[group][name]
        for group in file
        if group != RECORD
        for name in file[group]
    }
