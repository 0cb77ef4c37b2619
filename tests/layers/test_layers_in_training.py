"""The zoo's layers that training makes different: batch normalization and dropout."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import array
from zoo import backend
from zoo.layers.fast import BatchNormalization, Dropout

# ------------------------------------------------------------------- batch normalization


def make_twins(shape, **kwargs):
    """Ours and Keras' layer with the same weights, and inputs of a shape."""
    inputs = (3 + 2 * np.random.default_rng(0).normal(size=shape)).astype("float32")
    layers = BatchNormalization, keras.layers.BatchNormalization
    twins = [layer(**{"momentum": 0.6, "epsilon": 1e-2, **kwargs}) for layer in layers]
    for layer in twins:
        layer.build(shape)
        layer.set_weights(list(1 + np.linspace(0, 1, 4 * shape[-1]).reshape(4, -1)))
    return twins, inputs


def weighted_sum(layer, inputs):
    """A loss unlike at each of the layer's outputs in training, and these."""
    outputs = layer(ops.convert_to_tensor(inputs), training=True)
    weights = np.linspace(-1, 2, np.prod(inputs.shape), dtype="float32").reshape(inputs.shape)
    return ops.sum(outputs * ops.convert_to_tensor(weights)), outputs


@pytest.mark.parametrize("shape", [(8, 5), (4, 3, 2, 5), (1, 3, 2, 5)])
def test_batch_normalization(shape):
    twins, inputs = make_twins(shape)
    results = []
    for layer in twins:
        variable = keras.Variable(inputs)
        variables = [variable, *layer.trainable_variables]
        (_, outputs), gradients = backend.value_and_gradients(
            lambda layer=layer, variable=variable: weighted_sum(layer, variable), variables
        )
        results.append([array(x) for x in (outputs, *gradients)])
    for mine, reference in zip(*results, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-4)
    for mine, reference in zip(*(layer.get_weights() for layer in twins), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6)
    inferred = [array(layer(inputs)) for layer in twins]
    np.testing.assert_allclose(*inferred, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3), (3, 2, 2, 3)])
def test_gradients_of_gradients_go_through_the_statistics(shape):
    """What a gradient penalty on a normalized discriminator needs."""
    twins, inputs = make_twins(shape)
    found = []
    for layer in twins:

        def slope(inputs, layer=layer):
            _, outputs = weighted_sum(layer, inputs)
            return ops.sum(ops.square(outputs) * outputs), None

        variable = keras.Variable(inputs)

        def penalty(variable=variable, slope=slope):
            _, gradient = backend.input_gradient(slope, variable + 0.0, True)
            return ops.sum(ops.square(gradient)), None

        _, gradients = backend.value_and_gradients(penalty, [variable, layer.gamma])
        found.append([array(gradient) for gradient in gradients])
    for mine, reference in zip(*found, strict=True):
        largest = abs(reference).max()
        np.testing.assert_allclose(mine / largest, reference / largest, rtol=0, atol=1e-3)


def test_a_batch_of_one_value_per_channel():
    """An epoch's last batch may be that small: it is its own mean."""
    (layer, keras_own), inputs = make_twins((1, 5))
    for twin in (layer, keras_own):
        outputs = array(twin(inputs, training=True))
        np.testing.assert_allclose(outputs, array(twin.beta)[None], atol=1e-4)
    for mine, reference in zip(layer.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "kwargs",
    [{"epsilon": 1e-9}, {"axis": 1}, {"dtype": "mixed_bfloat16"}],
    ids=["small epsilon", "another axis", "half precision"],
)
def test_other_batch_normalizations(kwargs):
    (layer, keras_own), inputs = make_twins((5, 5), **kwargs)
    inputs *= 1e-4 if "epsilon" in kwargs else 1  # a variance that the epsilon shows beside
    found, expected = (array(twin(inputs, training=True)) for twin in (layer, keras_own))
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    for mine, reference in zip(layer.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-6)
    tolerance = 0.05 if "dtype" in kwargs else 1e-3
    np.testing.assert_allclose(
        found.astype("float32"), expected.astype("float32"), rtol=tolerance, atol=tolerance
    )


# ------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.75])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    layer = Dropout(rate, seed=0)
    inputs = np.ones((301, 333), "float32")
    outputs = array(layer(inputs, training=True))
    kept = outputs > 0
    assert np.mean(kept) == pytest.approx(1 - rate, abs=0.005)
    np.testing.assert_allclose(outputs[kept], 1 / (1 - rate), rtol=1e-4)
    # Neighbors are independent, along both axes and from call to call.
    again = array(layer(inputs, training=True)) > 0
    for a, b in ((kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1]), (kept, again)):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(layer(inputs, training=False), inputs)
    twin = Dropout(rate, seed=0)
    np.testing.assert_array_equal(array(twin(inputs, training=True)), outputs)


@pytest.mark.parametrize("rate", [0.0, 1e-7, 1 - 1e-7, 1.0])
def test_rates_that_sixteen_bits_do_not_tell_from_none_or_all(rate):
    outputs = array(Dropout(rate, seed=0)(np.ones((20, 20), "float32"), training=True))
    np.testing.assert_allclose(outputs, float(rate < 0.5), atol=1e-4)
