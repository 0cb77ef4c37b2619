"""How good are generated images: Fréchet distance, class balance, confidence, variety.

The distance is the FID's (Heusel et al. 2017), in the features of a small classifier of the same
data set instead of Inception's. Importing this needs no Keras; loading a classifier does.
"""

from zoo.evaluation.classifier import Classifier, load_classifier
from zoo.evaluation.frechet import Gaussian, StreamingMoments, frechet_distance
from zoo.evaluation.report import closest_pair_distance, evaluate_images, reference_gaussian

__all__ = [
    "Classifier",
    "Gaussian",
    "StreamingMoments",
    "closest_pair_distance",
    "evaluate_images",
    "frechet_distance",
    "load_classifier",
    "reference_gaussian",
]
