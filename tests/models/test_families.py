"""The families' networks: those of the texts they come from, layer by layer."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from tests.helpers import array
from zoo.errors import InvalidInputError
from zoo.models.dcgan_networks import count_halvings

FAMILIES = {
    zoo.VanillaGAN: {"image_shape": (4, 5, 1), "latent_dim": 3, "hidden_units": (6, 4)},
    zoo.DCGAN: {"image_shape": (16, 16, 1), "latent_dim": 3, "base_filters": 4, "kernel_size": 3},
}


# ------------------------------------------------------------------------- reference table

# Each row of the reference table: the arguments, then each network's weights, counted by hand.
# A convolution has kernel^2 x inputs x outputs weights, a normalization four vectors.
REFERENCES = {
    "vanilla_small": (
        lambda: zoo.VanillaGAN(
            hidden_units=(128, 128), batch_norm=False, output_activation="sigmoid", seed=0
        ),
        [100 * 128 + 128, 128 * 128 + 128, 128 * 784 + 784],
        [784 * 128 + 128, 128 * 128 + 128, 128 + 1],
    ),
    "vanilla": (
        lambda: zoo.VanillaGAN(hidden_units=(256, 512, 1024), seed=0),
        [
            *(100 * 256, 4 * 256),
            *(256 * 512, 4 * 512),
            *(512 * 1024, 4 * 1024),
            1024 * 784 + 784,
        ],
        [784 * 1024 + 1024, 1024 * 512 + 512, 512 * 256 + 256, 256 + 1],
    ),
    "dcgan_28": (
        lambda: zoo.DCGAN(image_shape=(28, 28, 1), seed=0),
        [
            *(100 * 7 * 7 * 256, 4 * 7 * 7 * 256),
            *(25 * 256 * 128, 4 * 128),
            *(25 * 128 * 64, 4 * 64),
            25 * 64 * 1 + 1,
        ],
        [25 * 1 * 64 + 64, 25 * 64 * 128 + 128, 7 * 7 * 128 + 1],
    ),
    "dcgan_32": (
        lambda: zoo.DCGAN(image_shape=(32, 32, 3), seed=0),
        [
            *(100 * 4 * 4 * 512, 4 * 4 * 4 * 512),
            *(25 * 512 * 256, 4 * 256),
            *(25 * 256 * 128, 4 * 128),
            *(25 * 128 * 64, 4 * 64),
            25 * 64 * 3 + 3,
        ],
        [25 * 3 * 64 + 64, 25 * 64 * 128 + 128, 25 * 128 * 256 + 256, 4 * 4 * 256 + 1],
    ),
    "dcgan_64": (
        lambda: zoo.DCGAN(
            image_shape=(64, 64, 3),
            base_filters=64,
            kernel_size=4,
            wide_stem=False,
            discriminator_batch_norm=True,
            dropout=0.0,
            seed=0,
        ),
        [
            *(100 * 4 * 4 * 512, 4 * 4 * 4 * 512),
            *(16 * 512 * 256, 4 * 256),
            *(16 * 256 * 128, 4 * 128),
            *(16 * 128 * 64, 4 * 64),
            16 * 64 * 3 + 3,
        ],
        [
            16 * 3 * 64 + 64,
            *(16 * 64 * 128, 4 * 128),
            *(16 * 128 * 256, 4 * 256),
            *(16 * 256 * 512, 4 * 512),
            4 * 4 * 512 + 1,
        ],
    ),
}

# What each network computes, in order: width (and stride), "+bias" where there is one.
STRUCTURES = {
    "vanilla_small": (
        "dense 128 +bias, leaky, dense 128 +bias, leaky, dense 784 +bias, sigmoid, reshape",
        "flatten, dense 128 +bias, leaky, dense 128 +bias, leaky, dense 1 +bias",
    ),
    "vanilla": (
        "dense 256, norm, leaky, dense 512, norm, leaky, dense 1024, norm, leaky, "
        "dense 784 +bias, tanh, reshape",
        "flatten, dense 1024 +bias, leaky, dense 512 +bias, leaky, dense 256 +bias, leaky, "
        "dense 1 +bias",
    ),
    "dcgan_28": (
        "dense 12544, norm, leaky, reshape, up 128/1, norm, leaky, up 64/2, norm, leaky, "
        "up 1/2 +bias, tanh",
        "down 64/2 +bias, leaky, dropout 0.3, down 128/2 +bias, leaky, dropout 0.3, flatten, "
        "dense 1 +bias",
    ),
    "dcgan_32": (
        "dense 8192, norm, leaky, reshape, up 256/1, norm, leaky, up 128/2, norm, leaky, "
        "up 64/2, norm, leaky, up 3/2 +bias, tanh",
        "down 64/2 +bias, leaky, dropout 0.3, down 128/2 +bias, leaky, dropout 0.3, "
        "down 256/2 +bias, leaky, dropout 0.3, flatten, dense 1 +bias",
    ),
    "dcgan_64": (
        "dense 8192, norm, leaky, reshape, up 256/2, norm, leaky, up 128/2, norm, leaky, "
        "up 64/2, norm, leaky, up 3/2 +bias, tanh",
        "down 64/2 +bias, leaky, down 128/2, norm, leaky, down 256/2, norm, leaky, "
        "down 512/2, norm, leaky, flatten, dense 1 +bias",
    ),
}
GRIDS = {"dcgan_28": (7, 7, 256), "dcgan_32": (4, 4, 512), "dcgan_64": (4, 4, 512)}


def describe(layer):
    bias = " +bias" if getattr(layer, "use_bias", False) else ""
    if isinstance(layer, layers.Dense):
        return f"dense {layer.units}{bias}"
    if isinstance(layer, layers.Conv2DTranspose):
        return f"up {layer.filters}/{layer.strides[0]}{bias}"
    if isinstance(layer, layers.Conv2D):
        return f"down {layer.filters}/{layer.strides[0]}{bias}"
    if isinstance(layer, layers.Activation):
        return layer.activation.__name__
    if isinstance(layer, layers.Dropout):
        return f"dropout {layer.rate}"
    names = {
        layers.BatchNormalization: "norm",
        layers.LeakyReLU: "leaky",
        layers.Flatten: "flatten",
        layers.Reshape: "reshape",
    }
    return next(name for kind, name in names.items() if isinstance(layer, kind))


@pytest.fixture(scope="module", params=REFERENCES)
def reference(request):
    """(name of the row, model)"""
    return request.param, REFERENCES[request.param][0]()


def test_parameter_counts(reference):
    name, model = reference
    _, generator, discriminator = REFERENCES[name]
    assert model.generator.count_params() == sum(generator)
    assert model.discriminator.count_params() == sum(discriminator)


def test_layers_in_order(reference):
    name, model = reference
    for network, expected in zip(
        (model.generator, model.discriminator), STRUCTURES[name], strict=True
    ):
        assert ", ".join(map(describe, network.layers)) == expected


def test_settings_of_the_layers(reference):
    name, model = reference
    kernel = (4, 4) if name == "dcgan_64" else (5, 5)
    for layer in model.generator.layers + model.discriminator.layers:
        if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
            assert layer.kernel_size == kernel
            assert layer.strides[0] == layer.strides[1]
            assert layer.padding == "same"
        if isinstance(layer, layers.LeakyReLU):
            assert layer.negative_slope == pytest.approx(0.2)
        if isinstance(layer, layers.BatchNormalization):
            assert layer.momentum == 0.9
        if isinstance(layer, layers.Reshape):
            assert tuple(layer.target_shape) == GRIDS.get(name, model.image_shape)


def test_biases_are_left_out_just_where_a_normalization_follows(reference):
    _, model = reference
    for network in (model.generator, model.discriminator):
        for layer, following in zip(network.layers, [*network.layers[1:], None], strict=True):
            if hasattr(layer, "use_bias"):
                assert layer.use_bias != isinstance(following, layers.BatchNormalization)


def kernels_of(model):
    networks = (model.generator, model.discriminator)
    return [array(layer.kernel) for n in networks for layer in n.layers if hasattr(layer, "kernel")]


def test_initial_kernels_have_the_papers_spread(reference):
    name, model = reference
    for kernel in kernels_of(model):
        glorot = np.sqrt(2.0 / sum(kernel.shape))  # Glorot & Bengio 2010, equation 16
        expected = 0.02 if name.startswith("dcgan") else glorot
        # Five standard errors.
        assert kernel.mean() == pytest.approx(0.0, abs=5 * expected / np.sqrt(kernel.size))
        assert kernel.std() == pytest.approx(expected, rel=5 / np.sqrt(kernel.size))


def test_initial_normalizations(reference):
    name, model = reference
    for layer in model.generator.layers + model.discriminator.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta = array(layer.gamma), array(layer.beta)
            spread = 0.02 if name.startswith("dcgan") else 0.0
            assert gamma.mean() == pytest.approx(1.0, abs=5 * spread / np.sqrt(gamma.size) + 1e-6)
            assert gamma.std() == pytest.approx(spread, rel=5 / np.sqrt(gamma.size))
            assert not beta.any()


def test_no_two_layers_start_from_the_same_numbers(reference):
    """Keras' initializers repeat their numbers when layers share one, or its seed."""
    _, model = reference
    starts = [kernel.ravel()[:64] for kernel in kernels_of(model)]
    for index, one in enumerate(starts):
        for other in starts[:index]:
            size = min(one.size, other.size)
            assert abs(np.corrcoef(one[:size], other[:size])[0, 1]) < 0.7


def test_shapes(reference):
    _, model = reference
    assert model.generator.input_shape == (None, 100)
    assert model.generator.output_shape == (None, *model.image_shape)
    assert model.discriminator.input_shape == (None, *model.image_shape)
    assert model.discriminator.output_shape == (None, 1)


# ------------------------------------------------------------------------------- options


def test_wide_stem_doubles_the_projection():
    options = {**FAMILIES[zoo.DCGAN], "dropout": 0.0}
    wide, narrow = (zoo.DCGAN(**options, wide_stem=wide).generator for wide in (True, False))
    assert "up 8/1" in map(describe, wide.layers)
    assert [describe(layer) for layer in wide.layers if hasattr(layer, "kernel")] == [
        "dense 256",
        "up 8/1",
        "up 4/2",
        "up 1/2 +bias",
    ]
    assert [describe(layer) for layer in narrow.layers if hasattr(layer, "kernel")] == [
        "dense 128",
        "up 4/2",
        "up 1/2 +bias",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_options_reach_the_layers(family):
    model = family(
        **FAMILIES[family], dropout=0.25, negative_slope=0.1, batch_norm_momentum=0.8, seed=0
    )
    every = model.generator.layers + model.discriminator.layers
    assert {x.rate for x in every if isinstance(x, layers.Dropout)} == {0.25}
    assert {x.momentum for x in every if isinstance(x, layers.BatchNormalization)} == {0.8}
    slopes = [x.negative_slope for x in every if isinstance(x, layers.LeakyReLU)]
    np.testing.assert_allclose(slopes, 0.1)
    dropped = sum(isinstance(x, layers.Dropout) for x in model.discriminator.layers)
    assert dropped == 2
    assert not any(isinstance(x, layers.Dropout) for x in model.generator.layers)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_dropout_there_are_no_dropout_layers(family):
    model = family(**FAMILIES[family], dropout=0.0)
    assert not any(isinstance(x, layers.Dropout) for x in model.discriminator.layers)


@pytest.mark.parametrize("family", FAMILIES)
def test_images_and_logits_are_float32_under_a_mixed_policy(family):
    # On bfloat16's eight bits of mantissa a gradient of gray would show as bands.
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = family(**FAMILIES[family], seed=0)
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.generator.output.dtype == "float32"
    assert model.discriminator.output.dtype == "float32"
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert any(layer.compute_dtype == "bfloat16" for layer in model.generator.layers)


OUTPUTS = [
    (zoo.VanillaGAN, "sigmoid", 0.0),
    (zoo.VanillaGAN, "tanh", -1.0),
    (zoo.DCGAN, None, -1.0),
]


@pytest.mark.parametrize(("family", "activation", "low"), OUTPUTS)
def test_images_fill_the_range_and_logits_have_none(family, activation, low):
    options = {} if activation is None else {"output_activation": activation}
    model = family(**FAMILIES[family], **options, seed=0)
    # Latents so large that every pixel is at one end or the other.
    images = array(model.generator(1e15 * model.sample_latent(1, seed=0)))
    assert set(np.unique(images.round(3))) == {low, 1.0}
    assert (model.coding.low, model.coding.high) == (low, 1.0)
    model.discriminator.layers[-1].bias.assign([100.0])
    # A sigmoid would squeeze the hundred.
    assert array(model.discriminator(images)).item() == pytest.approx(100.0, abs=20.0)


# --------------------------------------------------------------------------------- sizes

# side -> halvings down to a map of 4 to 7 pixels
CLEAN = {16: 2, 20: 2, 24: 2, 28: 2, 32: 3, 40: 3, 48: 3, 56: 3, 64: 4, 96: 4, 112: 4, 128: 5}


@pytest.mark.parametrize(("side", "halvings"), CLEAN.items())
def test_sizes_that_halve_cleanly(side, halvings):
    assert count_halvings((side, side, 3)) == halvings
    assert 4 <= side / 2**halvings <= 7


@pytest.mark.parametrize(
    "shape", [(16, 16, 1), (24, 28, 3), (32, 48, 1), (64, 96, 2), (32, 64, 3), (48, 24, 1)]
)
@pytest.mark.parametrize("wide_stem", [True, False])
def test_images_of_any_clean_size(shape, wide_stem):
    model = zoo.DCGAN(
        shape, latent_dim=2, base_filters=2, kernel_size=4, wide_stem=wide_stem, dropout=0.0
    )
    assert model.image_shape == shape
    assert model.generator.output_shape == (None, *shape)
    assert model.discriminator.input_shape == (None, *shape)
    assert model.discriminator.output_shape == (None, 1)
    flattened = next(x for x in model.discriminator.layers if isinstance(x, layers.Flatten))
    height, width, _ = flattened.input.shape[1:]
    assert 4 <= min(height, width) <= 7
    assert height / width == shape[0] / shape[1]


@pytest.mark.parametrize(
    ("size", "near"),
    [
        ((27, 27), "24x24, 24x28, 28x28"),
        ((30, 33), "28x32, 28x36, 32x32, 32x40"),
        ((65, 33), "64x32, 72x32, 64x40, 72x40"),
        ((1, 100), "16x100, 16x104"),
    ],
)
def test_other_sizes_are_refused_with_ones_that_work(size, near):
    with pytest.raises(InvalidInputError, match=f"Received: {size[0]}x{size[1]}") as caught:
        zoo.DCGAN(image_shape=(*size, 1))
    assert str(caught.value).endswith(f"Near it: {near}")
    for pair in near.split(", "):
        count_halvings([*map(int, pair.split("x")), 1])


def test_a_vanilla_gan_takes_any_size():
    model = zoo.VanillaGAN(image_shape=(5, 7, 2), latent_dim=2, hidden_units=(3,))
    assert model.generator.output_shape == (None, 5, 7, 2)
    assert model.discriminator.input_shape == (None, 5, 7, 2)


# ----------------------------------------------------------------------------- arguments

WRONG = [
    ("image_shape", (28, 28)),
    ("image_shape", (28, 28, 0)),
    ("image_shape", (28.0, 28, 1)),
    ("image_shape", (-28, 28, 1)),
    ("image_shape", 28),
    ("image_shape", "28x28"),
    ("image_shape", None),
    ("latent_dim", 0),
    ("latent_dim", 2.5),
    ("latent_dim", True),
    ("latent_dim", "100"),
    ("batch_norm_momentum", 1.0),
    ("batch_norm_momentum", -0.1),
    ("batch_norm_momentum", None),
    ("dropout", 1),
    ("dropout", -0.5),
    ("dropout", float("nan")),
    ("negative_slope", 1.5),
    ("negative_slope", "0.2"),
]
WRONG_OF_ONE = [
    (zoo.DCGAN, "base_filters", 0),
    (zoo.DCGAN, "base_filters", 6.4),
    (zoo.DCGAN, "kernel_size", 1),
    (zoo.DCGAN, "kernel_size", (5, 5)),
    (zoo.VanillaGAN, "hidden_units", ()),
    (zoo.VanillaGAN, "hidden_units", 256),
    (zoo.VanillaGAN, "hidden_units", (256, 0)),
    (zoo.VanillaGAN, "hidden_units", (1.5,)),
    (zoo.VanillaGAN, "output_activation", "relu"),
    (zoo.VanillaGAN, "output_activation", None),
]


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [(family, name, value) for family in FAMILIES for name, value in WRONG] + WRONG_OF_ONE,
)
def test_wrong_arguments_are_named_and_shown(family, name, value):
    with pytest.raises(InvalidInputError, match=f"`{name}` must be .*Received: {name}=") as caught:
        family(**{**FAMILIES[family], name: value})
    shown = value[-1] if name == "hidden_units" and isinstance(value, tuple) and value else value
    assert repr(shown) in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_wrong_seeds_are_named_and_shown(family, seed):
    with pytest.raises(InvalidInputError, match=f"`seed` must be .*Received: seed={seed!r}"):
        family(**FAMILIES[family], seed=seed)


# -------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("family", FAMILIES)
def test_configuration_round_trip(family):
    model = family(**FAMILIES[family], negative_slope=0.1, seed=3, name="mine")
    config = model.get_config()
    assert config.items() >= FAMILIES[family].items()
    copy = family.from_config(config)
    assert copy.get_config() == config
    assert copy.name == "mine"
    for mine, original in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, original)


@pytest.mark.parametrize("family", FAMILIES)
def test_configuration_has_every_argument(family):
    config = family(**FAMILIES[family]).get_config()
    assert set(config) == set(inspect.signature(family).parameters)


@pytest.mark.parametrize("family", FAMILIES)
def test_serialization_round_trip_through_json(family):
    model = family(**FAMILIES[family], seed=3)
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    copy = keras.saving.deserialize_keras_object(data)
    assert type(copy) is family
    assert copy.get_config() == model.get_config()


# --------------------------------------------------------------------------------- seeds


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_decides_the_initial_weights(family):
    first, again, other = (kernels_of(family(**FAMILIES[family], seed=seed)) for seed in (1, 1, 2))
    for kernel, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(kernel, same)
        assert not np.isclose(kernel, different).all()


def test_a_seed_means_these_weights():
    # Pinned: the same initial weights on every backend, and in every later version.
    kernels = [kernels_of(family(**FAMILIES[family], seed=0)) for family in FAMILIES]
    found = [[kernel.ravel()[0] for kernel in (k[0], k[-1])] for k in kernels]
    np.testing.assert_allclose(
        found, [[-0.23971929, 0.92276746], [0.03751798, -0.00855249]], rtol=1e-5
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_seed_each_model_starts_elsewhere(family):
    first, second = (kernels_of(family(**FAMILIES[family])) for _ in range(2))
    assert not np.isclose(first[0], second[0]).all()


def test_options_without_weights_leave_the_initial_weights_alone():
    # So that two runs that differ in dropout alone start from the same generator.
    options = FAMILIES[zoo.DCGAN]
    with_dropout, without = (
        zoo.DCGAN(**options, seed=0, dropout=rate).generator.get_weights() for rate in (0.3, 0.0)
    )
    for one, other in zip(with_dropout, without, strict=True):
        np.testing.assert_array_equal(one, other)
