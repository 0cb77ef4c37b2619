"""JAX: see `benchmarks.measure.devices`."""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from benchmarks.measure.devices import says_out_of_memory

multiply = jax.jit(jnp.matmul)
negate = jax.jit(jnp.negative)


def is_gpu():
    return jax.default_backend() == "gpu"


def device_name():
    return jax.devices()[0].device_kind


def driver():
    # "PJRT C API\ncuda 12090": the version of CUDA that XLA was built for or found.
    return jax.devices()[0].client.platform_version if is_gpu() else None


def synchronize(arrays):
    jax.block_until_ready(arrays)


def put(array):
    return jax.device_put(array, jax.devices()[0])


def random(size, dtype):
    return jax.random.normal(jax.random.key(0), (size, size), dtype)


def set_float32_precision(tf32):
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if tf32 else "highest")


def reset_peak_memory():
    """Not possible in JAX: the process must do nothing else that needs much memory."""


def peak_memory():
    return jax.devices()[0].memory_stats()["peak_bytes_in_use"]


def is_out_of_memory(error):
    return says_out_of_memory(error)


def profile(run):
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            run()
        (path,) = Path(folder).rglob("*.xplane.pb")
        found = jax.profiler.ProfileData.from_file(str(path))
    for plane in found.planes:
        for line in plane.lines:
            # A GPU's other lines show the same time once more, by module and by source.
            if is_gpu() and not (plane.name.startswith("/device") and "Stream" in line.name):
                continue
            for event in line.events:
                if is_gpu() or "hlo_op" in dict(event.stats):
                    yield event.name, event.duration_ns
