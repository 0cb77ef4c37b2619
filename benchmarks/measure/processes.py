"""A process of cells as its parent sees it: commands with a time limit, and how it ended."""

import contextlib
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

from benchmarks.measure import worker
from benchmarks.measure.own_model import OwnModelError
from zoo import interrupts

LOG_LINES = 15


class CellFailedError(Exception):
    """A command about a cell failed, or its process is gone.

    Args:
        status: a row's: `"out_of_memory"` or `"failed"`.
        error: str, what happened.
    """

    def __init__(self, status, error):
        super().__init__(error)
        self.status, self.error = status, error


class CellProcess:
    """A fresh process, alive until `close`.

    Args:
        cell: `cells.Cell`, the first that it is for; others are those of the same `process`.
        settings: `cells.Settings`.
        target: what it runs: a function of (connection, cell, settings, path of its log).
    """

    def __init__(self, cell, settings, target=worker.main):
        self.timeout = settings.timeout
        descriptor, log = tempfile.mkstemp(prefix="benchmark-", suffix=".log")
        os.close(descriptor)
        self.log = Path(log)
        # Spawned, not forked: frameworks and their threads must not be inherited.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=target, args=(theirs, cell, settings, log))
        interrupts.cleanups.add(self._abandon)
        self.process.start()
        theirs.close()

    def call(self, name: str, *arguments):
        """Sends a command and returns its result; see `receive`."""
        self.send(name, *arguments)
        return self.receive(name)

    def send(self, name: str, *arguments) -> None:
        """Sends a command. One that can't be sent, to a process that has ended, has no answer."""
        with contextlib.suppress(OSError):
            self.connection.send((name, arguments))

    def receive(self, name: str):
        """Returns the result of a command that was sent, in their order.

        Raises:
            CellFailedError: if the command raised or took too long, or the process ended.
            OwnModelError: if the model that was asked for can't be timed, here or elsewhere.
        """
        try:
            if not self.connection.poll(self.timeout):
                raise CellFailedError(
                    "failed", f"`{name}` gave no answer in {self.timeout:g} s.{self._log_tail()}"
                )
            status, result = self.connection.recv()
            if status == worker.REFUSED:
                raise OwnModelError(result)
            if status != "ok":
                raise CellFailedError(status, result)
        except (EOFError, OSError):
            raise self._ended(name) from None
        finally:
            if self.process.exitcode is not None:
                self.connection.close()
        return result

    def _ended(self, name):
        self.process.join(10)
        code = self.process.exitcode
        if code == -signal.SIGKILL:
            # Linux kills like this when memory runs out, and nothing else here does.
            return CellFailedError(
                "out_of_memory", f"The process was killed during `{name}`: the memory ran out."
            )
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        return CellFailedError(
            "failed", f"The process ended {how} during `{name}`.{self._log_tail()}"
        )

    def _log_tail(self):
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([" Its last output:", *lines[-LOG_LINES:]]) if lines else ""

    def _abandon(self):
        # Without waiting for its end: meanwhile the next process would be started.
        self.log.unlink(missing_ok=True)
        self.process.kill()

    def close(self):
        """Ends the process and removes its log; further calls do nothing."""
        self.connection.close()
        self.process.kill()
        self.process.join()
        interrupts.cleanups.discard(self._abandon)
        self.log.unlink(missing_ok=True)
