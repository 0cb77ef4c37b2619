"""What a `CellProcess` runs in tests: no framework, so that it starts at once."""

import os
import signal
import time

from benchmarks.measure.own_model import OwnModelError
from benchmarks.measure.worker import serve


def obedient(connection, cell, settings, log):
    """Answers every command of a cell."""
    del cell, settings, log
    serve(
        connection,
        {
            "prepare": lambda cell: {"parameters": 7},
            "warm_up": lambda cell: {"steps_per_window": 2},
            "window": lambda cell: (0.5, (1.0, 2.0)),
            "finish": lambda cell: {"peak_memory_bytes": 1, "memory_kind": "resident"},
        },
    )


def own_model(connection, cell, settings, log):
    """Finds that a model of somebody's own can't be timed."""
    del cell, settings, log

    def prepare(_):
        raise OwnModelError("no such model")

    serve(connection, {"prepare": prepare})


def broken(connection, cell, settings, log):
    """Goes wrong in the way that the cell's variant names."""
    del settings
    with open(log, "a", encoding="utf-8") as file:
        file.write("first words\nlast words\n")

    def window(_):
        if cell.variant == "raise":
            raise ValueError("what is wrong")
        if cell.variant == "memory":
            raise MemoryError("no more")
        if cell.variant == "crash":
            os._exit(7)
        if cell.variant == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if cell.variant == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(600)

    os.close(2)  # the traceback is of no interest
    serve(connection, {"prepare": lambda cell: 1, "window": window})
