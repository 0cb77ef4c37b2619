"""What turns uint8 pictures into tensors and back: shared by every image family."""

import keras
from keras import ops

from zoo.errors import InvalidInputError
from zoo.models.unconditional import AdversarialModel

RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""The generator's range by its output activation."""


class ImageCoding:
    """uint8 0..255 outside, the generator's range inside: mixed into the families of images.

    Expects the attributes `sample_shape`, (H, W, C); `low` and `high`, the generator's range; and
    `config`, the family's arguments.
    """

    @property
    def image_shape(self):
        """(H, W, C)."""
        return self.sample_shape

    def encode(self, samples):
        """uint8 images are scaled to the generator's range; float ones are in it already."""
        if keras.backend.standardize_dtype(samples.dtype) == "uint8":
            samples = ops.cast(samples, "float32")
            return samples * ((self.high - self.low) / 255.0) + self.low
        return samples

    def decode(self, samples):
        """The generator's range -> uint8."""
        samples = (ops.cast(samples, "float32") - self.low) * (255.0 / (self.high - self.low))
        return ops.cast(ops.clip(ops.round(samples), 0, 255), "uint8")

    def check_samples(self, samples):
        """Raises `InvalidInputError` unless these are images that the model trains on."""
        shape = tuple(getattr(samples, "shape", ()))
        if shape[1:] != self.image_shape:
            height, width, channels = self.image_shape
            raise InvalidInputError(
                f"Images must have shape (batch, {height}, {width}, {channels}): batch, height, "
                f"width, channels. Received: {f'shape {shape}' if shape else type(samples)}. "
                "`zoo.datasets.from_folder(path, image_shape)` crops and resizes picture files."
            )
        dtype = keras.backend.standardize_dtype(samples.dtype)
        if dtype != "uint8" and not keras.backend.is_float_dtype(dtype):
            raise InvalidInputError(
                f"Images must be uint8 in 0..255 or float in [{self.low:g}, {self.high:g}]. "
                f"Received: dtype {dtype}"
            )

    def check_array(self, samples):
        """`check_samples` for an ndarray, and its values: finite and in the generator's range."""
        super().check_array(samples)
        if samples.dtype.kind != "f":
            return
        low, high = float(samples.min()), float(samples.max())
        if low < self.low - 1e-3 or high > self.high + 1e-3:
            raise InvalidInputError(
                f"Float images must be in [{self.low:g}, {self.high:g}], the generator's range; "
                f"uint8 images (0..255) are scaled for you. Received: values from {low:g} to "
                f"{high:g}"
            )

    def get_config(self):
        return {**self.config, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        del custom_objects  # plain numbers and names
        return cls(**config)


class ImageModel(ImageCoding, AdversarialModel):
    """An `AdversarialModel` on images: uint8 0..255 outside, the generator's range inside.

    Args:
        generator: latents -> images (batch, H, W, C).
        discriminator: images -> logits.
        latent_dim: number of latent variables.
        output_activation: the generator's, a key of `RANGES`.
        config: the family's arguments, for `get_config`.
    """

    def __init__(
        self, generator, discriminator, latent_dim, output_activation, config, seed=None, name=None
    ):
        super().__init__(generator, discriminator, latent_dim, seed=seed, name=name)
        self.low, self.high = RANGES[output_activation]
        self.config = config
