"""Checkpoint files: one HDF5 file each, with a run's whole state and a record that describes it.

They are read in a guarded process: a file that a power cut has damaged can crash libhdf5, and the
run must still go back to the checkpoint before.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo import digest
from zoo.errors import CheckpointError, ZooError
from zoo.files import remove_leftovers
from zoo.hub.array_files import ArrayFile, write_arrays
from zoo.hub.specs import rename_previous
from zoo.hub.untrusted import open_untrusted
from zoo.hub.weights import take_arrays

SUFFIX = ".checkpoint.h5"
RECORD = "record"
RECORD_HASH = "record_sha256"
FORMAT = 2
"""Format 1, which is still read, has no hash of the record itself."""
MAX_RECORD_BYTES = 1 << 20


def checkpoint_path(folder: str | os.PathLike, epoch: int) -> Path:
    """Returns the path of the checkpoint after `epoch` epochs."""
    return Path(folder) / f"epoch_{epoch:04d}{SUFFIX}"


def list_checkpoints(folder: str | os.PathLike) -> list[Path]:
    """Returns the paths of a folder's checkpoints, the oldest first."""
    return sorted(Path(folder).glob(f"epoch_*{SUFFIX}"), key=lambda path: (len(path.name), path))


def remove_partial_checkpoints(folder: str | os.PathLike) -> None:
    """Removes what a process left when it was killed while it saved."""
    remove_leftovers(folder, f"epoch_*{SUFFIX}")


def write_checkpoint(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], record: dict[str, Any]
) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        path: the file.
        arrays: dict name -> ndarray, from `zoo.training.state.capture_state`.
        record: dict of plain values.

    Raises:
        OSError: If the disk is full, or the folder can't be written to.
    """
    record = {"format": FORMAT, **record, "sha256": digest.of_arrays(arrays)}
    record = json.loads(json.dumps(record))  # as it will be read
    text = json.dumps({**record, RECORD_HASH: digest.of_values(record)})
    write_arrays(path, {**arrays, RECORD: np.frombuffer(text.encode(), "uint8")})


def read_record(path: str | os.PathLike) -> dict[str, Any]:
    """Returns what a checkpoint says of itself: `epoch`, `step`, `configuration` and more.

    Raises:
        CheckpointError: If it can't be read.
    """
    with _checkpoint_errors(), open_untrusted(path) as file:
        return _record_of(file)


def read_checkpoint(
    path: str | os.PathLike, expected: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads a checkpoint, after all checks that weights files get.

    Args:
        path: the file.
        expected: dict name -> array of the expected shape and type.

    Returns:
        The record, and a dict name -> ndarray.

    Raises:
        CheckpointError: If it is damaged, or another model's.
    """
    with _checkpoint_errors(), open_untrusted(path) as file:
        record = _record_of(file)
        arrays = take_arrays(file, expected, _state_arrays)
    _check_digest(path, arrays, record)
    return record, arrays


def check_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """Checks that a checkpoint is whole, whatever model it is of, and returns its record.

    Raises:
        CheckpointError: If it is damaged.
    """
    with _checkpoint_errors(), open_untrusted(path) as file:
        return check_open_checkpoint(file)


def check_open_checkpoint(file: ArrayFile) -> dict[str, Any]:
    """Does what `check_checkpoint` does, with an open file."""
    record = _record_of(file)
    arrays = {name: file.read(name) for name in _state_arrays(file.arrays)}
    _check_digest(file.path, arrays, record)
    return record


def _record_of(file):
    path, stored = file.path, file.arrays.get(RECORD)
    if stored is None or stored.type_name != "uint8" or len(stored.shape or ()) != 1:
        raise CheckpointError(f"{path} isn't a checkpoint: it has no record")
    if stored.unpacked_bytes > MAX_RECORD_BYTES:
        raise CheckpointError(f"{path}: its record is longer than {MAX_RECORD_BYTES} bytes")
    try:
        record = json.loads(file.read(RECORD).tobytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its record isn't JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") not in (1, FORMAT):
        raise CheckpointError(f"{path} isn't a checkpoint of this version of zoo")
    if record["format"] != 1 and record.pop(RECORD_HASH, None) != digest.of_values(record):
        raise CheckpointError(f"{path} is damaged: its record isn't the one that was saved")
    for key, kind in {"epoch": int, "sha256": str, "configuration": dict, "along": list}.items():
        if not isinstance(record.get(key), kind):
            raise CheckpointError(f"{path}: its record has no {key!r}")
    configuration = record["configuration"]
    if isinstance(configuration.get("recipe"), dict):
        configuration["recipe"] = rename_previous(configuration["recipe"])
    return record


def _check_digest(path, arrays, record):
    if digest.of_arrays(arrays) != record["sha256"]:
        raise CheckpointError(f"{path} is damaged: its numbers aren't those that were saved")


def _state_arrays(names):
    return {name: name for name in names if name != RECORD}


@contextlib.contextmanager
def _checkpoint_errors() -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except ZooError as error:
        raise CheckpointError(str(error)) from error
