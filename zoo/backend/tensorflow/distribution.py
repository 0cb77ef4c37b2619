"""TensorFlow: `tf.distribute`. A step runs once on each replica, which reduces with the others."""

import contextlib
import os

import tensorflow as tf

from zoo.errors import InvalidInputError


def join(synchronize):
    """Connects this process with the others of its job, if any, and takes all devices."""
    del synchronize  # both ways work here
    if "TF_CONFIG" in os.environ:
        raise InvalidInputError(
            "On TensorFlow a job is one process with all its devices; for several processes or "
            "machines, train on PyTorch or JAX: weights and checkpoints are the same. Received: "
            "an environment with TF_CONFIG"
        )
    if tf.distribute.has_strategy():
        return
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    tf.distribute.experimental_set_strategy(strategy)


def process():
    """Returns the number of this process, from 0, and how many there are."""
    return 0, 1


def replica():
    """Returns the number of the replica that computes here, and how many there are."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 0, 1
    return context.replica_id_in_sync_group, context.num_replicas_in_sync


def shares():
    """Returns how many parts of equal size a batch is split into."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def batch_part():
    """Returns which part of each batch this process feeds: all, which TensorFlow splits."""
    return 0, 1


def mean_over_replicas(tensors):
    """Returns the means of tensors over all replicas, each of them differentiable any times."""
    if replica()[1] == 1:
        return tensors
    context = tf.distribute.get_replica_context()
    return list(context.all_reduce(tf.distribute.ReduceOp.MEAN, list(tensors)))


def share(variables):
    """Does nothing: variables begin with the values of the first process."""
    del variables


def meet():
    """Waits until every process is here."""


@contextlib.contextmanager
def alone():
    """Within the block, this process computes by itself, as if there were no others."""
    yield  # there are no others
