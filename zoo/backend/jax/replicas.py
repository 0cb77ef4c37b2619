"""JAX: a step as each device takes it, with its own part of the batch.

Left to the compiler, a step's reductions and draws were not where they belong: the gradients of
convolutions were reduced in their Fourier form, of 20 times the size, each device drew the dropout
of all, and real and fake samples changed places between devices. Without that, two processes on two
cores of a CPU trained the DCGAN at 28x28 1.26 times as fast as one, and 1.05 times with it.
"""

import threading

import jax
import keras
from jax.sharding import PartitionSpec

_here = threading.local()


def axis():
    """Returns the name of the devices' axis within a step on each, or `None`."""
    return getattr(_here, "axis", None)


def on_each_device(model, step):
    """Returns `step(state, data)` as each device takes it, with its own part of the data.

    What it returns is that of the first device: it must be the same on all. Steps that aren't
    compiled stay operations of whole batches: of each, every device would make a program.
    """
    layout = keras.distribution.distribution()
    if layout is None or model.run_eagerly or not model.jit_compile:
        return step

    def take_step(state, data):
        _here.axis = layout.batch_dim_name
        try:
            return step(state, data)
        finally:
            _here.axis = None

    whole, parts = PartitionSpec(), PartitionSpec(layout.batch_dim_name)
    return jax.shard_map(
        take_step,
        mesh=layout.device_mesh.backend_mesh,
        in_specs=(whole, parts),
        out_specs=whole,
        # The gradient of a device is that of its own part's loss, until the step takes the mean.
        check_vma=False,
    )
