"""Weights files and cards looked at without a model, and without Keras: are they sound?"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    WeightsFormatError,
    WeightsNotFoundError,
)
from zoo.hdf5 import SIGNATURE, open_hdf5
from zoo.hub.card_file import parse_json
from zoo.hub.cards import ModelCard
from zoo.hub.checkpoint_files import RECORD, SUFFIX, check_checkpoint
from zoo.hub.download import sha256_of

MAX_BYTES = 4 * 2**30
WEIGHTS_SUFFIX = ".weights.h5"
SUFFIXES = (WEIGHTS_SUFFIX, SUFFIX)
NETWORKS = {"generator", "discriminator"}


@dataclass(frozen=True)
class WeightsReport:
    """What a sound weights file holds.

    Args:
        kind: `"weights"` of a generator and a discriminator, `"weights and more"` with an
            optimizer's slots for example, `"checkpoint of epoch 3"`, or `"arrays"` of something
            else.
        arrays: int, how many.
        stored_bytes: int, what they take in the file.
        unpacked_bytes: int, what they take in memory.
        dtypes: tuple of str.
        largest: str, the largest array's name, and its shape.
        sha256: str.
        card: str, the name of a card beside it that gives this hash, or `None` without a card.
    """

    kind: str
    arrays: int
    stored_bytes: int
    unpacked_bytes: int
    dtypes: tuple
    largest: str
    sha256: str
    card: str | None

    def __str__(self):
        card = f"as {self.card} says" if self.card else "no card beside it"
        return (
            f"{self.kind}, {self.arrays} arrays, {self.stored_bytes:,} bytes stored, "
            f"{self.unpacked_bytes:,} unpacked, {' '.join(self.dtypes) or 'no numbers'}, largest "
            f"{self.largest}, sha256 {self.sha256}, {card}"
        )


def find_files(path):
    """The weights files and cards that a path stands for.

    Args:
        path: a file, or a folder, whose own files are taken: `*.weights.h5`, `*.checkpoint.h5`,
            and each `*.json` that isn't clearly something else.

    Returns:
        Sorted list of `pathlib.Path`.

    Raises:
        WeightsNotFoundError: if there is nothing at the path, or nothing to verify in it.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise WeightsNotFoundError(f"Expected a file or a folder. Nothing is at {path}")
        return [path]
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    found = [file for file in files if file.name.endswith(SUFFIXES) or _may_be_card(file)]
    if not found:
        raise WeightsNotFoundError(f"Expected *{', *'.join(SUFFIXES)} files or cards in {path}")
    return found


def verify(path, max_bytes=MAX_BYTES):
    """Checks a weights file, a checkpoint or a card; what is stored is read in small pieces.

    Args:
        path: the file.
        max_bytes: int, what all arrays together may unpack to.

    Returns:
        str or `WeightsReport`: one line about the file.

    Raises:
        WeightsFormatError: for a weights file that isn't sound, or that unpacks to more.
        CheckpointError: for a checkpoint whose numbers aren't those that were saved.
        CardError: for a card that isn't.
        ChecksumError: for weights that aren't those that the card beside them describes.

    Example:

    >>> print(verify("weights/dcgan_mnist.json"))
    card of dcgan_mnist, of the family dcgan, with the sha256 of its weights
    """
    path = Path(path)
    if path.suffix == ".json" and not _has_signature(path):
        return _verify_card(path)
    return _verify_weights(path, max_bytes)


def _verify_weights(path, max_bytes):
    stored = unpacked = 0
    dtypes, largest = set(), (-1, "none")
    with open_hdf5(path) as file:
        datasets = list(file.datasets.values())
        for dataset in datasets:
            if dataset.dtype is None or dataset.shape is None:
                raise WeightsFormatError(
                    f"{path}: {dataset.name} must hold numbers. Received: {dataset.type_name}"
                )
            unpacked += dataset.unpacked_bytes
            largest = max(largest, (math.prod(dataset.shape), f"{dataset.name} {dataset.shape}"))
        # Before anything is unpacked.
        if unpacked > max_bytes:
            raise WeightsFormatError(
                f"{path} would unpack to {unpacked:,} bytes, more than the {max_bytes:,} that "
                "`max_bytes` (--max-bytes) allows"
            )
        for dataset in datasets:
            stored += dataset.stored_bytes()
            dtypes.add(dataset.dtype.name)
            for _, values in dataset.pieces():
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    raise WeightsFormatError(f"{path}: {dataset.name} holds NaN or infinity")
    kind = _kind({dataset.name.split("/")[0] for dataset in datasets})
    if RECORD in file.datasets:
        kind = f"checkpoint of epoch {check_checkpoint(path)['epoch']}"
    sha256 = sha256_of(path)
    return WeightsReport(
        kind,
        len(datasets),
        stored,
        unpacked,
        tuple(sorted(dtypes)),
        largest[1],
        sha256,
        _matching_card(path, sha256),
    )


def _kind(groups):
    if not groups >= NETWORKS:
        return "arrays"
    return "weights" if groups == NETWORKS else "weights and more"


def _matching_card(path, sha256):
    card = path.with_name(f"{path.name.removesuffix(WEIGHTS_SUFFIX)}.json")
    if not path.name.endswith(WEIGHTS_SUFFIX) or not card.is_file():
        return None
    expected, size = _claims(card)
    if expected != sha256 or size not in (None, path.stat().st_size):
        raise ChecksumError(
            f"{path} isn't the file that {card.name} describes: expected sha256 {expected} and "
            f"{size} bytes. Received: {sha256}, {path.stat().st_size}"
        )
    return card.name


def _verify_card(path):
    values = parse_json(path)
    if _is_classifier(values):
        _claims(path)
        return "card of a classifier, with the sha256 of its weights"
    card = ModelCard.read(path)
    known = "with the sha256 of its weights" if card.pretrained else "without weights"
    return f"card of {card.name}, of the family {card.family}, {known}"


def _claims(card):
    """(sha256, size or `None`) of the weights that a card describes."""
    values = parse_json(card)
    if not _is_classifier(values):
        found = ModelCard.read(card)
        return found.sha256, found.size
    if not isinstance(values.get("sha256"), str):
        raise CardError(f"Expected the card {card} to give the weights' sha256. Received: none")
    return values["sha256"], None


def _is_classifier(values):
    """The classifiers that scores are measured with have cards of another kind."""
    return isinstance(values, dict) and "task" in values and "family" not in values


def _may_be_card(file):
    if file.suffix != ".json" or not file.is_file():
        return False
    if file.with_name(f"{file.stem}{WEIGHTS_SUFFIX}").exists():
        return True
    try:
        values = parse_json(file)
    except CardError:
        return True  # a damaged one is told of
    return isinstance(values, dict) and bool({"family", "config", "task"} & set(values))


def _has_signature(path):
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from error
