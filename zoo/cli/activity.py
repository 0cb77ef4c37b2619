"""Says what a command is doing, while that takes longer than a moment."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

SECONDS = 4.0
"""Between two lines."""
FEW_SECONDS = 60.0
"""From then on there is a line only once in this time: a log is no terminal."""


@contextlib.contextmanager
def activity(text: str, stream: TextIO | None = None) -> Iterator[Callable[[float], None]]:
    """Names what the block does: in one line of a terminal that goes again, elsewhere in a few.

    Args:
        text: what it does, "reading photos.zip".
        stream: where to write; standard error by default.

    Yields:
        A function to call with the share that is done, from 0 to 1, if the block knows.
    """
    stream = sys.stderr if stream is None else stream
    began = time.monotonic()
    done = ""

    def describe():
        return f"{text}{done} ({time.monotonic() - began:.0f} s)"

    def report(share):
        nonlocal done
        done = f" {share:.0%}"

    with heartbeat(describe, stream):
        yield report
    if stream.isatty():
        stream.write("\r\x1b[K")
        stream.flush()


@contextlib.contextmanager
def heartbeat(describe: Callable[[], str], stream: TextIO) -> Iterator[Callable[[], None]]:
    """Writes what `describe` returns, again and again, until the block ends.

    Yields:
        A function to call when something else has been written: the wait begins anew.
    """
    ended = threading.Event()
    live = stream.isatty()
    began = last = time.monotonic()

    def restart():
        nonlocal began, last
        began = last = time.monotonic()

    def beat():
        nonlocal last
        while not ended.wait(0.25):
            now = time.monotonic()
            if live and now - began >= 1.0:
                # The cursor goes back: what else is written takes the place of this.
                stream.write(f"\x1b[K{describe()[:79]}\r")
            elif not live and now - last >= (SECONDS if now - began < FEW_SECONDS else FEW_SECONDS):
                stream.write(f"{describe()}\n")
                last = now
            else:
                continue
            stream.flush()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield restart
    finally:
        ended.set()
        thread.join()
