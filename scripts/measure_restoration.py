"""How well an inpainting model restores images: the measuring half of `scripts.release`."""

import numpy as np

import zoo
from scripts import restoration_picture
from scripts.rounding import rounded
from zoo import masks
from zoo.evaluation import restorers

DIGITS = 4  # significant ones in a card
OPTIONS = {"limit"}


def measure(card, weights, limit=restorers.LIMIT):
    """Scores of a run's weights beside those of classical methods, with their protocol.

    Args:
        card: `zoo.ModelCard`.
        weights: path of its weights file.
        limit: int, at most so many images of the held-out split, drawn by chance.

    Returns:
        dict for `ModelCard.metrics`: for each of `restorers.HOLES`, the scores of `"ours"` and of
        each classical method.
    """
    model = zoo.load(card.name, weights=weights)
    record = restorers.evaluate_restorer(model, card.dataset, limit)
    return {"command": f"zoo evaluate {card.name}", **rounded(record, DIGITS)}


def write_picture(card, run, path):
    """Draws held-out images, their holes, and what each method makes of them, into `path`."""
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
