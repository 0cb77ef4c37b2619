"""Keeps a backend's start-up messages out of a command's output."""

import contextlib
import os
import re
import sys
import tempfile

SWITCH = "TF_CPP_MIN_LOG_LEVEL"

# Info and warnings of TensorFlow's C++ code, some of which no environment variable turns off.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl"
    rb"|[IW]\d{4} \d\d:\d\d"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "
    rb"|To enable the following instructions"
)


@contextlib.contextmanager
def quiet_backend():
    """Holds back standard error while a backend is imported, and drops the noise in it.

    Does nothing if `TF_CPP_MIN_LOG_LEVEL` is set.

    Yields:
        A stream to standard error as it is otherwise.
    """
    if SWITCH in os.environ:
        yield sys.stderr
        return
    os.environ[SWITCH] = "3"  # for what is logged later
    with contextlib.ExitStack() as stack:
        # Below Python's `sys.stderr`: C++ writes to the file descriptor.
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        held = stack.enter_context(tempfile.TemporaryFile())
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            with os.fdopen(os.dup(stderr), "w", errors="backslashreplace") as stream:
                yield stream
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    os.write(2, line)
