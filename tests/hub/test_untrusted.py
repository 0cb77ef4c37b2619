"""The guarded process: whatever a file does to it, the caller gets an error of the zoo, in time."""

import os
import signal
import struct
import subprocess
import sys
import time
import zlib

import h5py
import numpy as np
import pytest

from tests.processes import environment
from zoo.errors import WeightsFormatError
from zoo.hub import untrusted
from zoo.hub.untrusted import one_process, open_untrusted

pytestmark = pytest.mark.no_backend

MB = 2**20
ARRAY = np.arange(6, dtype="float32")


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["array"] = ARRAY
    return tmp_path / "a.h5"


def impostor(monkeypatch, code):
    """Replaces the guarded process by one that runs `code` after it is told which file to read."""
    start = (
        "import os, sys, signal, struct, time\n"
        "def say(kind, data=b''):\n"
        "    sys.stdout.buffer.write(struct.pack('<cI', kind, len(data)) + data)\n"
        "    sys.stdout.buffer.flush()\n"
        "say(b'R')\nsys.stdin.readline()\n"
    )
    monkeypatch.setattr(untrusted, "_START", start + code)


def read(path):
    with open_untrusted(path) as file:
        return {name: file.read(name) for name in file.arrays}


LISTING = "say(b'A', b'[\"array\", [6], \"float32\", 24]'); say(b'E'); sys.stdin.readline()\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "libhdf5 failed on it .SIGSEGV"),
        (LISTING + "say(b'D', bytes(8)); os.abort()", "libhdf5 failed on it .SIGABRT"),
        ("sys.exit(3)", "libhdf5 failed on it .status 3"),
        ("time.sleep(60)", "took too long"),
        (LISTING + "time.sleep(60)", "took too long"),
        (
            "while True: say(b'A', b'[\"%d\", [], \"int8\", 1]' % time.time_ns())",
            "wrong answers|long",
        ),
        ("say(b'A', b'nonsense')", "wrong answers"),
        ("say(b'A', b'[\"../x\", [1], \"int8\", 1]')", "wrong answers"),
        ("say(b'A', b'[\"x\", [-1], \"int8\", 1]')", "wrong answers"),
        ("say(b'A', b'[\"x\", [2.5], \"int8\", 1]')", "wrong answers"),
        ("say(b'A', b'[\"x\", [1], \"int8\"]')", "wrong answers"),
        ("say(b'A', bytes(100_000))", "wrong answers"),
        ("say(b'?')", "wrong answers"),
        ("say(b'D', bytes(8))", "wrong answers"),
        (LISTING + "say(b'D', bytes(20)); say(b'E')", "wrong answers"),
        (LISTING + "say(b'D', bytes(28)); say(b'E')", "wrong answers"),
        (LISTING + "say(b'D', bytes(23)); say(b'E')", "wrong answers"),
        (LISTING + "sys.stdout.buffer.write(struct.pack('<cI', b'D', 2**31))", "wrong answers|SIG"),
        ("say(b'X', b'refused\\x1b[31m')", "^refused .31m$"),
    ],
)
def test_whatever_ends_or_answers_there_is_an_error_here(path, monkeypatch, code, reason):
    impostor(monkeypatch, code)
    monkeypatch.setattr(untrusted, "STALL_SECONDS", 1.0)
    with pytest.raises(WeightsFormatError, match=reason):
        read(path)


def test_a_process_that_does_not_start_is_an_error(path, monkeypatch):
    monkeypatch.setattr(untrusted, "_START", "import no_such_module")
    with pytest.raises(
        WeightsFormatError, match=r"a\.h5 can't be checked: .* doesn't start .status 1"
    ):
        read(path)


def test_nothing_is_left_behind(path, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    read(path)
    with pytest.raises(KeyError), open_untrusted(path):
        raise KeyError("an error of the caller's own")
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_time_counts_only_while_an_answer_is_awaited(path, monkeypatch):
    monkeypatch.setattr(untrusted, "STALL_SECONDS", 1.0)
    with one_process():
        with open_untrusted(path) as file:
            time.sleep(1.5)
            np.testing.assert_array_equal(file.read("array"), ARRAY)
        time.sleep(1.5)
        np.testing.assert_array_equal(read(path)["array"], ARRAY)


def test_one_process_reads_many_files_and_is_replaced_when_one_ends_it(path, tmp_path):
    (tmp_path / "none.h5").write_bytes(b"none")
    with one_process() as processes:
        np.testing.assert_array_equal(read(path)["array"], ARRAY)
        (first,) = processes()
        for _ in range(3):
            with pytest.raises(WeightsFormatError):
                read(tmp_path / "none.h5")
            np.testing.assert_array_equal(read(path)["array"], ARRAY)
        assert processes() == [first]
        with open_untrusted(path) as file:
            os.kill(first, signal.SIGKILL)
            with pytest.raises(WeightsFormatError, match="SIGKILL"):
                file.read("array")
        np.testing.assert_array_equal(read(path)["array"], ARRAY)
        (second,) = processes()
        assert second != first
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def deflated_zeros(size):
    """A deflate stream of `size` zeros, a multiple of 16 MB, from one block that repeats."""
    compressor = zlib.compressobj(9)
    head = compressor.compress(bytes(16 * MB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(16 * MB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15).flush()
    checksum = struct.pack(">I", (size % 65521) << 16 | 1)  # Adler-32 of zeros
    return head + block * (size // (16 * MB) - 1) + end + checksum


def write_bomb(path, size, side=2048):
    """An array of `side` by `side` numbers, whose only chunk inflates to `size` bytes."""
    with h5py.File(path, "w") as file:
        shape = (side, side)
        array = file.create_dataset("array", shape, "float32", chunks=shape, compression="gzip")
        array.id.write_direct_chunk((0, 0), deflated_zeros(size))


READ = """
import sys, time
from scripts.fuzzing.worker import peak_memory
from zoo.errors import WeightsFormatError
from zoo.hub.untrusted import one_process, open_untrusted
with one_process() as processes:
    with open_untrusted(sys.argv[2]) as file:
        file.read("array")
    before, child_before = peak_memory(), sum(map(peak_memory, processes()))
    try:
        with open_untrusted(sys.argv[1]) as file:
            file.read("array")
        outcome = "read"
    except WeightsFormatError as error:
        outcome = "refused"
    child = sum(map(peak_memory, processes())) - child_before
heavy = {"keras", "h5py", "jax", "torch", "tensorflow"} & set(sys.modules)
print(outcome, peak_memory() - before, child, *heavy)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit a process's memory")
@pytest.mark.parametrize(("size", "outcome"), [(16 * MB, "read"), (2**31, "refused")])
def test_a_bomb_of_two_gigabytes_is_refused_within_limits(path, tmp_path, size, outcome):
    write_bomb(tmp_path / "bomb.h5", size)
    result = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "bomb.h5"), str(path)],
        env=environment("jax"),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found, grown, child_grown, *heavy = result.stdout.split()
    assert (found, heavy) == (outcome, [])
    assert int(grown) < 40 * MB
    assert int(child_grown) < 300 * MB


def test_libhdf5_alone_would_have_inflated_the_bomb(tmp_path):
    write_bomb(tmp_path / "bomb.h5", 256 * MB)
    code = (
        "import sys, h5py\nfrom scripts.fuzzing.worker import peak_memory\nbefore = peak_memory()\n"
        "try:\n    h5py.File(sys.argv[1])['array'][()]\nexcept OSError:\n    pass\n"
        "print(peak_memory() - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bomb.h5")]
    result = subprocess.run(command, env=environment("jax"), capture_output=True, check=True)
    assert int(result.stdout) > 200 * MB


def test_a_guarded_read_costs_little(path):
    def seconds():
        start = time.perf_counter()
        read(path)
        return time.perf_counter() - start

    # The fastest of several, against a bare start of Python: the machine can be busy.
    bare = min(_bare_start() for _ in range(3))
    assert min(seconds() for _ in range(3)) < max(1.0, 20 * bare)


def _bare_start():
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    return time.perf_counter() - start
