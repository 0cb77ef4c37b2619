"""Writes the moments of the real images' features that ship with the zoo.

    ZOO_DATA_DIR=... python -m scripts.reference_statistics

With them, a model's Fréchet distance can be measured without the data set.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from zoo import datasets
from zoo.evaluation.features.classifier import ARCHITECTURES, load_classifier
from zoo.evaluation.features.reference import reference_of, statistics_path, write_statistics

WEIGHTS = Path(__file__).parents[1] / "weights"


def write_all(folder: str | Path, names: Iterable[str] = tuple(ARCHITECTURES)) -> None:
    """Writes the moments of the named data sets' held-out splits into `folder`."""
    for name in names:
        extractor = load_classifier(name)
        split = datasets.info(name).splits[1]
        path = statistics_path(folder, name, split, extractor.name)
        # From the images themselves, never from moments that shipped before.
        reference = reference_of(datasets.load(name, split)[0], extractor)
        write_statistics(path, reference, extractor)
        print(f"wrote {path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    write_all(parser.parse_args().folder)
