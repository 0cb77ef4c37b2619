"""JAX: the loss of another process of a job."""

import contextlib
import ctypes
import os
import re

import jax
from jax._src import distributed

from zoo.errors import ReplicaError


@contextlib.contextmanager
def ending_together():
    """Turns what JAX raises for the loss of another process into one clear error."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        # The runtime's own begin with a status: "UNKNOWN: Gloo AllGather failed".
        if not (jax.distributed.is_initialized() and re.match("[A-Z_]+: ", str(error))):
            raise
        _leave()
        raise ReplicaError(
            f"Process {os.environ.get('JAX_PROCESS_ID', '')} lost the others: one of them has "
            "ended, or can't be reached. The first error among the outputs of all processes says "
            "why; then resume the run from its last checkpoint. JAX said: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _leave():
    """Lets this process end by itself: JAX would wait for the lost one at its end, and abort."""
    state = distributed.global_state
    for name in ("preemption_sync_manager", "client", "service"):
        # For good: what ends with them waits as well.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(getattr(state, name)))
        setattr(state, name, None)
