"""Spectral normalization against NumPy's singular values."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend
from zoo.spectral import SpectralConv2D

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
