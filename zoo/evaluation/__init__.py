"""Scores of generated images: distances, variety, coverage, class balance, copies.

Distances are measured in the features of a small classifier of the same data set, or of Inception;
which one is part of every score. Importing this package doesn't import Keras; loading a network
does.
"""

from zoo.evaluation.classification_score import classification_accuracy_score
from zoo.evaluation.features.classifier import Classifier, load_classifier
from zoo.evaluation.features.extractors import load_extractor
from zoo.evaluation.features.reference import load_reference
from zoo.evaluation.metrics.frechet import Gaussian, StreamingMoments, frechet_distance
from zoo.evaluation.metrics.inception_score import inception_score
from zoo.evaluation.metrics.kernel import kernel_distance
from zoo.evaluation.metrics.manifold import manifold_scores
from zoo.evaluation.metrics.neighbors import (
    closest_pair_distance,
    memorization,
    nearest,
    nearest_images,
    neighbor_grid,
)
from zoo.evaluation.scores import evaluate, evaluate_training_images
from zoo.evaluation.tally import reference_gaussian

__all__ = [
    "Classifier",
    "EvaluationCallback",
    "Gaussian",
    "StreamingMoments",
    "classification_accuracy_score",
    "closest_pair_distance",
    "evaluate",
    "evaluate_training_images",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "load_classifier",
    "load_extractor",
    "load_reference",
    "manifold_scores",
    "memorization",
    "nearest",
    "nearest_images",
    "neighbor_grid",
    "reference_gaussian",
]


def __getattr__(name):
    if name != "EvaluationCallback":
        raise AttributeError(f"module 'zoo.evaluation' has no attribute {name!r}")
    from zoo.imports import import_keras

    import_keras()
    from zoo.evaluation.callback import EvaluationCallback

    return EvaluationCallback
