"""What one set of generated images scores against real ones."""

import numpy as np

from zoo.errors import InvalidInputError
from zoo.evaluation.features.classifier import check_images
from zoo.evaluation.metrics.frechet import Gaussian
from zoo.evaluation.tally import Tally


def evaluate_images(images, reference, classifier, batch_size=500):
    """Scores generated images against real ones.

    The Fréchet distance (Heusel et al. 2017) falls with the number of images, generated and real:
    compare only scores of equal counts. The other scores look at the generated images alone.

    Args:
        images: uint8 array of generated images, shape `(N, *classifier.image_shape)`, at least two.
        reference: Real images of the same kind, or their `reference_gaussian`, which saves
            computing it again for each set of images.
        classifier: A `Classifier`.
        batch_size: Images per forward pass.

    Returns:
        A dict of unrounded Python numbers:

        - `frechet_distance`: at least 0, lower is better; squared units of the features.
        - `n`, `n_reference`: how many images were compared.
        - `class_shares`: list of each class's share of the images, in [0, 1].
        - `rarest_class_share`: the smallest of them; near 0 where a class is never drawn.
        - `confident_share`: share of images with a class probability above 0.9, in [0, 1].
        - `closest_pair_distance`: `closest_pair_distance` of the first 64 images.

    Raises:
        InvalidInputError: For images of another type or shape, or fewer than two.

    Example:

    >>> classifier = load_classifier("mnist")
    >>> real = reference_gaussian(test_images, classifier)
    >>> evaluate_images(model.generate(10_000, seed=0), real, classifier)["frechet_distance"]
    """
    images = check_images(images, classifier.image_shape)
    if len(images) < 2:
        raise InvalidInputError(f"Expected at least two images. Received: {len(images)}")
    real = reference
    if not isinstance(real, Gaussian):
        real = reference_gaussian(reference, classifier, batch_size)

    tally = Tally(classifier, batch_size)
    tally.add(images)
    fake = tally.moments.gaussian()
    return {
        "frechet_distance": fake.distance_to(real),
        "n": fake.count,
        "n_reference": real.count,
        **tally.class_scores(),
        "closest_pair_distance": closest_pair_distance(tally.first_images),
    }


def reference_gaussian(images, classifier, batch_size=500):
    """Computes the moments of images' features, to score several sets of images against.

    Args:
        images: uint8 array of shape `(N, *classifier.image_shape)`, at least two.
        classifier: A `Classifier`.
        batch_size: Images per forward pass.

    Returns:
        A `Gaussian`.

    Raises:
        InvalidInputError: For images of another type or shape, or fewer than two.

    Example:

    >>> real = reference_gaussian(test_images, load_classifier("mnist"))
    """
    tally = Tally(classifier, batch_size)
    tally.add(check_images(images, classifier.image_shape))
    return tally.moments.gaussian()


def closest_pair_distance(images):
    """Finds how close the two most similar images of a set are: 0 where one is drawn twice.

    Args:
        images: uint8 array of shape `(N, ...)`, at least two. All pairs are compared, so this is
            meant for some dozens of images.

    Returns:
        The smallest root-mean-square pixel difference of two images, a float in [0, 1].

    Raises:
        InvalidInputError: For another type, or fewer than two images.

    Example:

    >>> closest_pair_distance(np.zeros((2, 28, 28, 1), "uint8"))
    0.0
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim < 2 or len(images) < 2 or not images[0].size:
        raise InvalidInputError(
            "Expected at least two uint8 images, shape (N, ...). "
            f"Received: {images.dtype} of shape {images.shape}"
        )
    # Signed and wide enough: a difference of two uint8 would wrap around.
    flat = images.reshape(len(images), -1).astype(np.float64) / 255.0
    closest = min(
        np.square(flat[i + 1 :] - flat[i]).mean(axis=1).min() for i in range(len(flat) - 1)
    )
    return float(np.sqrt(closest))
