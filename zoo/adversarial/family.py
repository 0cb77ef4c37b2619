"""What a family of models defines: how it generates, judges and loses, and what it is fed."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from zoo import backend
from zoo.adversarial.setup import CompiledPair
from zoo.errors import InvalidInputError


class Batch(NamedTuple):
    """One minibatch of a step.

    Args:
        real: float32 tensor (batch, *sample_shape), the real samples.
        condition: what the samples are generated and judged under: the masks of an inpainting
            model, the labels of a class-conditional one; `None` where there is nothing.
    """

    real: Any
    condition: Any = None


class Family(CompiledPair):
    """The parts of `zoo.adversarial.base.AdversarialPair`'s step that differ from family to family.

    Each has the meaning that most families share as its default. `_logits(samples, batch,
    training)` is the step's own: `judge`, after augmentation and noise.
    """

    def generate_like(self, batch, training=True):
        """The generator's outputs for a batch: as many as there are real samples."""
        raise NotImplementedError

    def symbolic_inputs(self):
        """`keras.KerasTensor`s of the generator's inputs."""
        raise NotImplementedError

    def draw_batch(self, *inputs):
        """A batch of what the model hands out, of tensors of what it is asked for."""
        raise NotImplementedError

    def present(self, fake, batch):
        """What the discriminator is shown of the generator's outputs: all of it, here."""
        del batch
        return fake

    def judge(self, samples, batch, training=True):
        """The discriminator's logits (batch, ...) of samples, real or presented."""
        del batch
        return backend.call_network(self.discriminator, samples, training)

    def generator_loss(self, fake, batch, training=True):
        """What the generator minimizes.

        Args:
            fake: the generator's outputs.
            batch: `Batch` that they were generated for.
            training: bool, of the discriminator.

        Returns:
            A scalar, and a dict of more scalars to show: name in `extra_losses()` -> value.
        """
        logits = self._logits(self.present(fake, batch), batch, training)
        return self.loss_object.generator(logits), {}

    def extra_losses(self):
        """Names of what `generator_loss` shows beside the loss."""
        return ()

    def prepare_batch(self, data, training=True):
        """The `Batch` of what `fit` or `evaluate` hands over.

        Real samples only, here: labels and sample weights that come along are dropped.
        """
        del training
        samples, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.check_samples(samples)
        return Batch(ops.cast(self.encode(samples), "float32"))

    def encode(self, samples):
        """What `fit` is given -> what the generator makes; the identity here."""
        return samples

    def check_samples(self, samples):
        """Raises `InvalidInputError` unless `samples` is a batch of `sample_shape`."""
        shape = tuple(getattr(samples, "shape", ()))
        if shape[1:] != self.sample_shape:
            expected = ", ".join(["batch", *map(str, self.sample_shape)])
            raise InvalidInputError(
                f"Training data must be one array of shape ({expected}), as the generator makes "
                f"it. Received: {f'shape {shape}' if shape else type(samples).__name__}"
            )

    def check_arrays(self, samples, labels):
        """What `fit` checks of the arrays among what it is given; labels are of no use here."""
        del labels
        if isinstance(samples, np.ndarray):
            self.check_array(samples)

    def check_array(self, samples):
        """`check_samples` for an ndarray, and its values: at least one sample, all finite."""
        self.check_samples(samples)
        if len(samples) == 0:
            raise InvalidInputError("There are no samples: the array's first axis has length 0.")
        if samples.dtype.kind == "f" and not np.isfinite(samples.sum(dtype="float64")):
            raise InvalidInputError("Training data must be finite. Received: nan or infinity")
