"""How well an inpainting model restores images: the measuring half of `scripts.release`."""

import platform
import time

import numpy as np

import zoo
from scripts import restoration_picture
from scripts.inpainting import OURS
from zoo import datasets, evaluation, masks
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.evaluation.baselines import METHODS, RADIUS, inpaint_classically
from zoo.evaluation.restoration import score_restorations

HOLES = {"center": "center_square", "free_form": masks.FreeForm(coverage=(0.2, 0.26))}
LIMIT = 10_000
BATCH_SIZE = 64
TURN = 8 * BATCH_SIZE
SEED = 0
DIGITS = 4  # significant ones in a card
OPTIONS = {"limit"}


def measure(card, weights, limit=LIMIT):
    """Scores of a run's weights beside those of classical methods, with their protocol.

    Args:
        card: `zoo.ModelCard`.
        weights: path of its weights file.
        limit: int, at most so many images of the held-out split, drawn by chance.

    Returns:
        dict for `ModelCard.metrics`: for each of `HOLES`, the scores of `"ours"` and of each
        classical method.
    """
    check_count("limit", limit, minimum=2)
    split, images, all_of_them = held_out_images(card.dataset, limit)
    classifier = evaluation.load_classifier(card.dataset)
    model = zoo.load(card.name, weights=weights)
    holes = {
        name: masks.draw(kind, len(images), images.shape[1:3], seed=SEED)
        for name, kind in HOLES.items()
    }
    return {
        "command": "python -m scripts.release",
        "protocol": (
            f"{len(images)} images of {card.dataset} {split}"
            f"{'' if all_of_them else f', drawn with seed {SEED}'}, the same for all methods. "
            f"Holes by zoo.masks.draw, seed {SEED}: center, a centered square of a quarter of the "
            "area; free_form, brush strokes over 20 to 26% of it. Means over the images: PSNR in "
            "dB and SSIM (scikit-image, uniform 7x7 window) of the whole image with its known "
            "pixels put back, hole_l1 the mean absolute difference of missing pixels in [0, 1], "
            "exact_share the share of images restored exactly. Fréchet distance of the restored "
            f"images to the originals, in the features of classifiers/{card.dataset}. "
            f"images_per_second in one process, the methods in turns of {TURN} images: ours in "
            f"batches of {BATCH_SIZE}, the others image by image; telea and navier_stokes by "
            f"OpenCV with radius {RADIUS}, biharmonic by scikit-image"
        ),
        "split": split,
        "images": len(images),
        "masks": {
            name: {
                **masks.serialize(masks.get_masks(kind)),
                "seed": SEED,
                "mean_share_missing": _rounded(holes[name].mean()),
            }
            for name, kind in HOLES.items()
        },
        "device": _device(),
        "classifier_sha256": classifier.card["sha256"],
        **{name: compare(model, images, holes[name], classifier) for name in HOLES},
    }


def compare(model, images, holes, classifier):
    """What a model and every classical method score on the same images with the same holes.

    Args:
        model: has `inpaint(images, masks, batch_size)`.
        images: uint8 ndarray (N, H, W, C), at least two.
        holes: bool ndarray (N, H, W).
        classifier: `zoo.evaluation.Classifier`.

    Returns:
        dict, method -> dict of `psnr`, `ssim`, `hole_l1`, `exact_share`, `frechet_distance` and
        `images_per_second`.
    """
    real = evaluation.reference_gaussian(images, classifier)
    scores = {}
    for name, (restored, seconds) in restore_in_turns(methods(model), images, holes).items():
        if not np.array_equal(restored[~holes], images[~holes]):
            raise InvalidInputError(
                f"Expected known pixels as they were. Received: {name} changed some"
            )
        summary = score_restorations(images, restored, holes).summary()
        fake = evaluation.reference_gaussian(restored, classifier)
        figures = {
            **{key: summary[key] for key in ("psnr", "ssim", "hole_l1", "exact_share")},
            "frechet_distance": evaluation.frechet_distance(
                fake.mean, fake.covariance, real.mean, real.covariance
            ),
            "images_per_second": len(images) / seconds,
        }
        scores[name] = {key: _rounded(value) for key, value in figures.items()}
    return scores


def restore_in_turns(methods, images, holes):
    """Restores the same images by several methods, and takes the time.

    The methods take turns, so that other work on the machine slows all of them alike.

    Args:
        methods: dict, name -> function of images and holes.
        images: uint8 ndarray (N, H, W, C).
        holes: bool ndarray (N, H, W).

    Returns:
        dict, name -> (uint8 ndarray (N, H, W, C), seconds).
    """
    turns = [slice(start, start + TURN) for start in range(0, len(images), TURN)]
    results = {name: np.empty_like(images) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    # The first and the last turn once before: they have batches of all sizes to come, and what a
    # backend compiles for a size isn't timed.
    for timed, part in [(False, turns[0]), (False, turns[-1]), *((True, turn) for turn in turns)]:
        for name, restore in methods.items():
            started = time.perf_counter()
            results[name][part] = restore(images[part], holes[part])
            seconds[name] += timed * (time.perf_counter() - started)
    return {name: (results[name], seconds[name]) for name in methods}


def methods(model):
    """Every method under its name, as a function of images and masks.

    Args:
        model: has `inpaint(images, masks, batch_size)`.
    """

    def classical(name):
        return lambda images, holes: inpaint_classically(name, images, holes)

    return {
        **{name: classical(name) for name in METHODS},
        OURS: lambda images, holes: model.inpaint(images, holes, batch_size=BATCH_SIZE),
    }


def held_out_images(dataset, limit):
    """Images that no model was trained on.

    Args:
        dataset: str, a name that `zoo.datasets.load` takes.
        limit: int, at most so many, drawn by chance: some data sets come class by class.

    Returns:
        (name of the split, uint8 ndarray (N, H, W, C), whether they are the whole split).
    """
    split = datasets.info(dataset).splits[1]
    images, _ = datasets.load(dataset, split)
    if limit >= len(images):
        return split, images, True
    chosen = np.random.default_rng(SEED).choice(len(images), limit, replace=False)
    return split, images[chosen], False


def write_picture(card, run, path):
    """Draws held-out images, their holes, and what each method makes of them, into `path`."""
    model = zoo.load(card.name, weights=run / card.files["weights"])
    count = restoration_picture.COLUMNS_OF_A_KIND
    _, images, _ = held_out_images(card.dataset, count * len(HOLES))
    holes = np.concatenate(
        [masks.draw(kind, count, images.shape[1:3], seed=SEED) for kind in HOLES.values()]
    )
    restored = {name: restore(images, holes) for name, restore in methods(model).items()}
    restoration_picture.save(images, holes, restored, path)


def _rounded(value):
    return float(f"{value:.{DIGITS}g}")


def _device():
    # Later than the rest: it imports Keras.
    from zoo.backend import device_name

    return f"{platform.machine()}, {device_name()}"
