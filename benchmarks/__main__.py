"""Runs `python -m benchmarks`. Imports neither Keras nor a framework."""

from benchmarks.cli import main

if __name__ == "__main__":
    main()
