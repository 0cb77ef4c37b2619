"""PyTorch: one process per device, started by `torchrun`; `torch.distributed` connects them."""

import contextlib
import os

import torch
from torch import distributed

from zoo.errors import InvalidInputError, ReplicaError

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What `torchrun` tells each process."""
_joined = False


def join(synchronize):
    """Connects this process with the others of its job, and takes its device."""
    del synchronize  # both ways work here
    global _joined
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise InvalidInputError(
            "On PyTorch each device has a process of its own: start the script by `torchrun "
            "--nproc-per-node=2 script.py`, the command by `torchrun --nproc-per-node=2 -m zoo "
            f"train ...`. Received: an environment without {', '.join(missing)}"
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not distributed.is_initialized():
        _together(lambda: distributed.init_process_group(_engine()))
    _joined = True


def process():
    """Returns the number of this process, from 0, and how many there are."""
    return (distributed.get_rank(), distributed.get_world_size()) if _joined else (0, 1)


def replica():
    """Returns the number of the replica that computes here, and how many there are."""
    return process()


def shares():
    """Returns how many parts of equal size a batch is split into."""
    return process()[1]


def batch_part():
    """Returns which part of each batch this process feeds: its number, and how many there are."""
    return process()


def mean_over_replicas(tensors):
    """Returns the means of tensors over all replicas, each of them differentiable any times."""
    if not _joined:
        return tensors
    return list(_Mean.apply(*tensors))


def share(variables):
    """Gives the variables of every process the values that they have in the first one."""
    if not _joined:
        return
    for variable in variables:
        value = variable.value.detach().contiguous()
        _together(lambda value=value: distributed.broadcast(value, 0))
        with torch.no_grad():
            variable.value.copy_(value)


def meet():
    """Waits until every process is here."""
    if _joined:
        _together(distributed.barrier)


@contextlib.contextmanager
def alone():
    """Within the block, this process computes by itself, as if there were no others."""
    global _joined
    before, _joined = _joined, False
    try:
        yield
    finally:
        _joined = before


class _Mean(torch.autograd.Function):
    """The mean over replicas. It is linear, and its own adjoint."""

    @staticmethod
    def forward(ctx, *tensors):
        return tuple(_mean(tensors))

    @staticmethod
    def backward(ctx, *gradients):
        return _Mean.apply(*gradients)


def _mean(tensors):
    """Reduces in one call: each has its latency, however few its numbers."""
    dtype = torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32
    total = sum(x.numel() for x in tensors)
    bucket = torch.empty(total, dtype=dtype, device=tensors[0].device)
    # In the axes' own order: the order in memory could differ between the processes.
    parts = bucket.split([x.numel() for x in tensors])
    parts = [part.view(x.shape) for part, x in zip(parts, tensors, strict=True)]
    torch._foreach_copy_(parts, list(tensors))
    _together(lambda: distributed.all_reduce(bucket))
    bucket /= distributed.get_world_size()
    return [part.to(x.dtype) for part, x in zip(parts, tensors, strict=True)]


def _engine():
    return "nccl" if torch.cuda.is_available() else "gloo"


def _together(call):
    """Calls what waits for the other processes."""
    try:
        return call()
    except RuntimeError as error:
        rank, count = (os.environ[name] for name in VARIABLES[:2])
        raise ReplicaError(
            f"Process {rank} of {count} (from 0) lost the others: one of them has ended, or can't "
            "be reached. The first error among the outputs of all processes says why; then resume "
            f"the run from its last checkpoint. PyTorch said: {str(error).splitlines()[0]}"
        ) from error
