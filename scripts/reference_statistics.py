"""Writes the moments of the real images' features that ship with the zoo.

    ZOO_DATA_DIR=... python -m scripts.reference_statistics

With them, a model's Fréchet distance can be measured where the data set isn't at hand.
"""

import argparse
from pathlib import Path

from zoo import datasets
from zoo.evaluation.classifier import ARCHITECTURES, load_classifier
from zoo.evaluation.reference import load_reference, statistics_path, write_statistics

WEIGHTS = Path(__file__).parents[1] / "weights"


def write_all(folder, names=tuple(ARCHITECTURES)):
    """Writes the moments of the named data sets' splits for measuring into `folder`."""
    for name in names:
        extractor = load_classifier(name)
        split = datasets.info(name).splits[1]
        path = statistics_path(folder, name, split, extractor.name)
        write_statistics(path, load_reference(name, split, extractor), extractor)
        print(f"wrote {path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    write_all(parser.parse_args().folder)
