"""The models that are timed, by their names in result rows."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.measure import own_model

if TYPE_CHECKING:
    import keras

WORKLOADS = {
    "gan28": ("VanillaGAN", {"image_shape": (28, 28, 1), "hidden_units": (256, 512, 1024)}),
    "dcgan28": ("DCGAN", {"image_shape": (28, 28, 1), "base_filters": 64, "kernel_size": 5}),
    "dcgan64": (
        "DCGAN",
        {
            "image_shape": (64, 64, 3),
            "base_filters": 64,
            "kernel_size": 4,
            "wide_stem": False,
            "discriminator_batch_norm": True,
            "dropout": 0.0,
        },
    ),
    "inpaint64": ("InpaintingGAN", {"image_shape": (64, 64, 3), "base_filters": 32}),
}
"""Name -> the family in `zoo`, and its arguments; 64x64 as in Radford et al. 2015."""

NARROW = {
    "gan28": {"hidden_units": (2, 2, 2)},
    "dcgan28": {"base_filters": 2},
    "dcgan64": {"base_filters": 2},
    "inpaint64": {"base_filters": 2},
}
"""Arguments that make the networks narrow, but not less deep."""


class Data(NamedTuple):
    """What a model trains on."""

    shape: tuple[int, ...]
    """Of one sample."""
    images: bool = True
    """Whether samples are uint8 images; otherwise they are float32 numbers."""
    masks: bool = False
    """Whether each image has a mask of holes."""
    classes: int | None = None
    """Number of classes, if each sample has a label."""

    @property
    def sample_bytes(self) -> int:
        """The size of one sample in memory, with its mask or label."""
        size = math.prod(self.shape) * (1 if self.images else 4)
        return size + self.masks * math.prod(self.shape[:2]) + 8 * (self.classes is not None)

    def draw(self, count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
        """Draws random training data. Zeros would be misleading: some arithmetic is faster on them.

        Args:
            count: number of samples.
            seed: int.

        Returns:
            uint8 array of shape `(count, *shape)`, or a float32 one from N(0, 1); beside it a bool
            array of shape `(count, H, W)` for data with masks (brush strokes, and every fourth mask
            a centered square), or an int64 array of shape `(count,)` for data with labels.
        """
        generator = np.random.default_rng(seed)
        if self.images:
            samples = generator.integers(0, 256, (count, *self.shape), "uint8")
        else:
            samples = generator.standard_normal((count, *self.shape), "float32")
        if self.classes is not None:
            return samples, generator.integers(0, self.classes, count)
        if not self.masks:
            return (samples,)
        from zoo import masks

        # Painting is slow: masks are repeated.
        painted, size = min(count, 1024), self.shape[:2]
        holes = masks.draw("free_form", painted, size, seed=seed)
        holes[::4] = masks.draw("center_square", len(holes[::4]), size, seed=seed)
        return samples, np.resize(holes, (count, *size))


def build(name: str, **changes) -> "keras.Model":
    """Builds a model, one of `WORKLOADS` from a fixed seed; does not compile it.

    Args:
        name: a key of `WORKLOADS`, or `FILE.py:NAME` for a model of one's own.
        **changes: arguments of the family that replace the workload's.
    """
    import zoo

    if name not in WORKLOADS:
        return own_model.build(name)
    family, arguments = WORKLOADS[name]
    return getattr(zoo, family)(**{**arguments, "seed": 0, **changes})


def data_of(model: "keras.Model") -> Data:
    """Returns what a model of the zoo trains on."""
    from zoo.models.image_coding import ImageCoding

    return Data(
        tuple(model.sample_shape),
        images=isinstance(model.coding, ImageCoding),
        masks=hasattr(model, "inpaint"),
        classes=getattr(model, "classes", None),
    )
