"""Hashes of arrays and of plain values, the same on every machine and backend."""

import hashlib
import json
from typing import Any

import numpy as np


def of_arrays(arrays: dict[str, np.ndarray]) -> str:
    """Returns the sha256 of names, types, shapes and numbers.

    Args:
        arrays: dict name -> ndarray.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view("uint8").data)
    return digest.hexdigest()


def of_values(values: Any) -> str:
    """Returns the sha256 of values that JSON can hold, 64 hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
