"""Scores of models that restore images, beside classical methods on the same holes."""

from __future__ import annotations

import platform
import time
from typing import Any

import numpy as np

from zoo import datasets, masks
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.evaluation.baselines import METHODS, RADIUS, inpaint_classically
from zoo.evaluation.features.classifier import load_classifier
from zoo.evaluation.metrics.restoration import score_restorations
from zoo.evaluation.tally import reference_gaussian

OURS = "ours"
"""The name of the model's own scores, beside those of the classical methods."""
HOLES: dict[str, Any] = {
    "center": "center_square",
    "free_form": masks.FreeForm(coverage=(0.2, 0.26)),
}
LIMIT = 10_000
BATCH_SIZE = 64
TURN = 8 * BATCH_SIZE
SEED = 0


def evaluate_restorer(model: Any, dataset: str, limit: int = LIMIT) -> dict[str, Any]:
    """Scores a model that restores images, beside classical methods, on held-out images.

    Args:
        model: Has `inpaint(images, masks, batch_size)`.
        dataset: str, a name of `zoo.datasets` that has a classifier.
        limit: int of at least 2, the most images to score; chosen at random from the split for
            measuring.

    Returns:
        dict of plain values: `protocol` (in words), `split`, `images`, `masks`, `device`,
        `classifier_sha256`; and for each of `HOLES` what `compare` returns.

    Raises:
        InvalidInputError: For a limit under 2, or a model that changes known pixels.
        DatasetError: If the images can't be read.
        MissingDependencyError: If OpenCV or scikit-image isn't installed.

    Example:

    ```python
    record = evaluate_restorer(zoo.load("inpaint_mnist"), "mnist", limit=1000)
    record["center"]["ours"]["psnr"]
    ```
    """
    check_count("limit", limit, minimum=2)
    split, images, all_of_them = held_out_images(dataset, limit)
    classifier = load_classifier(dataset)
    holes = {
        name: masks.draw(kind, len(images), images.shape[1:3], seed=SEED)
        for name, kind in HOLES.items()
    }
    return {
        "protocol": (
            f"{len(images)} images of {dataset} {split}"
            f"{'' if all_of_them else f', drawn with seed {SEED}'}, the same for all methods. "
            f"Holes by zoo.masks.draw, seed {SEED}: center, a centered square of a quarter of the "
            "area; free_form, brush strokes over 20 to 26% of it. Means over the images: PSNR in "
            "dB and SSIM (scikit-image, uniform 7x7 window) of the whole image with its known "
            "pixels put back, hole_l1 the mean absolute difference of missing pixels in [0, 1], "
            "exact_share the share of images restored exactly. Fréchet distance of the restored "
            f"images to the originals, in the features of classifiers/{dataset}. "
            f"images_per_second in one process, the methods in turns of {TURN} images: ours in "
            f"batches of {BATCH_SIZE}, the others image by image; telea and navier_stokes by "
            f"OpenCV with radius {RADIUS}, biharmonic by scikit-image"
        ),
        "split": split,
        "images": len(images),
        "masks": {
            name: {
                **masks.serialize(masks.get_masks(kind)),  # type: ignore[dict-item]
                "seed": SEED,
                "mean_share_missing": float(holes[name].mean()),
            }
            for name, kind in HOLES.items()
        },
        "device": _device(),
        "classifier_sha256": classifier.card["sha256"],
        **{name: compare(model, images, holes[name], classifier) for name in HOLES},
    }


def compare(model, images, holes, classifier):
    """Scores a model and every classical method on the same images with the same holes.

    Args:
        model: Has `inpaint(images, masks, batch_size)`.
        images: uint8 array of shape `(N, H, W, C)`, at least two.
        holes: bool array of shape `(N, H, W)`.
        classifier: A `Classifier`.

    Returns:
        dict from methods to dicts of `psnr`, `ssim`, `hole_l1`, `exact_share`,
        `frechet_distance` and `images_per_second`.
    """
    real = reference_gaussian(images, classifier)
    scores = {}
    for name, (restored, seconds) in restore_in_turns(methods(model), images, holes).items():
        if not np.array_equal(restored[~holes], images[~holes]):
            raise InvalidInputError(
                f"Expected known pixels as they were. Received: {name} changed some"
            )
        summary = score_restorations(images, restored, holes).summary()
        scores[name] = {
            **{key: summary[key] for key in ("psnr", "ssim", "hole_l1", "exact_share")},
            "frechet_distance": reference_gaussian(restored, classifier).distance_to(real),
            "images_per_second": len(images) / seconds,
        }
    return scores


def restore_in_turns(methods, images, holes):
    """Restores the same images by several methods, and measures the time that each takes.

    The methods take turns, so that other work on the machine slows all of them alike.

    Args:
        methods: dict from names to functions of images and holes.
        images: uint8 array of shape `(N, H, W, C)`.
        holes: bool array of shape `(N, H, W)`.

    Returns:
        dict from names to `(uint8 array of shape (N, H, W, C), seconds)`.
    """
    turns = [slice(start, start + TURN) for start in range(0, len(images), TURN)]
    results = {name: np.empty_like(images) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    # The first and the last turn run once before the clock does: between them they have every
    # batch size, which a backend may compile for.
    for timed, part in [(False, turns[0]), (False, turns[-1]), *((True, turn) for turn in turns)]:
        for name, restore in methods.items():
            started = time.perf_counter()
            results[name][part] = restore(images[part], holes[part])
            seconds[name] += timed * (time.perf_counter() - started)
    return {name: (results[name], seconds[name]) for name in methods}


def methods(model):
    """Returns every method by its name, as a function of images and masks.

    Args:
        model: Has `inpaint(images, masks, batch_size)`.
    """

    def classical(name):
        return lambda images, holes: inpaint_classically(name, images, holes)

    return {
        **{name: classical(name) for name in METHODS},
        OURS: lambda images, holes: model.inpaint(images, holes, batch_size=BATCH_SIZE),
    }


def held_out_images(dataset, limit):
    """Reads images that no model was trained on.

    Args:
        dataset: str, a name of `zoo.datasets`.
        limit: int, the most images to take; random ones, since some data sets come class by class.

    Returns:
        `(split, images, whole)`: the name of the split, a uint8 array of shape `(N, H, W, C)`, and
        whether it is the whole split.
    """
    split = datasets.info(dataset).splits[1]
    images, _ = datasets.load(dataset, split)
    if limit >= len(images):
        return split, images, True
    chosen = np.random.default_rng(SEED).choice(len(images), limit, replace=False)
    return split, images[chosen], False


def _device():
    # Later than the rest: it imports Keras.
    from zoo.backend import device_name

    return f"{platform.machine()}, {device_name()}"
