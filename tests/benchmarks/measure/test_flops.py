"""Arithmetic of the workloads against numbers worked out by hand."""

import keras
import numpy as np
import pytest

from benchmarks.measure import flops, workloads
from tests.benchmarks.tiny_cells import build

HAND_COUNTED = {
    # Multiply-adds. Generator: 100 x 256 + 256 x 512 + 512 x 1024 + 1024 x 784 = 1,483,776, the
    # first layer 25,600; discriminator: 784 x 1024 + 1024 x 512 + 512 x 256 + 256 = 1,458,432, the
    # first layer 802,816.
    "gan28": (1_483_776, 25_600, 1_458_432, 802_816),
    # Generator: 100 x 12,544 = 1,254,400, the first layer; 7 x 7 pixels times a 5 x 5 kernel from
    # 256 to 128: 49 x 819,200 = 40,140,800; 49 x (25 x 128 x 64 = 204,800) = 10,035,200;
    # 14 x 14 x (25 x 64) = 313,600. Discriminator: 14 x 14 x (25 x 64) = 313,600, the first layer;
    # 7 x 7 x 204,800 = 10,035,200; 7 x 7 x 128 = 6,272.
    "dcgan28": (51_744_000, 1_254_400, 10_355_072, 313_600),
    # Generator: 100 x 8,192 = 819,200, the first layer; from 4 x 4, 8 x 8 and 16 x 16 pixels:
    # 16 x (16 x 512 x 256) = 64 x (16 x 256 x 128) = 256 x (16 x 128 x 64) = 33,554,432 each;
    # 1,024 x (16 x 64 x 3) = 3,145,728. Discriminator: the same backwards, 3,145,728 in the first
    # layer, and 8,192 at the end.
    "dcgan64": (104_628_224, 819_200, 103_817_216, 3_145_728),
}


@pytest.mark.parametrize("name", HAND_COUNTED)
def test_against_numbers_by_hand(name):
    generator, generator_first, discriminator, discriminator_first = HAND_COUNTED[name]
    model = workloads.build(name)
    assert flops.count_network(model.generator, model.sample_shape) == (
        2 * generator,
        2 * generator_first,
    )
    assert flops.count_network(model.discriminator, model.sample_shape) == (
        2 * discriminator,
        2 * discriminator_first,
    )
    assert flops.gflop_per_image(model, "sample") == pytest.approx(2e-9 * generator)
    # Generator: forward, weights, inputs but the first. Discriminator: real and fake in its own
    # update, three passes each but the first layer's inputs; fake in the generator's, two passes.
    step = 3 * generator - generator_first + 8 * discriminator - 2 * discriminator_first
    assert flops.gflop_per_image(model, "train") == pytest.approx(2e-9 * step)


def test_traffic_against_numbers_by_hand():
    """Inputs and outputs of each product for each image, the weights, and Adam."""
    model = workloads.build("gan28")
    # Generator: 100 + 256, 256 + 512, 512 + 1024, 1024 + 784, the first 356; discriminator:
    # 784 + 1024, 1024 + 512, 512 + 256, 256 + 1, the first 1,808.
    generator, discriminator = 4_468, 4_369
    per_image = 3 * generator - 356 + 8 * discriminator - 2 * 1_808
    # As many weights in the products as multiply-adds above.
    weights = 3 * 1_483_776 - 25_600 + 8 * 1_458_432 - 2 * 802_816
    trained = sum(
        int(np.prod(v.shape))
        for network in (model.generator, model.discriminator)
        for v in network.trainable_variables
    )
    for precision, size in (("float32", 4), ("mixed_bfloat16", 2)):
        assert flops.gb_per_step(model, "train", precision, 10) == pytest.approx(
            1e-9 * (size * (10 * per_image + weights) + 28 * trained)
        )
    assert flops.gb_per_step(model, "sample", "float32", 10) == pytest.approx(
        4e-9 * (10 * generator + 1_483_776)
    )


def test_functional_networks_with_open_sizes():
    model = build("inpaint64")
    generator = flops.count_network(model.generator, model.sample_shape)
    # The first gated convolution: 64 x 64 x (9 x (3 + 1) x 2 x 1 filter).
    assert generator.first == 2 * 64 * 64 * 9 * 4 * 2
    discriminator = flops.count_network(model.discriminator, model.sample_shape)
    # 4 x 4 kernels: 32 x 32 x 4 -> 2, 16 x 16 x 2 -> 4, 8 x 8 x 4 -> 8, 8 x 8 x 8 -> 1.
    assert discriminator == (2 * 16 * (1024 * 8 + 256 * 8 + 64 * 32 + 64 * 8), 2 * 16 * 1024 * 8)


def test_the_model_computes_as_before():
    model = build("inpaint64")
    before = len(model.generator.layers), model.generator.count_params()
    flops.gflop_per_image(model, "train")
    assert (len(model.generator.layers), model.generator.count_params()) == before


def test_an_unknown_layer_is_not_counted_as_nothing():
    network = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.DepthwiseConv2D(3)])
    with pytest.raises(TypeError, match="DepthwiseConv2D"):
        flops.count_network(network, (8, 8, 2))
