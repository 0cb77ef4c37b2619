"""Limits of the machine, measured in the same run: rates of matrix products and of copying."""

import time
from collections.abc import Callable
from types import ModuleType

SIZES = {"cpu": (512, 1024, 2048), "gpu": (4096, 8192, 16384)}
"""Sides of the square matrices that are multiplied; the best rate counts."""
COPIED_SIDE = 16384
"""Side of the float32 matrix that is copied on a GPU: 1 GiB, far larger than a cache."""


def measure_machine(devices: ModuleType, precision: str, seconds: float = 0.3) -> dict:
    """Measures the device of this process with the framework's own products.

    Args:
        devices: module of `benchmarks.measure.devices`.
        precision: `"float32"` or `"mixed_bfloat16"`.
        seconds: float, to spend on each size.

    Returns:
        The machine's fields of a row.
    """
    dtype = "float32" if precision == "float32" else "bfloat16"
    gpu = devices.is_gpu()
    sizes = SIZES["gpu" if gpu else "cpu"]
    return {
        "matmul_tflops": max(matmul_tflops(devices, size, dtype, seconds) for size in sizes),
        "copy_gb_per_second": copy_gb_per_second(devices, seconds) if gpu else None,
        "device": devices.device_name(),
        "driver": devices.driver(),
    }


def matmul_tflops(devices: ModuleType, size: int, dtype: str, seconds: float) -> float:
    """Returns the rate of products of two square matrices, in 10^12 FLOP per second."""
    a, b = devices.random(size, dtype), devices.random(size, dtype)
    return 2 * size**3 * rate(devices, lambda: devices.multiply(a, b), seconds) / 1e12


def copy_gb_per_second(devices: ModuleType, seconds: float) -> float:
    """Returns the bytes that a bare copy reads and writes, in 10^9 per second."""
    a = devices.random(COPIED_SIDE, "float32")
    return 2 * 4 * COPIED_SIDE**2 * rate(devices, lambda: devices.negate(a), seconds) / 1e9


def rate(
    devices: ModuleType,
    compute: Callable,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Returns the calls per second of a function that returns an array, best of several series.

    Args:
        devices: module of `benchmarks.measure.devices`.
        compute: function of no arguments; it may return before its result is computed.
        seconds: float, to spend.
        clock: function, seconds.
    """
    devices.synchronize(compute())
    best, calls, end = 0.0, 1, clock() + seconds
    while True:
        started = clock()
        for _ in range(calls):
            result = compute()
        devices.synchronize(result)
        now = clock()
        best = max(best, calls / max(now - started, 1e-9))
        if now >= end:
            return best
        # Series of a tenth of the time: the wait for the device is negligible in each.
        calls = max(1, round(best * seconds / 10))
