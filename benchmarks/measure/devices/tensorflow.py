"""TensorFlow: see `benchmarks.measure.devices`."""

import re
import tempfile
from pathlib import Path

import tensorflow as tf

from benchmarks.measure.devices import says_out_of_memory

GPU = "GPU:0"

multiply = tf.linalg.matmul
negate = tf.negative


def is_gpu():
    return bool(tf.config.list_physical_devices("GPU"))


def device_name():
    return _details()["device_name"] if is_gpu() else "cpu"


def driver():
    return f"cuda {tf.sysconfig.get_build_info()['cuda_version']}" if is_gpu() else None


def synchronize(arrays):
    del arrays  # waits for everything that was started before
    tf.test.experimental.sync_devices()


def put(array):
    return tf.identity(tf.convert_to_tensor(array))


def random(size, dtype):
    return tf.random.normal((size, size), dtype=dtype)


def set_float32_precision(tf32):
    tf.config.experimental.enable_tensor_float_32_execution(tf32)


def reset_peak_memory():
    tf.config.experimental.reset_memory_stats(GPU)


def peak_memory():
    return tf.config.experimental.get_memory_info(GPU)["peak"]


def profile(run):
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            run()
        finally:
            tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        found = XSpace.FromString(path.read_bytes())
    for plane in found.planes:
        for line in plane.lines:
            # A GPU's other lines show the same time once more, by module and by source.
            if is_gpu() and not (plane.name.startswith("/device") and "Stream" in line.name):
                continue
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # On a CPU an operation is "name:Type".
                if is_gpu() or re.fullmatch(r"[^:]+:\w+", name):
                    yield name.rpartition(":")[2], event.duration_ps / 1e3


def is_out_of_memory(error):
    return isinstance(error, tf.errors.ResourceExhaustedError) or says_out_of_memory(error)


def _details():
    return tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
