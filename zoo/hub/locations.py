"""Finds cards and weights.

They are looked for in this order: an explicit path, `ZOO_WEIGHTS_DIR`, the files shipped with the
package, the cache (`ZOO_CACHE_DIR`, or `~/.cache/zoo`), and a download into the cache from
`ZOO_WEIGHTS_URL`.
"""

import os
from pathlib import Path

from zoo.errors import CardError, WeightsNotFoundError
from zoo.hub.cards import ModelCard


def cache_folder() -> Path:
    """Returns the folder of downloads."""
    return Path(os.environ.get("ZOO_CACHE_DIR") or Path.home() / ".cache" / "zoo")


def shipped_folder() -> Path:
    """Returns the folder of the shipped weights: beside the package, or inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_weights"
    return inside if inside.is_dir() else package.parent / "weights"


def folders() -> list[Path]:
    """Returns all folders that can hold cards and weights; the first match wins.

    Raises:
        WeightsNotFoundError: If `ZOO_WEIGHTS_DIR` names no folder.
    """
    own = os.path.expanduser(os.environ.get("ZOO_WEIGHTS_DIR", ""))
    # A mistyped folder must not end in the shipped weights, or a download, without a word.
    if own and not os.path.isdir(own):
        raise WeightsNotFoundError(
            f"ZOO_WEIGHTS_DIR must name a folder. Received: ZOO_WEIGHTS_DIR={own!r}. Correct it, "
            "or unset it."
        )
    return [*([Path(own)] if own else []), shipped_folder(), cache_folder()]


def find_card(name: str) -> ModelCard | None:
    """Returns the card of a model's pretrained weights, or `None` if it has none.

    Raises:
        CardError: If the file isn't a card, or is that of another model.
    """
    path = find_card_path(name)
    if path is None:
        return None
    card = ModelCard.read(path)
    if card.name != name:
        raise CardError(f"{path} must be the card of {name!r}. Received: {card.name!r}")
    return card


def find_card_path(name: str) -> Path | None:
    """Returns where the card of a model's pretrained weights is, or `None` if it has none."""
    paths = (folder / f"{name}.json" for folder in folders())
    return next((path for path in paths if path.is_file()), None)


def find_weights(card: ModelCard) -> Path:
    """Returns the path of a card's weights file, which is downloaded if it isn't there.

    Raises:
        WeightsNotFoundError: If it is in no folder and there is no URL to download it from.
        DownloadError: If the download fails.
    """
    file = f"{card.name}.weights.h5"
    for folder in folders():
        if (folder / file).is_file():
            return folder / file
    base = os.environ.get("ZOO_WEIGHTS_URL")
    if not base:
        places = ", ".join(str(folder) for folder in folders())
        raise WeightsNotFoundError(
            f"{file} is in none of {places}. Put it into one of them, or set ZOO_WEIGHTS_URL to "
            "the address of a folder that serves it."
        )
    from zoo.hub.download import download

    return download(
        f"{base.rstrip('/')}/{file}",
        cache_folder() / file,
        sha256=str(card.sha256),
        max_bytes=card.size,
    )
