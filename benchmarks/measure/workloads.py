"""The models that are timed, by the name that a result row carries."""

import numpy as np

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
"""Name -> the family in `zoo`, and its arguments; Radford et al. 2015 at 64x64."""


def build(name, **changes):
    """The zoo's model of this name, freshly initialized from a fixed seed; not compiled.

    Args:
        name: a key of `WORKLOADS`.
        **changes: arguments of the family that replace the workload's, for tests.
    """
    import zoo

    family, arguments = WORKLOADS[name]
    return getattr(zoo, family)(**{**arguments, "seed": 0, **changes})


def takes_masks(name):
    """Whether batches of this workload are images and masks."""
    return WORKLOADS[name][0] == "InpaintingGAN"


def image_shape(name):
    """(H, W, C)."""
    return WORKLOADS[name][1]["image_shape"]


def image_bytes(name):
    """What one sample holds in memory, with its mask if it has one."""
    height, width, channels = image_shape(name)
    return height * width * (channels + takes_masks(name))


def draw_data(name, count, seed=0):
    """Random training data, never zeros: some arithmetic is faster on them.

    Args:
        name: a key of `WORKLOADS`.
        count: int, images.
        seed: int.

    Returns:
        A tuple: uint8 ndarray (count, H, W, C), followed by bool (count, H, W) for a workload with
        masks: brush strokes, and every fourth a centered square.
    """
    shape = image_shape(name)
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), "uint8")
    if not takes_masks(name):
        return (images,)
    from zoo import masks

    # Painting is slow: the same masks come again.
    painted = min(count, 1024)
    holes = masks.draw("free_form", painted, shape[:2], seed=seed)
    holes[::4] = masks.draw("center_square", len(holes[::4]), shape[:2], seed=seed)
    return images, np.resize(holes, (count, *shape[:2]))
