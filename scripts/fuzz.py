"""Feeds mutated files to everything that reads one; counts loads, errors, crashes, time and memory.

python -m scripts.fuzz --count 20000 --seed 0
python -m scripts.fuzz --target weights --count 1 --start 4711    # one case again

Memory is that of the zoo's process and of its guarded one together, beyond a first sound file. A
guarded process that a file has ended is not in it: the limit that it ran under is its bound.
"""

import argparse
import collections
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HANG_SECONDS = 5.0
MEMORY_BYTES = 300 * 2**20
BATCH = 1000
START_SECONDS = 120.0


class Tally:
    """Counts the results of one target's cases."""

    def __init__(self, name):
        self.name = name
        self.kinds = collections.Counter()
        self.slowest = (0.0, None)
        self.peak = 0
        self.failures = []

    def add(self, index, kind, seconds=0.0, grown=0, detail=""):
        self.kinds[kind] += 1
        self.slowest = max(self.slowest, (seconds, index), key=lambda pair: pair[0])
        self.peak = max(self.peak, grown)
        if kind in ("crash", "hang") or seconds > HANG_SECONDS:
            self.failures.append((index, kind, detail))

    @property
    def good(self):
        return not self.failures and self.peak <= MEMORY_BYTES

    def report(self):
        total = sum(self.kinds.values())
        lines = [f"{self.name}: {total:,} cases, {len(self.failures)} failures"]
        lines += [f"  {count:>8,}  {kind}" for kind, count in self.kinds.most_common()]
        seconds, index = self.slowest
        lines.append(f"  slowest {seconds:.2f} s (case {index})")
        lines.append(f"  peak memory {self.peak / 2**20:.0f} MB above the baseline")
        for index, kind, detail in self.failures[:20]:
            lines.append(f"  case {index}: {kind} {detail.strip().splitlines()[-1:]}")
        return "\n".join(lines)


class _Worker:
    """A child process that runs cases; its lines come through a queue, to wait for with a limit."""

    def __init__(self, target, folder, seed, start, count):
        self.process = subprocess.Popen(
            self.command(target, folder, seed, start, count),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where libtiff complains
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def command(self, target, folder, seed, start, count):
        arguments = [target, folder, seed, start, count]
        return [sys.executable, "-m", "scripts.fuzzing.worker", *map(str, arguments)]

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, seconds):
        """The next line; `None` at the end; `queue.Empty` if none comes in time."""
        return self.lines.get(timeout=seconds)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def fuzz(target, folder, seed, start, count):
    """Runs cases of a target in child processes, which may crash or hang.

    Args:
        target: str, a name of `scripts.fuzzing.targets.TARGETS`.
        folder: of the sound files that are mutated, and of scratch files.
        seed: int.
        start: int, the first case.
        count: int, how many.

    Returns:
        `Tally`.
    """
    tally, index, end = Tally(target), start, start + count
    while index < end:
        worker = _Worker(target, folder, seed, index, min(BATCH, end - index))
        try:
            index = _follow(worker, tally, index)
        finally:
            worker.stop()
    return tally


def _follow(worker, tally, index):
    """Reads a worker's lines to its end, its crash or its hang; returns the next case."""
    first = worker.next(START_SECONDS)
    if first is None:
        raise RuntimeError(f"the worker of {tally.name} doesn't start")
    baseline, running, since = first["baseline"], None, time.monotonic()
    while True:
        try:
            # Twice the limit: what takes longer on a busy machine is still timed, not killed.
            line = worker.next(2 * HANG_SECONDS if running is not None else START_SECONDS)
        except queue.Empty:
            tally.add(running, "hang", time.monotonic() - since)
            return running + 1
        if line is None:
            if running is None:
                return index
            status = worker.process.wait()
            tally.add(running, "crash", detail=f"the process ended with status {status}")
            return running + 1
        if "start" in line:
            running, since = line["start"], time.monotonic()
        else:
            grown = line["peak"] - baseline
            tally.add(running, line["kind"], line["seconds"], grown, line["detail"])
            index, running = running + 1, None


def main(arguments=None):
    from scripts.fuzzing.seeds import write_seeds
    from scripts.fuzzing.targets import DEFAULT, TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="cases of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--target", choices=TARGETS, action="append", help="all by default")
    options = parser.parse_args(arguments)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        write_seeds(Path(folder))
        for target in options.target or DEFAULT:
            tally = fuzz(target, folder, options.seed, options.start, options.count)
            print(tally.report(), flush=True)
            good &= tally.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
