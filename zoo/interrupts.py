"""Ctrl-C and SIGTERM end a command at once, whatever it is doing; `fit` after the step it is in.

Python raises `KeyboardInterrupt` in the main thread once that is back in the interpreter: a
compiler can keep it for minutes, a callback or a `__del__` can swallow the exception, and an
interpreter that winds up while XLA's threads still run can crash. In a command the main thread
never hears of the signal. Another thread says in one line how to go on, removes what was being
written, and ends the process. What was written is whole all the same: `zoo.files.replacing` writes
each file beside its place.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
LONGEST_SECONDS = 1.5
"""From the signal to the end, even if the terminal or the disk doesn't answer."""

cleanups: set[Callable[[], object]] = set()
"""Functions to call before the process ends: to remove temporary files, to end other processes.

The main thread still runs, so none of them should wait for anything.
"""
_advice = ""
_active = False
_noted = False


def advise(command: str) -> None:
    """Sets the command that an interrupted one names: the way to go on."""
    global _advice
    _advice = command


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Lets Ctrl-C within the block wait for `check`, or for the block's end; a second one doesn't.

    An exception can be raised wherever the interpreter is: in a callback of the garbage collector,
    which swallows it, or in the middle of a compilation. Where the process has a handler of its
    own, outside of the main thread, and inside another such block, nothing changes.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        check()


def check() -> None:
    """Raises `KeyboardInterrupt` if there was a Ctrl-C in `held_back`."""
    global _noted
    if _noted and threading.current_thread() is threading.main_thread():
        _noted = False
        raise KeyboardInterrupt


def _note(number, frame):
    global _noted
    if _noted:
        _noted = False
        signal.default_int_handler(number, frame)
    _noted = True
    with contextlib.suppress(OSError):
        os.write(2, b"\ninterrupted: ends after this step; Ctrl-C once more ends it at once\n")


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Lets SIGINT and SIGTERM end the process with status 130 or 143, and one line on stderr.

    A signal that the process ignores, as one started by `nohup` does, stays ignored. Outside of
    the main thread, and inside another such block, nothing changes.

    Example:

    ```python
    with ending_at_once():
        advise("zoo sample dcgan_mnist")
        images = zoo.load("dcgan_mnist").generate(64)
    ```
    """
    global _active
    if _active or threading.current_thread() is not threading.main_thread():
        yield
        return
    with contextlib.ExitStack() as stack:
        receiver, sender = (stack.enter_context(end) for end in socket.socketpair())
        sender.setblocking(False)
        # Now: while a backend is imported, 2 is a file that holds back what it says.
        stderr = os.dup(2) if _is_open(2) else None
        if stderr is not None:
            stack.callback(os.close, stderr)
        watcher = threading.Thread(target=_watch, args=(receiver, stderr), daemon=True)
        watcher.start()
        # A byte that is on its way is still read: then this never returns.
        stack.callback(watcher.join)
        stack.callback(sender.close)
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(sender.fileno()))
        for number in WORDS:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):
                # Python's own part in C writes to the socket, also while the main thread is busy.
                signal.signal(number, lambda *_: None)
                stack.callback(signal.signal, number, before)
        _active = True
        try:
            yield
        finally:
            _active = False


@contextlib.contextmanager
def left_to_the_system() -> Iterator[None]:
    """Lets SIGINT and SIGTERM end the process as they end any other, without a word.

    For calls that keep the interpreter from running in any thread: no handler of Python's would be
    called before they return. Outside of the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with contextlib.ExitStack() as stack:
        for number in WORDS:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):
                signal.signal(number, signal.SIG_DFL)
                stack.callback(signal.signal, number, before)
        yield


def _watch(receiver, stderr):
    while number := receiver.recv(1):
        if number[0] in WORDS:
            _end(number[0], stderr)


def _end(number, stderr):
    status = 128 + number  # as a shell reports it
    late = threading.Timer(LONGEST_SECONDS, os._exit, (status,))
    late.daemon = True
    late.start()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    if stderr is not None:
        text = f"error: {WORDS[number]}{_advice and f'; to go on: {_advice}'}\n"
        if os.isatty(stderr):
            text = f"\r\x1b[K\x1b[?25h{text}"  # a bar of progress may have hidden the cursor
        with contextlib.suppress(OSError):
            os.write(stderr, text.encode(errors="backslashreplace"))
    for clean in list(cleanups):
        with contextlib.suppress(Exception):
            clean()
    os._exit(status)


def _is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _forget():
    """Gives a forked process its own signals back: its end isn't that of its parent."""
    if _active:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
