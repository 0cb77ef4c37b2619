"""Checks whether weights files and cards are sound, without a model and without Keras."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import (
    CardError,
    ChecksumError,
    InvalidInputError,
    WeightsFormatError,
    WeightsNotFoundError,
)
from zoo.hub.cards import ModelCard, parse_json
from zoo.hub.checkpoint_files import RECORD, SUFFIX, check_open_checkpoint
from zoo.hub.download import sha256_of
from zoo.hub.untrusted import open_untrusted

SIGNATURE = b"\x89HDF\r\n\x1a\n"
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
        arrays: int, the number of arrays.
        stored_bytes: int, their size in the file.
        unpacked_bytes: int, their size in memory.
        dtypes: tuple of str.
        largest: str, the largest array's name and shape.
        sha256: str.
        card: str, the name of the card beside it that gives this hash, or `None` without a card.
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


def find_files(path: str | os.PathLike) -> list[Path]:
    """Returns the weights files and cards that a path stands for.

    Args:
        path: a file, or a folder, whose own files are taken: `*.weights.h5`, `*.checkpoint.h5`,
            and each `*.json` that isn't clearly something else.

    Returns:
        Sorted list of `pathlib.Path`.

    Raises:
        WeightsNotFoundError: If there is nothing at the path, or nothing to verify in it.
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


def verify(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> Any:
    """Checks a weights file, a checkpoint or a card.

    Weights are read in small pieces, by a guarded process.

    Args:
        path: the file.
        max_bytes: int, the largest size of all arrays together, unpacked.

    Returns:
        str or `WeightsReport`: one line about the file.

    Raises:
        WeightsFormatError: If a weights file isn't sound, or unpacks to more.
        CheckpointError: If the numbers of a checkpoint aren't those that were saved.
        CardError: If a file isn't a card.
        ChecksumError: If weights aren't those that the card beside them describes.

    Example:

    >>> print(verify("weights/dcgan_mnist.json"))
    card of dcgan_mnist, of the family dcgan, with the sha256 of its weights
    """
    path = Path(path)
    if path.suffix == ".json" and not _has_signature(path):
        return _verify_card(path)
    return _verify_weights(path, max_bytes)


def _verify_weights(path, max_bytes):
    with open_untrusted(path) as file:
        arrays = file.arrays.values()
        for stored in arrays:
            if stored.dtype is None or stored.shape is None:
                raise WeightsFormatError(
                    f"{path}: {stored.name} must hold numbers. Received: {stored.type_name}"
                )
        unpacked = sum(stored.unpacked_bytes for stored in arrays)
        # Before anything is unpacked.
        if unpacked > max_bytes:
            raise WeightsFormatError(
                f"{path} would unpack to {unpacked:,} bytes, more than the {max_bytes:,} that "
                "`max_bytes` (--max-bytes) allows"
            )
        for stored in arrays:
            for piece in file.pieces(stored.name):
                if piece.dtype.kind == "f" and not np.isfinite(piece).all():
                    raise WeightsFormatError(f"{path}: {stored.name} holds NaN or infinity")
        kind = _kind({stored.name.split("/")[0] for stored in arrays})
        if RECORD in file.arrays:
            kind = f"checkpoint of epoch {check_open_checkpoint(file)['epoch']}"
    sizes = [(math.prod(array.shape), f"{array.name} {array.shape}") for array in arrays]
    sha256 = sha256_of(path)
    return WeightsReport(
        kind,
        len(arrays),
        sum(stored.stored_bytes for stored in arrays),
        unpacked,
        tuple(sorted({stored.type_name for stored in arrays})),
        max(sizes, default=(0, "none"))[1],
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
    """Returns (sha256, size or `None`) of the weights that a card describes."""
    values = parse_json(card)
    if not _is_classifier(values):
        found = ModelCard.read(card)
        return found.sha256, found.size
    if not isinstance(values.get("sha256"), str):
        raise CardError(f"Expected the card {card} to give the weights' sha256. Received: none")
    return values["sha256"], None


def _is_classifier(values):
    """Returns whether it is the card of a classifier that scores are measured with."""
    return isinstance(values, dict) and "task" in values and "family" not in values


def _may_be_card(file):
    if file.suffix != ".json" or not file.is_file():
        return False
    if file.with_name(f"{file.stem}{WEIGHTS_SUFFIX}").exists():
        return True
    try:
        values = parse_json(file)
    except CardError:
        return True  # verifying it reports the damage
    return isinstance(values, dict) and bool({"family", "config", "task"} & set(values))


def _has_signature(path):
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from error
