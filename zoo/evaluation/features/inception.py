"""The Inception network of the original FID, through the library torch-fidelity."""

import contextlib
import hashlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.checks import check_images
from zoo.errors import InvalidInputError, WeightsNotFoundError
from zoo.evaluation.metrics.vectors import softmax
from zoo.imports import import_optional

FEATURES, LOGITS = "2048", "logits_unbiased"
CHANNELS = (1, 3)


class Inception:
    """Inception v3 as in the FID of Heusel et al. 2017, for images of any size.

    Args:
        network: torch-fidelity's `FeatureExtractorInceptionV3`, of `FEATURES` and `LOGITS`.
        to_tensor: Function from a uint8 array to what the network takes.
    """

    name = "inception"
    image_shape = None

    def __init__(self, network: Any, to_tensor: Callable[[np.ndarray], Any]) -> None:
        self.network = network
        self.to_tensor = to_tensor

    @property
    def identity(self) -> str:
        """sha256 of all weights."""
        digest = hashlib.sha256()
        for key, value in sorted(self.network.state_dict().items()):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(value.cpu().numpy()).tobytes())
        return digest.hexdigest()

    def features(self, images: np.ndarray, batch_size: int = 50) -> tuple[np.ndarray, np.ndarray]:
        """Computes the pool features and the class probabilities.

        Args:
            images: uint8 array of shape `(N, H, W, C)`, values 0..255; one channel is repeated.
            batch_size: int, images per forward pass; never more than 50.

        Returns:
            `(features, probabilities)`, float32 arrays of shapes `(N, 2048)` and `(N, 1008)`.

        Raises:
            InvalidInputError: For images of another type or shape, or a batch size below 1.
        """
        if batch_size < 1:
            raise InvalidInputError(f"Expected a batch_size of at least 1. Received: {batch_size}")
        images = np.asarray(images)
        check_images(images, channels=CHANNELS)
        features, logits = [np.empty((0, 2048), "float32")], [np.empty((0, 1008), "float32")]
        for start in range(0, len(images), min(batch_size, 50)):
            batch = images[start : start + min(batch_size, 50)]
            batch = np.broadcast_to(batch, (*batch.shape[:-1], 3)).transpose(0, 3, 1, 2)
            outputs = self.network(self.to_tensor(np.ascontiguousarray(batch)))
            features.append(outputs[0].cpu().numpy())
            logits.append(outputs[1].cpu().numpy())
        return np.concatenate(features), softmax(np.concatenate(logits))


def load_inception() -> Inception:
    """Loads the network with the weights that torch-fidelity keeps, or downloads.

    Raises:
        MissingDependencyError: If torch-fidelity isn't installed.
        WeightsNotFoundError: If its weights are missing and can't be downloaded.

    Example:

    >>> features, probabilities = load_inception().features(images)  # doctest: +SKIP
    """
    fidelity = import_optional(
        "torch_fidelity.feature_extractor_inceptionv3", "keras-gan-zoo[inception]"
    )
    torch = import_optional("torch", "keras-gan-zoo[inception]")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            network = fidelity.FeatureExtractorInceptionV3("inception", [FEATURES, LOGITS])
    except (OSError, RuntimeError) as error:
        raise WeightsNotFoundError(
            "Inception's weights aren't in torch's hub folder, and torch-fidelity couldn't "
            f"download them: {error}. On a machine with network, run the same command once and "
            "copy the folder hub/checkpoints of torch's cache (TORCH_HOME)"
        ) from error
    return Inception(network.eval(), torch.from_numpy)
