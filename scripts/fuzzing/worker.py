"""Runs cases of one target, a line of JSON each; `scripts/fuzz.py` starts it, and can kill it.

    python -m scripts.fuzzing.worker TARGET FOLDER SEED START COUNT

A process of its own, since what is tested may crash it: the parent knows which case was running.
"""

import json
import random
import sys
import time
import traceback
import warnings
from pathlib import Path

from zoo.errors import ZooError

ENDINGS = {"libhdf5 failed on it": "crash", "reading it took too long": "hang"}
"""Parts of messages about the guarded process, which is meant to end so."""


def peak_memory(process="self"):
    """Returns the bytes that a process has had in memory at most, 0 where that is unknown."""
    try:
        # Of this program alone: the figure of `getrusage` begins at the parent's.
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        pass
    if process != "self":
        return 0
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_case(target, seed, index):
    """Runs one case.

    Args:
        target: object with a method `run(rng)`, which returns a word for a clean load.
        seed: int, of the whole run.
        index: int, of the case.

    Returns:
        (kind, detail): what `run` returned or the type of the project's own error, with what ended
        the guarded process; for anything else that is raised `"crash"`, with the traceback.
    """
    rng = random.Random(f"{seed}:{index}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target.run(rng), ""
    except ZooError as error:
        if not str(error):
            return "crash", "an error without a message"
        ending = next((name for part, name in ENDINGS.items() if part in str(error)), None)
        kind = type(error).__name__
        return kind if ending is None else f"{kind} (guarded {ending})", str(error)
    except Exception:
        return "crash", traceback.format_exc()


def main():
    from scripts.fuzzing.targets import TARGETS
    from zoo.hub.untrusted import one_process

    def peak():
        return peak_memory() + sum(map(peak_memory, processes()))

    name, folder, seed, start, count = sys.argv[1:]
    target = TARGETS[name](Path(folder))
    with one_process() as processes:
        target.warm_up()
        print(json.dumps({"baseline": peak()}), flush=True)
        for index in range(int(start), int(start) + int(count)):
            print(json.dumps({"start": index}), flush=True)
            begin = time.perf_counter()
            kind, detail = run_case(target, seed, index)
            seconds = time.perf_counter() - begin
            result = {"kind": kind, "seconds": seconds, "peak": peak()}
            print(json.dumps({**result, "detail": detail if kind == "crash" else ""}), flush=True)


if __name__ == "__main__":
    main()
