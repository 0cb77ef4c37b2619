"""Data-parallel training: the devices share a batch, and all end a step with the same weights.

Each backend does it by its own engine: `torch.distributed`, `tf.distribute`, and Keras'
`DataParallel` on JAX. A replica is a device with its own copy of the weights.
"""

import contextlib
import functools
import threading

import keras
from keras import ops

from zoo import backend
from zoo.errors import InvalidInputError

_here = threading.local()
_synchronize = True


def data_parallel(synchronize: bool = True) -> None:
    """Makes training use every device, and every process, of this job.

    Call it at the start of the script, before a model is built; the rest stays as it is.
    `batch_size` is that of all devices together: with the same seed and batch size a run gives the
    same weights on any number of devices, up to rounding. Arrays and streams are given to
    `fit` whole in each process, and each trains on its part of every batch. Other data sets hand
    over a process' own part of each batch.

    - PyTorch: one process per device, `torchrun --nproc-per-node=8 script.py`.
    - TensorFlow: all devices of one process; or several processes with a device each, which
      `TF_CONFIG` describes.
    - JAX: all devices of one process; several processes by `JAX_COORDINATOR_ADDRESS`,
      `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`, or under Slurm or MPI.

    Args:
        synchronize: bool, take the statistics of batch normalization over the batch of all devices,
            as on one device; `False` takes them over each device's part, with less communication
            (on JAX in compiled steps only).

    Raises:
        InvalidInputError: if the environment doesn't say what the backend needs.
        ReplicaError: if the processes of the job can't be connected.

    Example:

    ```python
    import zoo

    zoo.distribution.data_parallel()
    images, _ = zoo.datasets.load("fashion_mnist")
    model = zoo.DCGAN((28, 28, 1), seed=0)
    model.compile()
    model.fit(images, batch_size=512, epochs=20)
    ```
    """
    global _synchronize
    backend.join(synchronize)
    _synchronize = synchronize


def is_first_process() -> bool:
    """Returns whether this process is the one of its job that writes files; alone, it is."""
    return backend.process()[0] == 0


def check_divides(batch_size, count):
    """Raises `InvalidInputError` unless each batch of an epoch has the same part for each device.

    Args:
        batch_size: int, samples in a batch of all devices.
        count: int, samples in an epoch.
    """
    devices, last = backend.shares(), count % batch_size
    if batch_size % devices:
        below = batch_size - batch_size % devices
        near = f"{below} or {below + devices}" if below else str(devices)
        what, received = "a batch", f"batch_size={batch_size}"
    elif last % devices:
        what, near = "an epoch's last batch", f"{count - last % devices} samples"
        received = f"{count} samples, of which the last batch has {last}"
    else:
        return
    raise InvalidInputError(
        f"{devices} devices share each batch: the size of {what} must be a multiple of {devices}. "
        f"The nearest: {near}. Received: {received}"
    )


def own_rows(draw, count):
    """Draws random numbers for the batch of all replicas, of which this replica takes its rows.

    So they are the same numbers on any number of devices.

    Args:
        draw: function of a number of samples that returns a tensor (samples, ...).
        count: int or scalar tensor, samples on this replica.
    """
    number, replicas = backend.replica()
    if replicas == 1:
        return draw(count)
    rows = draw(count * replicas)
    # Not a slice: on JAX the number is traced.
    return ops.reshape(rows, (replicas, -1, *rows.shape[1:]))[number]


def means(nested):
    """Returns a nested structure of tensors as their means over all replicas, reduced in one call.

    A call has its latency, however few its numbers: what a step reduces goes together. Gradients
    don't pass.
    """
    if backend.replica()[1] == 1:
        return nested
    tensors = [ops.stop_gradient(x) for x in keras.tree.flatten(nested)]
    return keras.tree.pack_sequence_as(nested, backend.mean_over_replicas(tensors))


def spread_terms(*samples):
    """Returns what `spreads` takes, once `means` has reduced it.

    Args:
        *samples: tensors (batch, ...) of this replica.
    """
    # By their definition: `ops.var` along the batch took 15% of the processor's time in a step of
    # two images of 64x64 on PyTorch (2.9 of 19.4 ms, sampled).
    centers = [ops.mean(x, axis=0) for x in samples]
    pairs = zip(samples, centers, strict=True)
    within = [ops.sum(ops.mean(ops.square(x - center), axis=0)) for x, center in pairs]
    if backend.replica()[1] == 1:
        return within, [], []
    return within, centers, [ops.sum(ops.square(center)) for center in centers]


def spreads(within, centers, squares):
    """Returns the variances within the batch of all replicas, summed over a sample's values."""
    if not centers:
        return within
    between = [
        ops.maximum(square - ops.sum(ops.square(center)), 0.0)
        for square, center in zip(squares, centers, strict=True)
    ]
    return [sum(parts) for parts in zip(within, between, strict=True)]


def all_agree(sound):
    """Returns whether a scalar bool tensor is true on every replica; `None` for `None`."""
    if sound is None or backend.replica()[1] == 1:
        return sound
    (share,) = backend.mean_over_replicas([ops.cast(sound, "float32")])
    return share > 1.0 - 1e-6


# --------------------------------------------------------------------- batch statistics


def watch(*networks):
    """Lets the batch normalizations of networks take statistics of all replicas, in `synchronized`.

    Only where there are several replicas.
    """
    if backend.shares() == 1:
        return
    for network in networks:
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer._moments = functools.partial(_moments, layer)


@contextlib.contextmanager
def synchronized():
    """Lets the networks of `watch` do so within the block: a step, which every replica is in."""
    before, _here.synchronized = is_synchronized(), _synchronize and backend.replica()[1] > 1
    try:
        yield
    finally:
        _here.synchronized = before


def is_synchronized():
    """Returns whether this is within `synchronized`, with several replicas."""
    return getattr(_here, "synchronized", False)


def _moments(layer, inputs, mask):
    """Returns mean and variance, as the method of Keras' layer that it stands in for."""
    if not is_synchronized():
        return type(layer)._moments(layer, inputs, mask)
    if mask is not None:
        raise InvalidInputError(
            "Batch normalization of masked inputs isn't synchronized between devices: build the "
            "network without masks, or pass synchronize=False to `data_parallel`."
        )
    axes = layer._reduction_axes
    center = ops.mean(inputs, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(inputs - center), axis=axes)
    center = ops.squeeze(center, axes)
    # The parts' variances, and that of their means, from one call.
    mean, square = backend.mean_over_replicas([center, variance + ops.square(center)])
    return mean, ops.maximum(square - ops.square(mean), 0.0)
