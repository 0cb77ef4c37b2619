"""Spectral normalization against NumPy's singular values."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo import backend
from zoo.layers.spectral import SpectralConv2D, SpectralDense

INPUTS = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("float32")


def build(**options):
    layer = SpectralConv2D(6, 4, padding="same", data_format="channels_last", strides=2, **options)
    layer.build(INPUTS.shape)
    layer.kernel.assign(3.0 * np.random.default_rng(1).standard_normal(layer.kernel.shape))
    return layer


def largest_singular_value(layer):
    matrix = ops.convert_to_numpy(layer.kernel).reshape(-1, layer.filters)
    return np.linalg.svd(matrix, compute_uv=False)[0]


def test_after_some_calls_the_kernel_is_divided_by_its_largest_singular_value():
    layer = build(use_bias=False)
    for _ in range(60):
        layer(INPUTS, training=True)
    plain = keras.layers.Conv2D(
        6, 4, padding="same", strides=2, use_bias=False, data_format="channels_last"
    )
    plain.build(INPUTS.shape)
    plain.kernel.assign(ops.convert_to_numpy(layer.kernel) / largest_singular_value(layer))
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(INPUTS)), ops.convert_to_numpy(plain(INPUTS)), atol=1e-3
    )


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_calls_move_the_direction_in_training_only_and_the_kernel_never(dtype):
    layer = build(dtype=dtype)
    kernel, direction = (ops.convert_to_numpy(v).copy() for v in (layer.kernel, layer.direction))
    layer(INPUTS)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.direction), direction)
    layer(INPUTS, training=True)
    assert (ops.convert_to_numpy(layer.direction) != direction).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.kernel), kernel)
    assert [variable.name for variable in layer.trainable_variables] == ["kernel", "bias"]


def test_two_passes_of_one_layer_can_be_differentiated_together():
    """What a discriminator's update does, and Keras' own layer can't bear."""
    layer = build()

    def objective():
        real, fake = layer(INPUTS, training=True), layer(-INPUTS, training=True)
        return ops.mean(real) - ops.mean(ops.square(fake)), None

    _, gradients = backend.value_and_gradients(objective, layer.trainable_variables)
    for gradient in gradients:
        assert np.abs(ops.convert_to_numpy(gradient)).max() > 0


def test_scaling_the_kernel_changes_nothing_so_its_gradient_along_itself_is_zero():
    layer = build(use_bias=False)
    for _ in range(60):
        layer(INPUTS, training=True)

    def objective():
        return ops.sum(ops.square(layer(INPUTS, training=True))), None

    _, (gradient,) = backend.value_and_gradients(objective, [layer.kernel])
    gradient, kernel = (ops.convert_to_numpy(x) for x in (gradient, layer.kernel))
    along = (gradient * kernel).sum()
    assert abs(along) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(kernel)


@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_files_hold_the_direction(tmp_path, use_bias):
    def model(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((8, 8, 3)), SpectralConv2D(4, 3, use_bias=use_bias)])

    first, second = model(0), model(1)
    first(INPUTS, training=True)
    first.save_weights(tmp_path / "x.weights.h5")
    second.load_weights(tmp_path / "x.weights.h5")
    assert len(first.get_weights()) == 2 + use_bias
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --------------------------------------------------------------------------- dense layers

VECTORS = np.random.default_rng(2).standard_normal((4, 5)).astype("float32")


def build_dense(**options):
    layer = SpectralDense(7, **options)
    layer.build(VECTORS.shape)
    layer.kernel.assign(3.0 * np.random.default_rng(3).standard_normal((5, 7)))
    return layer


def test_a_dense_kernel_is_divided_by_its_largest_singular_value():
    layer = build_dense(activation="tanh")
    layer.bias.assign(np.arange(7) / 10)
    for _ in range(60):
        layer(VECTORS, training=True)
    kernel = ops.convert_to_numpy(layer.kernel)
    divided = kernel / np.linalg.svd(kernel, compute_uv=False)[0]
    expected = np.tanh(VECTORS @ divided + np.arange(7) / 10)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(VECTORS)), expected, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_dense_layers_direction_moves_in_training_only(dtype):
    layer = build_dense(dtype=dtype)
    direction = ops.convert_to_numpy(layer.direction).copy()
    layer(VECTORS)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.direction), direction)
    layer(VECTORS, training=True)
    assert (ops.convert_to_numpy(layer.direction) != direction).all()


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_dense_layers_weights_file_holds_the_direction(tmp_path, use_bias):
    def model(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((5,)), SpectralDense(3, use_bias=use_bias)])

    first, second = model(0), model(1)
    first(VECTORS, training=True)
    first.save_weights(tmp_path / "x.weights.h5")
    second.load_weights(tmp_path / "x.weights.h5")
    assert len(first.get_weights()) == 2 + use_bias
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------------------- families

FAMILIES = {
    zoo.VanillaGAN: {"hidden_units": (6, 5), "latent_dim": 3},
    zoo.DCGAN: {"base_filters": 2, "latent_dim": 3},
    zoo.ConditionalDCGAN: {"base_filters": 2, "latent_dim": 3, "classes": 3},
}


def kinds(network):
    return [type(layer).__name__ for layer in network.layers if layer.trainable_variables]


@pytest.mark.parametrize("family", FAMILIES)
def test_all_of_the_discriminator_is_normalized_and_nothing_of_the_generator(family):
    plain, spectral = (
        family((16, 16, 1), **FAMILIES[family], spectral_norm=on, seed=0) for on in (False, True)
    )
    assert not any("Spectral" in kind for kind in kinds(plain.discriminator))
    assert all("Spectral" in kind for kind in kinds(spectral.discriminator))
    assert kinds(spectral.generator) == kinds(plain.generator)
    # The same seed starts from the same weights; one vector more for each kernel.
    pairs = zip(plain.trainable_variables, spectral.trainable_variables, strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))


@pytest.mark.parametrize("family", [zoo.VanillaGAN, zoo.ConditionalDCGAN])
def test_families_train_with_it_under_r1(family, tmp_path):
    def build():
        model = family((16, 16, 1), **FAMILIES[family], spectral_norm=True, seed=0)
        model.compile(r1_penalty=0.1)
        return model

    model = build()
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 1), "uint8")
    weights = [ops.convert_to_numpy(v).copy() for v in model.discriminator.variables]
    history = model.fit(images, np.arange(6) % 3, batch_size=3, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    for variable, before in zip(model.discriminator.variables, weights, strict=True):
        assert np.abs(ops.convert_to_numpy(variable) - before).max() > 0, variable.path
    model.save_weights(tmp_path / "x.weights.h5")
    copy = build()
    copy.load_weights(tmp_path / "x.weights.h5")
    for one, other in zip(model.discriminator.variables, copy.discriminator.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
