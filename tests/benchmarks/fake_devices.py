"""Device calls for tests: those of this backend, but some things happen as they would elsewhere.

`BENCHMARK_TEST_DEVICE` says what: "gpu", or what a timed run ends with: "out_of_memory", "crash",
"killed", "hang".
"""

import os
import signal
import time

import keras

from benchmarks.measure import devices

BACKEND = keras.backend.backend()
REAL = devices.load(BACKEND)
CALLS = []
"""Names of the calls that only a GPU gets, in their order."""

device_name = REAL.device_name
put = REAL.put
multiply = REAL.multiply
negate = REAL.negate
is_out_of_memory = REAL.is_out_of_memory


def what_happens():
    return os.environ.get("BENCHMARK_TEST_DEVICE")


def profile(run):
    """On a GPU there are kernels; here they are made up."""
    run()
    yield from [("kernel one", 2e6), ("kernel two", 1e6), ("kernel one", 2e6)]


def is_gpu():
    return what_happens() == "gpu"


def driver():
    return "cuda 99.9"


def random(size, dtype):
    return REAL.random(min(size, 64), dtype)


def set_float32_precision(tf32):
    CALLS.append(("set_float32_precision", tf32))


def reset_peak_memory():
    CALLS.append("reset_peak_memory")


def peak_memory():
    return 123456


def synchronize(arrays):
    REAL.synchronize(arrays)
    happens = what_happens()
    if happens == "out_of_memory":
        raise out_of_memory_error()
    if happens == "crash":
        print("the last words of a dying process", flush=True)
        os._exit(7)
    if happens == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if happens == "hang":
        time.sleep(600)


def out_of_memory_error():
    """The framework's own."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, "Out of memory: OOM when allocating")
    if BACKEND == "jax":
        import jax

        return jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
