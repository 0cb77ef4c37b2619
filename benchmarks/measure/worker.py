"""The process of one cell: answers commands on a pipe until it is told to finish.

Imports neither Keras nor a framework before the environment is set.
"""

import gc
import os
import resource
import signal
import sys

from benchmarks.measure import environment


def main(connection, cell, settings, log):
    """Serves a cell.

    Args:
        connection: `multiprocessing.connection.Connection`.
        cell: `cells.Cell`.
        settings: `cells.Settings`.
        log: path of the file that takes what this process prints.
    """
    _detach(cell.backend, log)
    session = Session(cell, settings)
    serve(
        connection,
        {
            "measure_machine": session.measure_machine,
            "prepare": session.prepare,
            "warm_up": session.warm_up,
            "window": session.window,
            "finish": session.finish,
        },
        session.is_out_of_memory,
    )


def serve(connection, handlers, is_out_of_memory=lambda error: isinstance(error, MemoryError)):
    """Answers (name, arguments) by `handlers[name](*arguments)` until the other end hangs up.

    An answer is `("ok", result)`, or `(status, error)` with a row's status and text for an
    exception, after which nothing more is answered.
    """
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = ("ok", handlers[name](*arguments))
        except Exception as error:
            status = "out_of_memory" if is_out_of_memory(error) else "failed"
            connection.send((status, describe(error)))
            raise  # into the log, with its traceback
        connection.send(answer)


def describe(error):
    """An exception in a few lines."""
    return f"{type(error).__name__}: {error}"[:1000]


class Session:
    """What a cell's process does, command by command."""

    def __init__(self, cell, settings):
        self.cell, self.settings = cell, settings
        self.devices = None
        self.losses = None

    def measure_machine(self):
        """See `machine.measure_machine`; in a process of its own, whose memory nobody counts."""
        from benchmarks.measure import machine

        self._load()
        return machine.measure_machine(self.devices, self.cell.precision)

    def prepare(self):
        """Builds the contestant, and tells what a row says of its model."""
        self._load()
        from zoo.imports import import_keras

        keras = import_keras()
        from benchmarks.measure import contestants, flops, workloads

        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(self.cell.precision)
        model = workloads.build(self.cell.model)
        facts = {
            "parameters": model.generator.count_params() + model.discriminator.count_params(),
            "gflop_per_image": flops.gflop_per_image(model, self.cell.mode),
            "tf32": self.tf32,
        }
        self.contestant = contestants.make_contestant(self.cell, model, self.devices)
        del model
        gc.collect()  # a native loop must not be charged for the model that it took weights from
        if self.devices.is_gpu():
            self.devices.reset_peak_memory()
        return facts

    def warm_up(self):
        """See `timing.warm_up`."""
        from benchmarks.measure import timing

        return timing.warm_up(self.contestant, self.settings.seconds)

    def window(self):
        """One timed window: seconds and losses, which are checked."""
        from benchmarks.measure import timing

        seconds, losses = timing.time_window(self.contestant)
        timing.check_losses(losses, self.losses)
        self.losses = losses
        return seconds, losses

    def finish(self):
        """The memory it took."""
        if self.devices.is_gpu():
            return {"peak_memory_bytes": self.devices.peak_memory(), "memory_kind": "device"}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak_memory_bytes": peak * unit, "memory_kind": "resident"}

    def is_out_of_memory(self, error):
        """Whether it says so, in the framework's way."""
        if self.devices is None:
            return isinstance(error, MemoryError)
        return self.devices.is_out_of_memory(error)

    def _load(self):
        from benchmarks.measure import devices

        self.devices = devices.load(self.cell.backend, self.settings.devices)
        # Products of a CPU know no TF32.
        self.tf32 = self.settings.tf32 if self.devices.is_gpu() else None
        if self.tf32 is not None:
            self.devices.set_float32_precision(self.tf32)


def _detach(backend, log):
    """Sets the environment; everything printed goes into a file; Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environment.set_variables(backend)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
