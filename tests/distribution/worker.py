"""A process of a distributed job.

    python worker.py cases FOLDER       # trains all cases, and writes where each ends
    python worker.py run FOLDER EPOCHS  # trains by the command, or goes on with a run

By `ZOO_TEST_DEVICES`, a process has so many CPU devices.
"""

import os
import sys
from pathlib import Path

import numpy as np

from tests.distribution.devices import split_cpu

split_cpu(int(os.environ.get("ZOO_TEST_DEVICES", "1")))


def run_cases(folder):
    import zoo
    from tests.distribution import cases

    def train(name, as_name):
        state = cases.train(name)
        np.savez(Path(folder, f"{as_name}-{zoo.backend.process()[0]}.npz"), **state)

    zoo.distribution.data_parallel()
    for name in cases.CASES:
        train(name, name)
    zoo.distribution.data_parallel(synchronize=False)
    train("dcgan", "apart")


def run(folder, epochs):
    from tests.distribution import cases

    result = cases.train_into(folder, epochs, "--distribute")
    print(result.output, result.exception)
    sys.exit(result.exit_code)


if __name__ == "__main__":
    globals()[{"cases": "run_cases", "run": "run"}[sys.argv[1]]](*sys.argv[2:])
