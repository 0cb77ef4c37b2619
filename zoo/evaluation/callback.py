"""Scores during `fit`: the losses of a GAN don't say how good its images are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo import backend, distribution
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.evaluation.features.reference import load_reference, reference_of
from zoo.evaluation.sources import draw_parts
from zoo.evaluation.tally import Tally
from zoo.hub.weights import save_weights

if TYPE_CHECKING:
    from zoo.evaluation.features.extractors import Extractor

LOWER_IS_BETTER = {
    "frechet_distance": True,
    "rarest_class_share": False,
    "confident_share": False,
    "label_agreement": False,
}


class EvaluationCallback(keras.callbacks.Callback):
    """Scores the model after every few epochs, and keeps the best weights.

    The scores join the epoch's logs, for the history and for callbacks that come later. They use
    fewer images than a card's, and the Fréchet distance falls with their number: compare them
    with each other only.

    Args:
        real: The name of a data set, whose split for measuring is compared with; or real images
            that aren't trained on, a uint8 array of shape `(N, H, W, C)`.
        extractor: As `zoo.evaluation.load_extractor` returns.
        every: int, epochs between two evaluations. The last epoch always has one.
        count: int, images to draw.
        seed: int, decides which images are drawn.
        monitor: str, the score that decides which weights are best: `"frechet_distance"` (lower is
            better), `"rarest_class_share"`, `"confident_share"`, or `"label_agreement"` of a
            class-conditional model (higher is better).
        best_weights: Path of the file for the best weights so far, or `None`.

    Attributes:
        history: list of dicts, `epoch` (from 1) and the scores of each evaluation.
        best: The dict of the best evaluation, or `None` before the first.

    Raises:
        InvalidInputError: For a number out of range, or an unknown name.

    Example:

    ```python
    watch = EvaluationCallback(
        "mnist", zoo.evaluation.load_extractor("mnist"), every=2, best_weights="best.weights.h5"
    )
    model.fit(images, epochs=20, callbacks=[watch])
    print(watch.best["epoch"], watch.best["frechet_distance"])
    ```
    """

    def __init__(
        self,
        real: str | np.ndarray,
        extractor: Extractor,
        every: int = 1,
        count: int = 2000,
        seed: int = 0,
        monitor: str = "frechet_distance",
        best_weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        check_count("every", every)
        check_count("count", count, minimum=2)
        check_count("seed", seed, minimum=0)
        if monitor not in LOWER_IS_BETTER:
            raise InvalidInputError(
                f"`monitor` must be one of {', '.join(map(repr, LOWER_IS_BETTER))}. "
                f"Received: monitor={monitor!r}"
            )
        if isinstance(real, str):
            from zoo import datasets

            self.reference = load_reference(real, datasets.info(real).splits[1], extractor)
        else:
            self.reference = reference_of(real, extractor)
        self.extractor = extractor
        self.every, self.count, self.seed = every, count, seed
        self.monitor = monitor
        self.best_weights = None if best_weights is None else Path(best_weights)
        self.history: list[dict] = []
        self.best: dict | None = None

    def on_train_begin(self, logs=None):
        if self.monitor == "label_agreement" and not hasattr(self.model, "sample_labels"):
            raise InvalidInputError(
                f"`monitor` must be a score of this model, which isn't class-conditional. "
                f"Received: monitor={self.monitor!r}"
            )

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every and not last:
            return
        scores = self.evaluate()
        self.history.append({"epoch": epoch + 1, **scores})
        if logs is not None:
            logs.update(scores)
        if self.best is None or self._is_better(scores[self.monitor], self.best[self.monitor]):
            self.best = self.history[-1]
            if self.best_weights is not None and distribution.is_first_process():
                with backend.alone():
                    save_weights(self.model, self.best_weights)

    def get_state(self) -> dict[str, Any]:
        """Returns what a checkpoint of the run keeps, as plain values."""
        return {"history": self.history, "best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from what `get_state` returned."""
        self.history, self.best = list(state["history"]), state["best"]

    def evaluate(self) -> dict[str, float]:
        """Scores the model as it is now."""
        tally = Tally(self.extractor)
        for images, labels in draw_parts(self.model, self.count, self.seed):
            tally.add(images, labels)
        scores = tally.class_scores()
        del scores["class_shares"]  # logs hold one number a name
        distance = tally.moments.gaussian().distance_to(self.reference.gaussian)
        return {"frechet_distance": distance, **scores}

    def _is_better(self, score, best):
        return score < best if LOWER_IS_BETTER[self.monitor] else score > best
