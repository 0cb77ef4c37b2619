"""Finds the latents of given images, by gradient."""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checks import check_count, check_positive, check_weight
from zoo.errors import InvalidInputError

if TYPE_CHECKING:
    from zoo.models.latent import LatentModel

STARTS = 64
"""Latents of which the closest to an image is where its search begins."""
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def invert(
    model: "LatentModel",
    images: Any,
    steps: int = 200,
    seed: int = 0,
    *,
    labels: Any = None,
    learning_rate: float = 0.1,
    prior: float = 1e-3,
    batch_size: int = 64,
) -> np.ndarray:
    """Finds latents from which a model draws given images, as closely as it can.

    Minimizes the mean squared error of the pixels by Adam (Zhu et al. 2016, "Generative Visual
    Manipulation on the Natural Image Manifold"; Abdal et al. 2019, "Image2StyleGAN"). The search
    for an image begins at the closest of 64 random ones.

    Args:
        model: a model that draws images from latents, built or trained.
        images: uint8 array of shape `(N, H, W, C)`, or float in the generator's range.
        steps: int, updates of each latent.
        seed: int of at least 0, of the latents to begin with: the same on every backend.
        labels: classes of the images, as of `generate`: of a class-conditional model.
        learning_rate: float over 0, of Adam.
        prior: float of at least 0, weight of the mean square of a latent beside the error of the
            pixels: it keeps latents where the model has learned to draw. 0 searches anywhere.
        batch_size: int, images at a time.

    Returns:
        float32 array of shape `(N, latent_dim)`, for `model.generate(latents=...)`.

    Raises:
        InvalidInputError: for images of another shape or range, labels that don't fit the model, or
            a number out of range.

    Example:

    ```python
    images, _ = zoo.datasets.load("mnist", split="test")
    latents = zoo.latents.invert(model, images[:8])
    zoo.pictures.show(np.concatenate([images[:8], model.generate(latents=latents)]), columns=8)
    ```
    """
    check_count("steps", steps)
    check_count("seed", seed, minimum=0)
    check_count("batch_size", batch_size)
    check_positive("learning_rate", learning_rate)
    check_weight("prior", prior)
    if not hasattr(model, "sample_latent"):
        raise InvalidInputError(
            "`model` must draw from latents. Received: "
            f"{type(model).__name__}, which has no `sample_latent`"
        )
    conditional = hasattr(model, "classes_of")
    if conditional == (labels is None):
        raise InvalidInputError(
            "`labels` are for class-conditional models, which need them. Received: "
            f"labels={labels!r} and a {type(model).__name__}"
        )
    from zoo.adversarial.feeding import to_host

    images = to_host(images)
    model.check_arrays(images, labels)
    others = [model.classes_of(labels, len(images))] if conditional else []
    error = _compiled_error(model, prior)
    starts = model.sample_latent(STARTS, seed)
    found = [
        _search(error, images[part], [x[part] for x in others], starts, steps, learning_rate)
        for part in _parts(len(images), batch_size)
    ]
    return np.concatenate(found)


def _parts(count, size):
    return [slice(start, start + size) for start in range(0, count, size)]


def _compiled_error(model, prior):
    """Returns a function of latents, images and classes: each image's error, and the gradient."""
    from keras import ops

    from zoo import backend

    network = model.sampling_network()

    def error_and_gradient(latents, images, *others):
        target = ops.cast(model.coding.encode(images), "float32")

        def total(latents):
            inputs = [latents, *others] if others else latents
            drawn = ops.cast(backend.call_network(network, inputs, training=False), "float32")
            axes = tuple(range(1, len(target.shape)))
            errors = ops.mean(ops.square(drawn - target), axes)
            errors = errors + prior * ops.mean(ops.square(latents), 1)
            return ops.sum(errors), errors

        (_, errors), gradient = backend.input_gradient(total, latents)
        return errors, gradient

    infer = backend.compile_inference(error_and_gradient, network, model.inference_jit(), model)

    def call(*inputs):
        return [np.array(ops.convert_to_numpy(x)) for x in infer(*inputs)]

    return call


def _search(error, images, others, starts, steps, learning_rate):
    count = len(images)
    # Each start against all images: as many passes as there are starts, all of one shape.
    errors = np.stack(
        [error(np.repeat(start[None], count, 0), images, *others)[0] for start in starts]
    )
    latents = starts[errors.argmin(axis=0)]
    first, second = np.zeros_like(latents), np.zeros_like(latents)
    best, lowest = latents, np.full(count, np.inf, "float32")
    for step in range(1, steps + 1):
        errors, gradient = error(latents, images, *others)
        better = errors < lowest
        best = np.where(better[:, None], latents, best)
        lowest = np.minimum(errors, lowest)
        first = BETA_1 * first + (1 - BETA_1) * gradient
        second = BETA_2 * second + (1 - BETA_2) * gradient**2
        scale = learning_rate * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        latents = (latents - scale * first / (np.sqrt(second) + EPSILON)).astype("float32")
    return best
