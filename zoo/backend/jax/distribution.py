"""JAX: Keras' `DataParallel`. A step runs once on each device, which reduces with the others."""

import contextlib
import os

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from zoo.backend.jax import replicas
from zoo.backend.jax.peers import ending_together
from zoo.errors import InvalidInputError

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
"""What each of several processes is told, unless it runs under Slurm or MPI, which JAX knows."""
HEARTBEAT_SECONDS = 30
"""After this long without a sign of life, a process counts as ended."""


def join(synchronize):
    """Connects this process with the others of its job, if any, and takes all devices."""
    del synchronize  # both ways work here
    given = [name for name in VARIABLES if name in os.environ]
    clustered = "SLURM_JOB_ID" in os.environ or "OMPI_COMM_WORLD_SIZE" in os.environ
    if given and len(given) < len(VARIABLES) and not clustered:
        missing = [name for name in VARIABLES if name not in given]
        raise InvalidInputError(
            f"On JAX each of several processes needs {', '.join(VARIABLES)}. Received: an "
            f"environment without {', '.join(missing)}"
        )
    if (given or clustered) and not jax.distributed.is_initialized():
        options = {
            "heartbeat_timeout_seconds": HEARTBEAT_SECONDS,
            "shutdown_timeout_seconds": HEARTBEAT_SECONDS,
        }
        if len(given) == len(VARIABLES):
            address, count, number = (os.environ[name] for name in VARIABLES)
            options |= {
                "coordinator_address": address,
                "num_processes": int(count),
                "process_id": int(number),
            }
        _together(lambda: jax.distributed.initialize(**options))
    devices = [f"{device.platform}:{device.id}" for device in jax.devices()]
    layout = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    keras.distribution.set_distribution(layout)


def process():
    """Returns the number of this process, from 0, and how many there are."""
    if keras.distribution.distribution() is None:
        return 0, 1
    return jax.process_index(), jax.process_count()


def replica():
    """Returns the number of the replica that computes here, and how many there are."""
    axis = replicas.axis()
    return (0, 1) if axis is None else (jax.lax.axis_index(axis), shares())


def shares():
    """Returns how many parts of equal size a batch is split into."""
    layout = keras.distribution.distribution()
    return 1 if layout is None else layout.device_mesh.devices.size


def batch_part():
    """Returns which part of each batch this process feeds: its number, and how many there are."""
    return process()


def mean_over_replicas(tensors):
    """Returns the means of tensors over all replicas, each of them differentiable any times."""
    axis = replicas.axis()
    return tensors if axis is None else jax.lax.pmean(tensors, axis)


def share(variables):
    """Gives the variables of every process the values that they have in the first one."""
    if process()[1] == 1:
        return
    values = [np.asarray(variable.value) for variable in variables]
    values = _together(lambda: multihost_utils.broadcast_one_to_all(values))
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def meet():
    """Waits until every process is here."""
    if process()[1] > 1:
        _together(lambda: multihost_utils.sync_global_devices("zoo"))


@contextlib.contextmanager
def alone():
    """Within the block, this process computes by itself, as if there were no others."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _together(call):
    """Calls what waits for the other processes."""
    with ending_together():
        return call()
