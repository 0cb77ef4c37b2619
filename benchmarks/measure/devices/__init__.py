"""Device calls: one file per framework, with the same functions in each.

| function                | what it does                                                          |
|-------------------------|-----------------------------------------------------------------------|
| `is_gpu`                | whether a GPU computes here                                           |
| `device_name`           | what computes here                                                    |
| `driver`                | version of the GPU's software; `None` on a CPU                        |
| `synchronize`           | waits until arrays are computed, and everything before them           |
| `put`                   | an ndarray -> an array in the device's memory                         |
| `random`                | an array (size, size) of normal random numbers in the device's memory |
| `multiply`              | the product of two matrices                                           |
| `negate`                | reads an array and writes one: what copying costs                     |
| `set_float32_precision` | allows or forbids TF32 in all float32 products                        |
| `reset_peak_memory`     | resets the peak use of the device's memory, where that's possible     |
| `peak_memory`           | the peak use of the device's memory since then, in bytes              |
| `is_out_of_memory`      | whether an exception says that memory ran out                         |
| `profile`               | calls a function; (name, nanoseconds) of each operation it computed   |
"""

import importlib


def load(backend, pattern="benchmarks.measure.devices.{backend}"):
    """Imports and returns the module of a backend's device calls."""
    return importlib.import_module(pattern.format(backend=backend))


def says_out_of_memory(error):
    """Returns whether an exception is about a lack of memory, in XLA's, CUDA's or others' words."""
    words = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory", "OOM when allocating")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
