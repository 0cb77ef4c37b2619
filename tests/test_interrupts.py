"""Signals that end a process at once: its status, its line, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.processes import environment

pytestmark = [
    pytest.mark.no_backend,
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals"),
]
SWALLOWS = """
import time
print("ready", flush=True)
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""


def start(code, *arguments):
    """Starts a process that says "ready" once it can be interrupted."""
    # A process started in the background may inherit that the signal is ignored.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from zoo import interrupts\nwith interrupts.ending_at_once():\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment("jax"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, number=signal.SIGINT):
    began = time.monotonic()
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert time.monotonic() - began < 2.0
    return process.returncode, errors


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_what_swallows_every_exception(number, status, word):
    assert end(start(SWALLOWS), number) == (status, f"error: {word}\n")


def test_the_line_names_the_way_to_go_on():
    process = start(f"interrupts.advise('zoo train --resume runs/caf\\udce9')\n{SWALLOWS}")
    assert end(process)[1] == "error: interrupted; to go on: zoo train --resume runs/caf\\udce9\n"


def test_it_reaches_the_terminal_while_standard_error_is_held_back():
    code = f"import os\nos.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n{SWALLOWS}"
    assert end(start(code)) == (130, "error: interrupted\n")


def test_files_are_whole(tmp_path):
    (tmp_path / "scores.json").write_text("before")
    code = f"""
import sys
from zoo.files import replacing
context = replacing(sys.argv[1])
context.__enter__().write_text("half")
{SWALLOWS}"""
    process = start(code, tmp_path / "scores.json")
    assert len(list(tmp_path.iterdir())) == 2
    assert end(process)[0] == 130
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_disk_that_hangs_keeps_nothing_waiting():
    code = f"import time\ninterrupts.cleanups.add(lambda: time.sleep(60))\n{SWALLOWS}"
    assert end(start(code))[0] == 130


def test_a_forked_process_ends_alone():
    code = """
import os, signal, time
child = os.fork()
if not child:
    time.sleep(60)
time.sleep(0.5)
os.kill(child, signal.SIGTERM)
print("ready", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM, flush=True)
"""
    process = subprocess.run(
        [sys.executable, "-c", "from zoo import interrupts\nwith interrupts.ending_at_once():"
         + code.replace("\n", "\n    ")],
        env=environment("jax"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (process.returncode, process.stdout) == (0, "ready True\n"), process.stderr


def test_what_is_ignored_stays_ignored_and_the_rest_is_put_back():
    code = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
before = signal.getsignal(signal.SIGTERM)
from zoo import interrupts
with interrupts.ending_at_once():
    with interrupts.ending_at_once():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) != before
assert signal.getsignal(signal.SIGTERM) == before
"""
    subprocess.run([sys.executable, "-c", code], env=environment("jax"), check=True, timeout=60)


# ------------------------------------------------------------------------------------ held back

HELD = """
import gc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from zoo import interrupts
"""


def run_held(code):
    return subprocess.run(
        [sys.executable, "-c", HELD + code],
        env=environment("jax"),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_swallows_exceptions_does_not_swallow_one_that_is_held_back():
    process = run_held("""
def swallow(phase, _):
    if phase == "stop":
        os.kill(os.getpid(), signal.SIGINT)
    sum(range(10))
gc.callbacks.append(swallow)
with interrupts.held_back():
    gc.collect()
    gc.callbacks.clear()
    print("goes on")
    interrupts.check()
    print("doesn't")
""")
    assert process.stdout == "goes on\n"
    assert process.stderr.count("interrupted: ends after this step") == 1
    assert process.returncode == -signal.SIGINT


def test_a_second_one_is_not_held_back_and_the_handler_is_put_back():
    process = run_held("""
for count, stopped in ((1, "end"), (2, "second")):
    try:
        with interrupts.held_back(), interrupts.held_back():
            os.kill(os.getpid(), signal.SIGINT)
            where = "second"
            if count == 2:
                os.kill(os.getpid(), signal.SIGINT)
            where = "end"
    except KeyboardInterrupt:
        print(where == stopped, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
interrupts.check()
""")
    assert (process.returncode, process.stdout) == (0, "True True\nTrue True\n"), process.stderr


def test_a_handler_of_somebodys_own_stays():
    process = run_held("""
signal.signal(signal.SIGINT, lambda *_: print("mine"))
with interrupts.held_back():
    os.kill(os.getpid(), signal.SIGINT)
""")
    assert (process.returncode, process.stdout, process.stderr) == (0, "mine\n", "")
