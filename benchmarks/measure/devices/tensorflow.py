"""TensorFlow: see `benchmarks.measure.devices`."""

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


def is_out_of_memory(error):
    return isinstance(error, tf.errors.ResourceExhaustedError) or says_out_of_memory(error)


def _details():
    return tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
