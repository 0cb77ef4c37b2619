"""Exports every registered model in each format of the backend, and prints a row for each.

KERAS_BACKEND=jax python -m scripts.measure_exports              # all of them
KERAS_BACKEND=jax python -m scripts.measure_exports "dcgan*"     # some

Columns: model, format, backend, largest difference in gray levels on 64 inputs, size of the file in
MB, and seconds that the export took, its check included. Models without pretrained weights are
exported with fresh ones.
"""

import sys
import tempfile
import time
from pathlib import Path

import keras

import zoo
from zoo.exporting.formats import FORMATS


def measure(name, format, folder):
    """Returns a row: the largest difference in gray levels, the size in MB, and the seconds."""
    pretrained = zoo.info(name).pretrained
    model = zoo.load(name) if pretrained else zoo.load(name, weights=None, seed=0)
    path = Path(folder, f"{name}{FORMATS[format].suffix}")
    began = time.perf_counter()
    difference = zoo.export(model, path, format)
    seconds = time.perf_counter() - began
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    return f"{difference:g} | {megabytes:.1f} | {seconds:.0f}"


def main():
    backend = keras.backend.backend()
    names = zoo.list_models(*sys.argv[1:])
    if not names:
        sys.exit(f"error: No model is named {sys.argv[1]}; `zoo list` has the names.")
    for name in names:
        for format in FORMATS:
            if backend not in FORMATS[format].writers:
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    row = measure(name, format, folder)
                except zoo.ZooError as error:
                    row = str(error)
            print(f"| `{name}` | {format} | {backend} | {row} |", flush=True)


if __name__ == "__main__":
    main()
