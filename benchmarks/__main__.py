"""Runs `python -m benchmarks`. Imports neither Keras nor a framework."""

import shlex
import sys

from zoo.interrupts import advise, ending_at_once

if __name__ == "__main__":
    with ending_at_once():
        # Cells that are in the file already are left out.
        advise(shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]))
        from benchmarks.cli import main

        main()
