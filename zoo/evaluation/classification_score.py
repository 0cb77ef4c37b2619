"""Classification accuracy score: the worth of generated images as training data."""

import numpy as np
from numpy.typing import ArrayLike

from zoo import datasets
from zoo.checks import check_count
from zoo.errors import InvalidInputError

BATCH_SIZE = 128
RATE = 1e-3


def classification_accuracy_score(
    images: np.ndarray, labels: ArrayLike, dataset: str, epochs: int = 3, seed: int = 0
) -> float:
    """Computes the accuracy on real images of a classifier trained on generated ones.

    The Classification Accuracy Score of Ravuri & Vinyals 2019 (arXiv:1905.10887): high only if a
    class-conditional model draws every class correctly and in its full variety. The network is that
    of the data set's own classifier, from fresh weights, without augmentation; compare with the
    score of as many real images after the same number of epochs.

    Args:
        images: uint8 array of shape `(N, H, W, C)`, of the data set's shape, at least a batch
            of 128.
        labels: int array of shape `(N,)`, their classes.
        dataset: str, a name of `zoo.datasets`; the images to classify are its split for measuring.
        epochs: int, passes over the generated images.
        seed: int, decides the weights and the order of images.

    Returns:
        float in [0, 1].

    Raises:
        InvalidInputError: For images or labels that don't fit, or too few.
        DatasetError: If the real images can't be read.

    Example:

    ```python
    labels = np.arange(20_000) % 10
    images = zoo.load("cdcgan_mnist").generate(labels=labels, seed=0)
    classification_accuracy_score(images, labels, "mnist")
    ```
    """
    import keras

    from zoo.evaluation.features.classifier import Classifier, build_network, check_images

    check_count("epochs", epochs)
    check_count("seed", seed, minimum=0)
    network = build_network(dataset)
    classes = network.output_shape[1][1]
    images, labels = check_images(images, network.input_shape[1:]), np.asarray(labels)
    sound = labels.dtype.kind in "iu" and labels.shape == (len(images),) and labels.size > 0
    if not sound or labels.min() < 0 or labels.max() >= classes or len(images) < BATCH_SIZE:
        raise InvalidInputError(
            f"Expected at least {BATCH_SIZE} images, and a label from 0 to {classes - 1} for each. "
            f"Received: {len(images)} images, labels {labels.dtype} of shape {labels.shape}"
        )
    # Before the training, so that missing data fail at once.
    real, truth = datasets.load(dataset, datasets.info(dataset).splits[1])
    keras.utils.set_random_seed(seed)
    network = build_network(dataset)  # again: from the seed's weights
    steps = epochs * (len(images) // BATCH_SIZE)
    trainer = keras.Model(network.inputs[0], network.outputs[1])
    trainer.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        shuffled = order.permutation(len(images))
        for start in range(0, len(images) - BATCH_SIZE + 1, BATCH_SIZE):
            part = shuffled[start : start + BATCH_SIZE]
            scaled = images[part].astype("float32") / np.float32(255)
            trainer.train_on_batch(scaled, labels[part].astype("int32"))
    _, probabilities = Classifier(network, {}).features(real)
    return float((probabilities.argmax(axis=1) == truth).mean())
