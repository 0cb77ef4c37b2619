"""The models that are timed, by their names in result rows."""

from typing import TYPE_CHECKING

import numpy as np

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


def build(name: str, **changes) -> "keras.Model":
    """Builds the zoo's model of this name from a fixed seed; does not compile it.

    Args:
        name: a key of `WORKLOADS`.
        **changes: arguments of the family that replace the workload's.
    """
    import zoo

    family, arguments = WORKLOADS[name]
    return getattr(zoo, family)(**{**arguments, "seed": 0, **changes})


def takes_masks(name: str) -> bool:
    """Returns whether batches of this workload are images and masks."""
    return WORKLOADS[name][0] == "InpaintingGAN"


def image_shape(name: str) -> tuple[int, int, int]:
    """Returns `(H, W, C)`."""
    return WORKLOADS[name][1]["image_shape"]


def image_bytes(name: str) -> int:
    """Returns the size of one sample in memory, including its mask."""
    height, width, channels = image_shape(name)
    return height * width * (channels + takes_masks(name))


def draw_data(name: str, count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Draws random training data. Zeros would be misleading: some arithmetic is faster on them.

    Args:
        name: a key of `WORKLOADS`.
        count: number of images.
        seed: int.

    Returns:
        uint8 array of shape `(count, H, W, C)`; for a workload with masks, also a bool array of
        shape `(count, H, W)`: brush strokes, and every fourth mask a centered square.
    """
    shape = image_shape(name)
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), "uint8")
    if not takes_masks(name):
        return (images,)
    from zoo import masks

    # Painting is slow: masks are repeated.
    painted = min(count, 1024)
    holes = masks.draw("free_form", painted, shape[:2], seed=seed)
    holes[::4] = masks.draw("center_square", len(holes[::4]), shape[:2], seed=seed)
    return images, np.resize(holes, (count, *shape[:2]))
