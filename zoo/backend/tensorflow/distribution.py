"""TensorFlow: `tf.distribute`. A step runs once on each replica, which reduces with the others.

The devices of one process are a `MirroredStrategy`, under which Keras trains. Several processes
are a `MultiWorkerMirroredStrategy`, a device each: only the step runs under it, and variables are
each process' own. Under Keras' trainer it can't be: that takes means of the logs, scalars, along
an axis, and any variable that one process makes for itself waits for the others.
"""

import contextlib

import tensorflow as tf

from zoo.backend.tensorflow import workers


def join(synchronize):
    """Connects this process with the others of its job, if any, and takes all devices."""
    del synchronize  # both ways work here
    if tf.distribute.has_strategy() or workers.connect():
        return
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    tf.distribute.experimental_set_strategy(strategy)


def process():
    """Returns the number of this process, from 0, and how many there are."""
    return workers.process()


def replica():
    """Returns the number of the replica that computes here, and how many there are."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 0, 1
    return context.replica_id_in_sync_group, context.num_replicas_in_sync


def shares():
    """Returns how many parts of equal size a batch is split into."""
    return max(process()[1], tf.distribute.get_strategy().num_replicas_in_sync)


def batch_part():
    """Returns which part of each batch this process feeds: its number, and how many there are."""
    return process()


def mean_over_replicas(tensors):
    """Returns the means of tensors over all replicas, each of them differentiable any times."""
    if replica()[1] == 1:
        return tensors
    context = tf.distribute.get_replica_context()
    dtypes = [x.dtype for x in tensors]
    dtype = tf.float64 if tf.float64 in dtypes else tf.float32  # one, which one call reduces
    means = context.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.cast(x, dtype) for x in tensors])
    return [tf.cast(x, dtype) for x, dtype in zip(means, dtypes, strict=True)]


def share(variables):
    """Gives the variables of every process the values that they have in the first one."""
    workers.share(variables)


def meet():
    """Waits until every process is here."""
    workers.meet()


@contextlib.contextmanager
def alone():
    """Within the block, this process computes by itself, as if there were no others."""
    with workers.apart():
        yield
