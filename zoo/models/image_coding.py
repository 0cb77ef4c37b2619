"""Converts between uint8 images outside of a model and the generator's range inside of it."""

import keras
import numpy as np
from keras import ops

from zoo.adversarial.base import Coding
from zoo.errors import InvalidInputError

RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""The generator's range by its output activation."""

TOLERANCE = 1e-3
"""How far float images may be out of it."""


class ImageCoding(Coding):
    """uint8 images, 0..255, outside of a model; floats in the generator's range inside.

    Args:
        shape: (H, W, C).
        low: float, the value of black.
        high: float, the value of white.

    Example:

    >>> coding = ImageCoding((1, 1, 3), low=-1.0, high=1.0)
    >>> images = np.array([[[[0, 51, 255]]]], "uint8")
    >>> ops.convert_to_numpy(coding.encode(images)).round(3).tolist()
    [[[[-1.0, -0.6..., 1.0]]]]
    >>> ops.convert_to_numpy(coding.decode(coding.encode(images))).tolist()
    [[[[0, 51, 255]]]]
    """

    def __init__(self, shape: tuple[int, int, int], low: float = -1.0, high: float = 1.0):
        super().__init__(shape)
        self.low, self.high = low, high

    def encode(self, samples):
        """Scales uint8 images to the generator's range; float ones are in it already."""
        if keras.backend.standardize_dtype(samples.dtype) == "uint8":
            return self.scale(ops.cast(samples, "float32"))
        return samples

    def scale(self, samples):
        """Scales floats in 0..255 to the generator's range."""
        return samples * ((self.high - self.low) / 255.0) + self.low

    def decode(self, samples):
        """Scales the generator's range to uint8."""
        samples = self.unscale(ops.cast(samples, "float32"))
        return ops.cast(ops.clip(ops.round(samples), 0, 255), "uint8")

    def unscale(self, samples):
        """Scales floats in the generator's range to 0..255."""
        return (samples - self.low) * (255.0 / (self.high - self.low))

    def check(self, samples):
        """Raises `InvalidInputError` unless these are images that the model trains on."""
        shape = tuple(getattr(samples, "shape", ()))
        if shape[1:] != self.shape:
            height, width, channels = self.shape
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

    @property
    def rule(self):
        return f"images, uint8 in 0..255 or float in [{self.low:g}, {self.high:g}]"

    def in_range(self, samples):
        """Returns whether all values are in range, a scalar bool tensor; `None` for uint8."""
        if keras.backend.standardize_dtype(samples.dtype) == "uint8":
            return None
        center, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        distances = ops.abs(ops.cast(samples, "float32") - center)
        # Along the batch first, in parallel: XLA reduces a whole tensor serially on a CPU.
        return ops.max(ops.max(distances, axis=0)) <= half + TOLERANCE

    def check_range(self, samples: np.ndarray):
        """Raises `InvalidInputError` for floats out of the generator's range."""
        if samples.dtype.kind != "f":
            return
        low, high = float(samples.min()), float(samples.max())
        if low < self.low - TOLERANCE or high > self.high + TOLERANCE:
            raise InvalidInputError(
                f"Float images must be in [{self.low:g}, {self.high:g}], the generator's range; "
                f"uint8 images (0..255) are scaled for you. Received: values from {low:g} to "
                f"{high:g}"
            )
