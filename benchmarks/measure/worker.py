"""The process of a cell, or of several, which answers commands until the other end hangs up.

Imports neither Keras nor a framework before the environment is set.
"""

import gc
import os
import resource
import signal
import sys
import traceback

from benchmarks.measure.own_model import OwnModelError
from zoo import memory

REFUSED = "refused"
VARIABLES = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Processes that are alive together share the device's memory: none may reserve all of it.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""For the host's time: threads that wait for each other compute, as far as a CPU's clock knows."""


def main(connection, cell, settings, log):
    """Serves cells; each command is about one.

    Args:
        connection: `multiprocessing.connection.Connection`.
        cell: `cells.Cell`, the first.
        settings: `cells.Settings`.
        log: path of the file for what this process prints.
    """
    memory.keep_freed()  # before anything is allocated that could stay in other blocks
    _detach(cell, log)
    sessions = {}

    def command(name):
        def run(cell):
            if cell not in sessions:
                sessions[cell] = Session(cell, settings)
            return getattr(sessions[cell], name)()

        return run

    def is_out_of_memory(error):
        return any(session.is_out_of_memory(error) for session in sessions.values())

    names = ("measure_machine", "prepare", "warm_up", "window", "finish", "profile")
    serve(connection, {name: command(name) for name in names}, is_out_of_memory)


def serve(connection, handlers, is_out_of_memory=lambda error: isinstance(error, MemoryError)):
    """Answers (name, arguments) with `handlers[name](*arguments)` until the other end hangs up.

    An answer is `("ok", result)`; after an exception it is `(status, error)`, both as in a row,
    or `(REFUSED, error)` for a model that can't be timed.
    """
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            result = handlers[name](*arguments)
        except OwnModelError as error:
            connection.send((REFUSED, str(error)))
        except Exception as error:
            status = "out_of_memory" if is_out_of_memory(error) else "failed"
            connection.send((status, describe(error)))
            traceback.print_exc()  # into the log
        else:
            connection.send(("ok", result))


def describe(error):
    """Returns an exception as a short text."""
    return f"{type(error).__name__}: {error}"[:1000]


class Session:
    """The commands about one cell."""

    def __init__(self, cell, settings):
        self.cell, self.settings = cell, settings
        self.devices = None
        self.losses = None

    def measure_machine(self):
        """Measures the machine's limits, in a process whose memory isn't recorded."""
        from benchmarks.measure import machine

        self._load()
        return machine.measure_machine(self.devices, self.cell.precision)

    def prepare(self):
        """Builds the contestant, and returns the model's fields of a row."""
        self._load()
        from zoo.imports import import_keras

        keras = import_keras()
        from benchmarks.measure import contestants, workloads

        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(self.cell.precision)
        narrow = workloads.NARROW[self.cell.model] if self.cell.mode == "overhead" else {}
        model = workloads.build(self.cell.model, **narrow)
        facts = {
            "parameters": model.generator.count_params() + model.discriminator.count_params(),
            **_work(model, self.cell),
            "tf32": self.tf32,
            "clock": self.clock,
        }
        self.contestant = contestants.make_contestant(self.cell, model, self.devices)
        del model
        gc.collect()  # the memory of a native loop is counted without the model
        if self.devices.is_gpu():
            self.devices.reset_peak_memory()
        return facts

    def warm_up(self):
        """Warms up the contestant, and returns fields of a row."""
        from benchmarks.measure import timing

        return timing.warm_up(self.contestant, self.settings.seconds, timing.CLOCKS[self.clock])

    def window(self):
        """Times one window, checks its losses, and returns its seconds and losses."""
        from benchmarks.measure import timing

        seconds, losses = timing.time_window(self.contestant, timing.CLOCKS[self.clock])
        timing.check_losses(losses, self.losses)
        self.losses = losses
        return seconds, losses

    def finish(self):
        """Returns the memory that was used, as fields of a row; of a shared process, none."""
        if self.cell.mode == "overhead":
            return {}
        if self.devices.is_gpu():
            return {"peak_memory_bytes": self.devices.peak_memory(), "memory_kind": "device"}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak_memory_bytes": peak * unit, "memory_kind": "resident"}

    def profile(self):
        """Returns what the device computes in a few steps; see `profiles.profile`."""
        from benchmarks.measure import profiles

        return profiles.profile(self.contestant, self.devices)

    def is_out_of_memory(self, error):
        """Returns whether an exception is the framework's for a lack of memory."""
        if self.devices is None:
            return isinstance(error, MemoryError)
        return self.devices.is_out_of_memory(error)

    def _load(self):
        from benchmarks.measure import devices

        self.devices = devices.load(self.cell.backend, self.settings.devices)
        # CPUs have no TF32.
        self.tf32 = self.settings.tf32 if self.devices.is_gpu() else None
        if self.tf32 is not None:
            self.devices.set_float32_precision(self.tf32)
        # On a CPU the device is the host: other processes would be counted in with a clock on the
        # wall.
        host_time = self.cell.mode == "overhead" and not self.devices.is_gpu()
        self.clock = "cpu" if host_time else "wall"


def _work(model, cell):
    """Returns fields of a row; None for networks, or a step, that aren't those that are counted."""
    from benchmarks.measure import flops

    nothing = {"gflop_per_image": None, "gb_per_step": None}
    if model.compiled and cell.mode != "sample":
        return nothing  # with penalties, or further updates, for all that is known
    try:
        return {
            "gflop_per_image": flops.gflop_per_image(model, cell.mode),
            "gb_per_step": flops.gb_per_step(model, cell.mode, cell.precision, cell.batch_size),
        }
    except flops.UncountedError:
        return nothing


def set_variables(backend: str, mode: str) -> None:
    """Sets the variables that a framework reads on import; keeps the user's own settings."""
    variables = VARIABLES | (ONE_THREAD if mode == "overhead" else {})
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    os.environ["KERAS_BACKEND"] = backend


def _detach(cell, log):
    """Sets the environment, redirects all output to the log, and leaves Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_variables(cell.backend, cell.mode)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
