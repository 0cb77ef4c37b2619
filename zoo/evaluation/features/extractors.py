"""Networks whose features scores are computed in, by the name that goes with every score."""

from zoo.errors import InvalidInputError
from zoo.evaluation.features.classifier import ARCHITECTURES, load_classifier

INCEPTION = "inception"


def names():
    """The names that `load_extractor` takes: one for each data set's classifier, `"inception"`."""
    return [*ARCHITECTURES, INCEPTION]


def load_extractor(name):
    """Loads a feature extractor.

    All have `name`, `identity` (the sha256 of their weights), `image_shape` (`None`: any), and
    `features(images, batch_size)`, which gives features and class probabilities.

    Args:
        name: One of `names()`.

    Returns:
        A `zoo.evaluation.Classifier` or a `zoo.evaluation.features.inception.Inception`.

    Raises:
        InvalidInputError: For another name.
        MissingDependencyError: If Inception's library isn't installed.
        WeightsNotFoundError: If the weights aren't there.

    Example:

    >>> load_extractor("mnist").features(images)[0].shape
    (10000, 96)
    """
    if name not in names():
        raise InvalidInputError(
            f"Expected the name of a feature extractor: {', '.join(names())}. Received: {name!r}"
        )
    if name == INCEPTION:
        from zoo.evaluation.features.inception import load_inception

        return load_inception()
    return load_classifier(name)
