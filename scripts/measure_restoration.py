"""Scores the images that a model restores: half of the measuring of `scripts.release`."""

from pathlib import Path

import numpy as np

import zoo
from scripts import restoration_picture
from zoo import masks
from zoo.evaluation import restorers
from zoo.hub.cards import ModelCard

FAMILY = "inpainting_gan"
"""Family of the zoo's own models that restore."""
OPTIONS = {"limit"}


def measure(card: ModelCard, weights: Path, limit: int = restorers.LIMIT) -> dict:
    """Scores a run's weights beside classical methods, and records the protocol.

    Args:
        card: the run's card.
        weights: its weights file.
        limit: largest number of held-out images, drawn at random.

    Returns:
        `ModelCard.metrics`: for each of `restorers.HOLES`, the scores of `"ours"` and of each
        classical method.
    """
    model = zoo.load(card.name, weights=weights)
    record = restorers.evaluate_restorer(model, card.dataset, limit)
    return {"command": f"zoo evaluate {card.name}", **record}


def write_picture(card: ModelCard, run: Path, path: Path) -> None:
    """Draws held-out images, their holes, and each method's restorations into `path`."""
    model = zoo.load(card.name, weights=run / card.files["weights"])
    count = restoration_picture.COLUMNS_OF_A_KIND
    _, images, _ = restorers.held_out_images(card.dataset, count * len(restorers.HOLES))
    holes = np.concatenate(
        [
            masks.draw(kind, count, images.shape[1:3], seed=restorers.SEED)
            for kind in restorers.HOLES.values()
        ]
    )
    restored = {name: restore(images, holes) for name, restore in restorers.methods(model).items()}
    restoration_picture.save(images, holes, restored, path)
