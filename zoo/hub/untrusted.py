"""Reads HDF5 files of unknown origin, in a process of their own.

libhdf5 trusts what a file says: its filters unpack to any size, and some damaged files crash it or
keep it in a circle. Here a fresh Python with nothing but NumPy and h5py opens the file. It can take
only so much memory, open nothing else, write nothing, and is ended when it takes too long. What
comes back is JSON about the arrays and their plain bytes, of known sizes, and is checked again.
Whatever becomes of that process, the caller gets a `WeightsFormatError`.

Memory is limited where the operating system can (Linux; not macOS or Windows). The limits on time
and all other checks hold everywhere.
"""

import codecs
import contextlib
import importlib.util
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import WeightsFormatError
from zoo.hub.array_files import (
    MAX_OBJECTS,
    MAX_PATH,
    PIECE_BYTES,
    ArrayFile,
    H5PyFile,
    StoredArray,
    check_regular,
    is_name,
    open_h5py,
    scan,
)

MEMORY_BYTES = 256 * 2**20
"""That reading can take, beyond what the process begins with."""
START_SECONDS = 60.0
STALL_SECONDS = 4.0
"""Between two answers: each takes milliseconds."""
WORK_SECONDS = 4.0
"""Of the processor's time, for all that a file says of its arrays."""
BYTES_PER_SECOND = 2**20
"""That data must come at, on the slowest of disks."""

_HEADER = struct.Struct("<cI")
_MAX_TEXT_BYTES = 2**16
_READY, _ARRAY, _DATA, _DONE, _REFUSED = b"R", b"A", b"D", b"E", b"X"

_START = (
    "import json, sys; sys.path += json.loads(sys.argv[1]); "
    "from zoo.hub.untrusted import serve; serve()"
)

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "HDF5_PLUGIN_PRELOAD": "::",  # no filters but libhdf5's and h5py's own
    "HDF5_USE_FILE_LOCKING": "FALSE",  # the folder can be read-only, and others can read as well
}

_kept: Any = None  # a list, where one process reads many files


@contextlib.contextmanager
def open_untrusted(path: str | os.PathLike) -> Iterator[ArrayFile]:
    """Opens a file in a guarded process, and yields an `ArrayFile`.

    Costs about 0.3 s.

    Raises:
        WeightsFormatError: If it isn't an HDF5 file, or holds anything but arrays; and from the
            `ArrayFile`, if an array can't be read.

    Example:

    ```python
    with open_untrusted("downloaded.weights.h5") as file:
        print(*file.arrays)
    ```
    """
    check_regular(path)
    process = _kept.pop() if _kept else _Process(path)
    try:
        yield _UntrustedFile(path, process)
    finally:
        if _kept is not None and process.close(path):
            _kept.append(process)
        else:
            process.end()


@contextlib.contextmanager
def one_process() -> Iterator[Callable[[], list[int]]]:
    """Lets one guarded process read file after file, until one of them ends it.

    For tests of many files: a process that one file has damaged can lie about the next one.
    Yields a function that returns the ids of the processes that wait.
    """
    global _kept
    _kept = []
    try:
        yield lambda: [process.id for process in _kept]
    finally:
        for process in _kept:
            process.end()
        _kept = None


class _UntrustedFile(ArrayFile):
    def __init__(self, path, process):
        super().__init__(path, {})
        self._process = process
        process.send({"open": os.path.abspath(path)})
        while True:
            kind, text = process.answer(path, (_ARRAY, _DONE))
            if kind == _DONE:
                return
            stored = _checked(path, text)
            if stored.name in self.arrays or len(self.arrays) == MAX_OBJECTS:
                raise _nonsense(path)
            self.arrays[stored.name] = stored

    def pieces(self, name: str) -> Iterator[np.ndarray]:
        stored: Any = self.arrays[name]
        missing = stored.unpacked_bytes
        self._process.send({"read": name}, missing / BYTES_PER_SECOND)
        while True:
            kind, data = self._process.answer(self.path, (_DATA, _DONE))
            if kind == _DONE:
                break
            missing -= len(data)
            if missing < 0 or len(data) % stored.dtype.itemsize:
                break
            yield np.frombuffer(data, stored.dtype)
        if missing:
            raise _nonsense(self.path)


def _checked(path, text):
    """The `StoredArray` that a text describes."""
    try:
        name, shape, type_name, stored_bytes = json.loads(text)
        sound = len(name) <= MAX_PATH and all(map(is_name, name.split("/")))
        sound &= len(type_name) <= 100 and type_name.isprintable()
        sides = [stored_bytes, *(shape or ())]
        if sound and all(type(side) is int and 0 <= side < 2**64 for side in sides):
            return StoredArray(
                name, None if shape is None else tuple(shape), type_name, stored_bytes
            )
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise _nonsense(path)


def _nonsense(path):
    return WeightsFormatError(
        f"{path} can't be read as an HDF5 file: the process that read it gave wrong answers"
    )


class _Process:
    """A guarded process, as seen by the one that started it."""

    def __init__(self, path):
        self.state = "idle"  # then "busy" with an answer, and "open": a file is
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, json.dumps(_folders())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
        )
        self.id = self._process.pid
        self._ended = threading.Event()
        self._too_late = False
        self._stall_seconds = self._seconds_left = START_SECONDS
        self._deadline = None  # of the answer that is waited for
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            self.answer(path, (_READY,))
        except WeightsFormatError:
            raise WeightsFormatError(
                f"{path} can't be checked: the process for it, {sys.executable} with NumPy and "
                f"h5py, doesn't start (status {self._process.returncode})"
            ) from None
        except BaseException:
            self.end()
            raise

    def send(self, request, seconds=0.0):
        """Sends a request; `seconds` are added to the time that the answer can take."""
        self.state = "busy"
        self._stall_seconds = STALL_SECONDS
        self._seconds_left = 10 * STALL_SECONDS + seconds
        with contextlib.suppress(OSError):  # it has ended: there will be no answer
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def answer(self, path, kinds):
        """The next (kind, bytes) about a file, of one of these kinds."""
        began = time.monotonic()
        self._deadline = began + min(self._stall_seconds, self._seconds_left)
        kind, size = _HEADER.unpack(self._read(path, _HEADER.size))
        if size > (PIECE_BYTES if kind == _DATA else _MAX_TEXT_BYTES):
            raise _nonsense(path)
        data = self._read(path, size)
        self._deadline = None  # time passes on this side
        self._seconds_left -= time.monotonic() - began
        if kind == _REFUSED:
            self.state = "idle"
            text = data.decode("utf-8", "replace")
            raise WeightsFormatError("".join(c if c.isprintable() else " " for c in text))
        if kind not in kinds:
            raise _nonsense(path)
        if kind == _DONE:
            self.state = "open"
        return kind, data

    def close(self, path):
        """Makes ready for another file; returns whether that worked."""
        if self.state == "open":
            self.send({"close": None})
            self.answer(path, (_DONE,))
            self.state = "idle"
        return self.state == "idle"

    def _read(self, path, size):
        data = self._process.stdout.read(size)
        if len(data) == size:
            return data
        self.end()
        if self._too_late:
            reason = "reading it took too long"
        else:
            status = self._process.returncode
            names = {int(number): number.name for number in signal.Signals}
            reason = f"libhdf5 failed on it ({names.get(-status, f'status {status}')})"
        raise WeightsFormatError(
            f"{path} can't be read as an HDF5 file: {reason}. Nothing of it was loaded."
        )

    def _watch(self):
        while not self._ended.wait(0.1):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._too_late = True
                self._process.kill()
                return

    def end(self):
        """Ends the process; what it was doing doesn't matter any more."""
        self._ended.set()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def _folders():
    """Where the guarded process finds its three packages: it looks nowhere else."""
    found = [Path(__file__).resolve().parents[1]]
    found += [Path(importlib.util.find_spec(name).origin).parent for name in ("numpy", "h5py")]
    return list(dict.fromkeys(str(folder.parent) for folder in found))


# ---------------------------------------------------------------- in the guarded process


def serve() -> None:
    """Answers the requests on stdin until it closes."""
    import h5py  # noqa: F401  # before memory and files are limited

    codecs.lookup("ascii")  # imported when h5py meets the first string

    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libhdf5 may print is no answer
    _limit(channel.fileno() + 2)

    def say(kind, data=b""):
        channel.write(_HEADER.pack(kind, len(data)))
        channel.write(data)
        channel.flush()

    say(_READY)
    while line := sys.stdin.readline():
        path = json.loads(line)["open"]
        try:
            with open_h5py(path) as file:
                _answer(path, file, say)
        except WeightsFormatError as error:
            say(_REFUSED, str(error).encode("utf-8", "replace")[: _MAX_TEXT_BYTES // 2])
        else:
            say(_DONE)


def _answer(path, file, say):
    """Says what is in a file, then reads arrays until the next request is to close it."""
    arrays, until = {}, time.process_time() + WORK_SECONDS
    for stored in scan(path, file):
        if time.process_time() > until:
            raise WeightsFormatError(f"{path}: what it says of its arrays takes too long to read")
        arrays[stored.name] = stored
        values = (stored.name, stored.shape, stored.type_name, stored.stored_bytes)
        say(_ARRAY, json.dumps(values).encode())
    say(_DONE)
    opened = H5PyFile(path, file, arrays)
    while "read" in (request := json.loads(sys.stdin.readline() or "{}")):
        for piece in opened.pieces(request["read"]):
            say(_DATA, piece.tobytes())
        say(_DONE)


def _limit(files):
    """Limits the memory of this process, and the files it can have open; it can't undo that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: files,
    }
    with contextlib.suppress(OSError, ValueError):  # Linux only
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY_BYTES
    for limit, value in limits.items():
        with contextlib.suppress(OSError, ValueError):  # a lower limit is in force already
            resource.setrlimit(limit, (value, value))
