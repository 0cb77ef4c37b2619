"""What an inpainting generator minimizes: reconstruction, adversarial loss, feature matching."""

from collections.abc import Callable
from dataclasses import dataclass

from keras import layers, ops

from zoo import backend
from zoo.checks import check_weight
from zoo.errors import InvalidInputError
from zoo.layers.spectral import SpectralConv2D

RECONSTRUCTION = {"l1": ops.abs, "l2": ops.square}
"""What is averaged of the difference from the original."""


@dataclass(frozen=True)
class InpaintingLoss:
    """A weighted sum; see `InpaintingGAN.compile` for each field.

    Raises:
        InvalidInputError: for an unknown reconstruction, or a weight out of range.
    """

    reconstruction: str
    hole_weight: float
    known_weight: float
    adversarial_weight: float
    feature_weight: float

    def __post_init__(self):
        if self.reconstruction not in RECONSTRUCTION:
            raise InvalidInputError(
                f"`reconstruction` must be one of {', '.join(map(repr, RECONSTRUCTION))}. "
                f"Received: reconstruction={self.reconstruction!r}"
            )
        for name in ("hole_weight", "known_weight", "adversarial_weight", "feature_weight"):
            check_weight(name, getattr(self, name))

    def __call__(self, fake, batch, adversarial_loss: Callable, feature_distance: Callable):
        """Returns the loss, and its first part by itself for the logs.

        Args:
            fake: tensor (batch, H, W, C), what the generator drew.
            batch: `zoo.adversarial.step.Batch`, the originals and the masks of their holes.
            adversarial_loss: function of nothing, called if its weight isn't 0.
            feature_distance: likewise.

        Returns:
            A scalar, and a dict name -> scalar.
        """
        error, holes = RECONSTRUCTION[self.reconstruction](fake - batch.real), batch.condition
        in_hole = _mean_where(error, holes)
        loss = self.hole_weight * in_hole
        if self.known_weight:
            loss += self.known_weight * _mean_where(error, 1.0 - holes)
        if self.adversarial_weight:
            loss += self.adversarial_weight * adversarial_loss()
        if self.feature_weight:
            loss += self.feature_weight * feature_distance()
        return loss, {"reconstruction_loss": in_hole}


def feature_distance(discriminator, images, batch, training):
    """Returns the mean absolute difference of a discriminator's features from the originals'.

    Args:
        discriminator: of `zoo.models.inpainting_networks.build_discriminator`.
        images: tensor (batch, H, W, C), completed images.
        batch: `zoo.adversarial.step.Batch`, the originals and the masks of their holes.
        training: bool, of the discriminator.
    """
    ours = features(discriminator, images, batch.condition, training)
    theirs = features(discriminator, batch.real, batch.condition, training)
    distances = [
        ops.mean(ops.abs(ops.cast(a - ops.stop_gradient(b), "float32")))
        for a, b in zip(ours, theirs, strict=True)
    ]
    return sum(distances) / len(distances)


def features(discriminator, images, holes, training):
    """Returns the outputs of a discriminator's hidden layers on images and the masks of holes."""
    outputs = ops.concatenate([images, holes], axis=-1)
    hidden = []
    for layer in discriminator.layers:
        if not isinstance(layer, (layers.InputLayer, layers.Concatenate)):
            spectral = isinstance(layer, SpectralConv2D)
            outputs = layer(outputs, training=training) if spectral else layer(outputs)
            hidden.append(outputs)
    return hidden[:-1]


def _mean_where(error, where):
    """Returns the mean of (batch, H, W, C) where `where` (batch, H, W, 1) is 1; 0 if nowhere."""
    (pixels,) = backend.mean_over_replicas([ops.sum(where)])
    pixels = ops.maximum(pixels, 1.0)
    return ops.sum(error * where) / (pixels * error.shape[-1])
