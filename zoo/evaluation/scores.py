"""Every score of one set of generated images, with the protocol behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zoo import datasets
from zoo.checks import check_count, check_images, check_positive, check_share
from zoo.errors import DatasetError, InvalidInputError
from zoo.evaluation.features.extractors import INCEPTION, load_extractor
from zoo.evaluation.features.reference import (
    COMPARED,
    Reference,
    cached_features,
    load_reference,
    reference_of,
    some_of,
)
from zoo.evaluation.metrics.inception_score import inception_score
from zoo.evaluation.metrics.kernel import kernel_distance
from zoo.evaluation.metrics.manifold import manifold_scores
from zoo.evaluation.metrics.neighbors import closest_pair_distance, memorization
from zoo.evaluation.sources import array_parts, draw_parts
from zoo.evaluation.tally import Tally

if TYPE_CHECKING:
    import numpy as np

    from zoo.evaluation.features.extractors import Extractor

SUBSETS, SUBSET_SIZE, SPLITS = 100, 1000, 10
LEAST_OF_SPLIT = 100
"""Images: a smaller part can't show all classes, and its inception score is too low."""
OWN = "own images"
"""Stands for the data set where the real images are an array."""
NEIGHBORS, DENSITY_NEIGHBORS = 3, 5
LEAST = NEIGHBORS + 1
"""Fewer images have no third neighbor."""


def evaluate(
    source: Any,
    dataset: str | np.ndarray,
    features: str | Extractor | None = None,
    count: int = COMPARED,
    seed: int = 0,
    split: str | None = None,
    memorized: bool = False,
    on_progress: Callable[[int], object] | None = None,
    truncation: float | None = None,
    psi: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores a model, or images, against a data set or other images.

    Everything that a score depends on is in its record: compare only scores whose `protocol` is
    the same. Equal calls return equal numbers.

    Args:
        source: A model with `generate`, or a uint8 array of shape `(N, H, W, C)`.
        dataset: The real images: a name of `zoo.datasets`, or a uint8 array of shape
            `(M, H, W, C)`.
        features: An extractor or the name of one; by default the data set's own classifier, and
            Inception for an array.
        count: int of at least 4, images to draw from the model, or to take from the array at most.
        seed: int, decides what is drawn.
        split: str, the split to compare with; by default the one for measuring. Arrays have none.
        memorized: bool, whether to look for copies of training images too, which takes a data set.
            The first time, their features take as long as scoring as many images.
        on_progress: Function that is called with the number of images scored so far.
        truncation: float over 0, of a model's latents, as in `zoo.latents.sample_latent`; the
            protocol has it.
        psi: float in (0, 1], likewise; the protocol has it if it is given.

    Returns:
        dict of plain values, `{"protocol": ..., "scores": ...}`. The scores:

        - `frechet_distance` (Heusel et al. 2017, arXiv:1706.08500): at least 0, lower is better.
        - `kernel_distance`, `kernel_distance_deviation` (Binkowski et al. 2018,
          arXiv:1801.01401): lower is better, 0 for equal distributions.
        - `inception_score`, `inception_score_deviation` (Salimans et al. 2016, arXiv:1606.03498),
          with the extractor's classes: from 1 to their number, higher is better. Over ten parts
          of the images, fewer if they would hold less than a hundred each.
        - `precision`, `recall` (Kynkaanniemi et al. 2019, arXiv:1904.06991), `density`, `coverage`
          (Naeem et al. 2020, arXiv:2002.09797): higher is better.
        - with the data set's own classifier: `class_shares`, `rarest_class_share`,
          `confident_share` (class probability above 0.9), in [0, 1]; `label_agreement`, the share
          of a class-conditional model's images that are classified as the requested class.
        - `closest_pair_distance` of the first 64 images, see the function of that name.
        - with `memorized`: `memorization`, the dict that `memorization` returns.

        Where only the moments of the real images are available, scores that need more are omitted.

    Raises:
        InvalidInputError: For an unknown extractor, images that don't fit, or a split or
            `memorized` with an array of real images.
        DatasetError: For an unknown data set or split, or real images that can't be read.

    Example:

    ```python
    record = evaluate(zoo.load("dcgan_mnist"), "mnist")
    record["scores"]["frechet_distance"]
    ```
    """
    name = dataset if isinstance(dataset, str) else OWN
    own = name == OWN
    splits = () if own else datasets.info(name).splits
    if own and (split is not None or memorized):
        raise InvalidInputError(
            "Real images in an array have no splits, and no training images to look for copies of. "
            f"Received: split={split!r}, memorized={memorized!r}"
        )
    check_count("count", count, minimum=LEAST)
    check_count("seed", seed, minimum=0)
    drawn = hasattr(source, "generate")
    if truncation is not None:
        check_positive("truncation", truncation)
    if psi is not None:
        check_share("psi", psi)
    for option, value in {"truncation": truncation, "psi": psi}.items():
        if value is not None and not drawn:
            raise InvalidInputError(
                f"`{option}` is of a model's latents. Received: {option} with an array of images"
            )
    extractor: Any = features
    if not hasattr(features, "features"):
        extractor = load_extractor(features or (INCEPTION if own else name))
    # Before the scoring, so that missing data fail at once.
    reference: Any  # of a data set's split, or of the array
    if not isinstance(dataset, str):
        check_images(dataset, extractor.image_shape)
        if len(dataset) < LEAST:
            raise InvalidInputError(
                f"Expected at least {LEAST} real images. Received: {len(dataset)}"
            )
        reference = reference_of(dataset, extractor)
    else:
        split = split or splits[1]
        if memorized:
            train, _ = cached_features(datasets.load(name, splits[0])[0], extractor)
        reference = load_reference(name, split, extractor)
        if memorized and reference.features is None:
            raise DatasetError(f"Looking for copies takes the images of {name} {split}.")
    if drawn:
        parts = draw_parts(source, count, seed, truncation=truncation, psi=psi)
    else:
        parts = array_parts(source, count, seed)
    tally = Tally(extractor)
    for images, labels in parts:
        tally.add(images, labels)
        if on_progress is not None:
            on_progress(tally.count)
    if tally.count < LEAST:
        raise InvalidInputError(f"Expected at least {LEAST} images. Received: {tally.count}")

    compared = min(tally.count, COMPARED)
    sizes = {
        "kernel_subsets": SUBSETS,
        "kernel_subset_size": min(SUBSET_SIZE, compared, reference.gaussian.count),
        "inception_splits": min(SPLITS, max(1, compared // LEAST_OF_SPLIT)),
        "neighbors": NEIGHBORS,
        "density_neighbors": DENSITY_NEIGHBORS,
    }
    scores = score(tally, reference, sizes)
    if extractor.name == name:
        scores |= tally.class_scores()
    if memorized:
        scores["memorization"] = memorization(tally.features, reference.features, train)
    return {
        "protocol": {
            "dataset": name,
            "split": split,
            "reference_images": reference.gaussian.count,
            "reference_sha256": reference.data_sha256,
            "features": extractor.name,
            "features_sha256": extractor.identity,
            "samples": tally.count,
            "seed": seed,
            "truncation": truncation,
            # Not as `None`: scores of before there was one compare with those without.
            **({} if psi is None else {"psi": psi}),
            "precision": "float32",
            "compared": compared,
            **sizes,
        },
        "scores": scores,
    }


def score(tally: Tally, reference: Reference, sizes: dict[str, int]) -> dict[str, Any]:
    """Computes the scores that every extractor has.

    Those that compare single images are omitted if the reference holds moments only.

    Args:
        tally: `Tally` of the generated images.
        reference: `Reference` of the real ones.
        sizes: dict, the part of the protocol that says how the scores are computed.
    """
    distance = tally.moments.gaussian().distance_to(reference.gaussian)
    scores: dict[str, Any] = {"frechet_distance": distance}
    if reference.features is not None:
        distance, deviation = kernel_distance(
            reference.features,
            tally.features,
            sizes["kernel_subsets"],
            sizes["kernel_subset_size"],
        )
        scores |= {"kernel_distance": distance, "kernel_distance_deviation": deviation}
        scores |= manifold_scores(
            reference.features, tally.features, sizes["neighbors"], sizes["density_neighbors"]
        )
    value, deviation = inception_score(tally.probabilities, sizes["inception_splits"])
    scores |= {"inception_score": value, "inception_score_deviation": deviation}
    scores["closest_pair_distance"] = closest_pair_distance(tally.first_images)
    return scores


def evaluate_training_images(
    dataset: str,
    features: str | Extractor | None = None,
    count: int = COMPARED,
    split: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores real training images: what no model can be expected to beat by much.

    Args:
        dataset: str, a name of `zoo.datasets`.
        features: As in `evaluate`.
        count: int, random training images to score.
        split: As in `evaluate`.

    Returns:
        dict, as `evaluate` returns.
    """
    images, _ = datasets.load(dataset, datasets.info(dataset).splits[0])
    return evaluate(images[some_of(len(images))], dataset, features, count, split=split)
