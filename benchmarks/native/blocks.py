"""The networks of `zoo.VanillaGAN` and `zoo.DCGAN` as lists of blocks, derived from a `config`.

A block is a linear layer with the layers that follow it. Blocks involve no framework: each one
builds its own layers from them, with weights from Keras' flat lists.
"""

from typing import NamedTuple

VARIANCE_EPSILON = 1e-3  # of batch normalization
SMALLEST_GRID = 7  # images are halved until no side is longer
RANGE = (-1.0, 1.0)  # of tanh, the generators' output


class Block(NamedTuple):
    """A linear layer; if `hidden`, a LeakyReLU follows it, and in discriminators dropout.

    Args:
        kind: `"dense"`, `"convolution"` or `"transposed"` (a transposed convolution), with "same"
            padding as TensorFlow defines it. A dense layer flattens its inputs.
        stride: int.
        normalized: bool, batch normalization after the layer; it has no bias then.
        hidden: bool, `False` for a network's last block.
        grid: (H, W, C) that a dense layer's outputs are reshaped to, or `None`.
        full_precision: bool, float32 in mixed precision as well: the logits' layer.
    """

    kind: str
    stride: int = 1
    normalized: bool = False
    hidden: bool = True
    grid: tuple | None = None
    full_precision: bool = False


class Network(NamedTuple):
    """Blocks, and the arrays of each block by name.

    Args:
        blocks: list of `Block`.
        weights: trained arrays: `kernel`, and `bias`, or `gamma` and `beta`. Kernels are Keras':
            (in, out), (height, width, in, out), and (height, width, out, in) if transposed.
        statistics: `mean` and `variance`, the moving ones; empty without normalization.
    """

    blocks: list
    weights: list
    statistics: list


def generator_network(config: dict, arrays: list) -> Network:
    """Returns the generator: latents (batch, latent_dim) -> (batch, H, W, C), before the tanh.

    Args:
        config: dict, `model.config`.
        arrays: list of ndarrays, `model.generator.get_weights()`.

    Raises:
        ValueError: for another activation than tanh, or arrays of another architecture.
    """
    activation = config.get("output_activation", "tanh")
    if activation != "tanh":
        raise ValueError(f"The generator's output must be tanh here. Received: {activation!r}")
    if "hidden_units" in config:
        hidden = [Block("dense", normalized=config["batch_norm"]) for _ in config["hidden_units"]]
        blocks = [*hidden, Block("dense", hidden=False, grid=tuple(config["image_shape"]))]
    else:
        halvings = count_halvings(config["image_shape"])
        height, width = (side // 2**halvings for side in config["image_shape"][:2])
        channels = config["base_filters"] * 2 ** (halvings - (0 if config["wide_stem"] else 1))
        strides = [1] * config["wide_stem"] + [2] * (halvings - 1)
        blocks = [
            Block("dense", normalized=True, grid=(height, width, channels)),
            *(Block("transposed", stride, normalized=True) for stride in strides),
            Block("transposed", 2, hidden=False),
        ]
    return _network("generator", blocks, arrays)


def discriminator_network(config: dict, arrays: list) -> Network:
    """Returns the discriminator: images (batch, H, W, C) -> logits (batch, 1).

    Args:
        config: dict, `model.config`.
        arrays: list of ndarrays, `model.discriminator.get_weights()`.

    Raises:
        ValueError: for arrays of another architecture.
    """
    if "hidden_units" in config:
        blocks = [Block("dense") for _ in config["hidden_units"]]
    else:
        normalized = config["discriminator_batch_norm"]
        blocks = [
            Block("convolution", 2, normalized=normalized and depth > 0)
            for depth in range(count_halvings(config["image_shape"]))
        ]
    blocks.append(Block("dense", hidden=False, full_precision=True))
    return _network("discriminator", blocks, arrays)


def count_halvings(image_shape: tuple) -> int:
    """Returns how often an image is halved until both sides have at most 7 pixels."""
    side, halvings = max(image_shape[:2]), 0
    while side > SMALLEST_GRID:
        side, halvings = side // 2, halvings + 1
    return halvings


def _network(name, blocks, arrays):
    """Distributes Keras' flat list of weights over the blocks."""
    counts = [5 if block.normalized else 2 for block in blocks]
    if sum(counts) != len(arrays):
        raise ValueError(
            f"The {name}'s weights must be {sum(counts)} arrays, as `config` says. "
            f"Received: {len(arrays)}"
        )
    arrays, weights, statistics = iter(arrays), [], []
    for block in blocks:
        if block.normalized:
            kernel, gamma, beta, mean, variance = (next(arrays) for _ in range(5))
            weights.append({"kernel": kernel, "gamma": gamma, "beta": beta})
            statistics.append({"mean": mean, "variance": variance})
        else:
            weights.append({"kernel": next(arrays), "bias": next(arrays)})
            statistics.append({})
    return Network(blocks, weights, statistics)
