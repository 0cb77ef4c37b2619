"""PyTorch: see `benchmarks.measure.devices`."""

import torch

from benchmarks.measure.devices import says_out_of_memory

multiply = torch.matmul
negate = torch.neg


def is_gpu():
    return torch.cuda.is_available()


def device_name():
    return torch.cuda.get_device_name() if is_gpu() else "cpu"


def driver():
    return f"cuda {torch.version.cuda}" if is_gpu() else None


def synchronize(arrays):
    del arrays  # waits for everything that was started before
    if is_gpu():
        torch.cuda.synchronize()


def put(array):
    return torch.tensor(array, device=_device())


def random(size, dtype):
    return torch.randn((size, size), dtype=getattr(torch, dtype), device=_device())


def set_float32_precision(tf32):
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32


def reset_peak_memory():
    torch.cuda.reset_peak_memory_stats()


def peak_memory():
    return torch.cuda.max_memory_allocated()


def is_out_of_memory(error):
    return isinstance(error, torch.OutOfMemoryError) or says_out_of_memory(error)


def profile(run):
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CUDA if is_gpu() else activity.CPU]) as found:
        run()
        synchronize(())
    # On a CPU an operation contains those that it is made of: each counts without its parts.
    for event in found.events():
        microseconds = event.self_device_time_total if is_gpu() else event.self_cpu_time_total
        if microseconds > 0:
            yield event.name, 1e3 * microseconds


def _device():
    return "cuda" if is_gpu() else "cpu"
