"""The zoo's convolutions: the same function as Keras' layers, with the same weights."""

import itertools
import math
import re

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend
from zoo.layers import fourier
from zoo.layers.fast import Conv2D, Conv2DTranspose
from zoo.layers.initializers import Normal

PAIRS = {
    "convolution": (Conv2D, keras.layers.Conv2D),
    "transposed": (Conv2DTranspose, keras.layers.Conv2DTranspose),
}
FORMS = {"direct": math.inf, "fourier": 0.0}
CHANNELS, FILTERS = 2, 3
KERNEL_SIZES = (1, 2, 3, 4, 5, 6, 7, (2, 5))
SIZES = ((4, 6), (2, 2), (8, 4), (5, 7), (5, 4), (1, 1), (6, 6))
"""Of maps: even and odd, smaller than some kernels along one axis or both."""
STRIDES = (1, 2, 3, (1, 2))
OPTIONS = {
    "plain": {},
    "unbiased": {"use_bias": False},
    "tanh": {"activation": "tanh"},
    "unbiased elu": {"use_bias": False, "activation": "elu"},
}


def pairwise():
    """Each kernel with each size; the other factors such that any two of all values meet."""
    rows, met = [], set()
    for first in itertools.product(KERNEL_SIZES, SIZES):
        others = itertools.product(STRIDES, OPTIONS, PAIRS, FORMS)
        candidates = [(*first, *rest) for rest in others]
        pairs = [set(itertools.combinations(enumerate(row), 2)) for row in candidates]
        # Kernels and sizes have few rows each: what is to meet them counts more.
        gain = [sum(9 if one[0] < 2 else 1 for one, _ in new - met) for new in pairs]
        best = gain.index(max(gain))
        rows.append(candidates[best])
        met |= pairs[best]
    return rows


@pytest.fixture(params=PAIRS)
def pair(request):
    """(our layer, Keras' layer)"""
    return PAIRS[request.param]


@pytest.fixture
def compute_in(monkeypatch):
    """Chooses how convolutions are computed; the Fourier form runs wherever it can."""
    return lambda form: monkeypatch.setattr(backend, "fourier_threshold", lambda: FORMS[form])


@pytest.fixture(params=FORMS)
def form(request, compute_in):
    """How convolutions are computed, on every backend."""
    compute_in(request.param)
    return request.param


def make_twins(pair, size, kernel_size, strides, **kwargs):
    """Two layers with the same weights, and an input (2, *size, CHANNELS)."""
    # Zeros, since JAX would compile a random initializer for each shape.
    options = {"padding": "same", "data_format": "channels_last", "kernel_initializer": "zeros"}
    options.update(kwargs)
    ours, keras_own = (layer(FILTERS, kernel_size, strides, **options) for layer in pair)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, *size, CHANNELS)).astype("float32")
    for layer in (ours, keras_own):
        layer.build(inputs.shape)
    weights = [rng.normal(size=w.shape) for w in keras_own.get_weights()]
    for layer in (ours, keras_own):
        layer.set_weights(weights)
    return ours, keras_own, inputs


def outputs_and_gradients(layer, inputs):
    """Outputs, and gradients at the inputs, the kernel and the bias of a loss unlike at each."""

    def objective():
        outputs = layer(ops.convert_to_tensor(inputs))
        slope = np.random.default_rng(1).normal(size=outputs.shape).astype("float32")
        return ops.sum(outputs * ops.convert_to_tensor(slope)), outputs

    (_, outputs), gradients = backend.value_and_gradients(
        objective, [inputs, *layer.trainable_variables]
    )
    return [outputs, *gradients]


def at_once(function):
    """The function's tensors as arrays; on JAX it is compiled whole, much faster than op by op."""
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})
    return [ops.convert_to_numpy(ops.stop_gradient(array)) for array in function()]


def assert_same_function(ours, keras_own, inputs):
    inputs = keras.Variable(inputs)
    arrays = at_once(
        lambda: outputs_and_gradients(ours, inputs) + outputs_and_gradients(keras_own, inputs)
    )
    count = len(arrays) // 2
    for mine, reference in zip(arrays[:count], arrays[count:], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------- same function


CONFIGURATIONS = pairwise()


@pytest.mark.no_backend
def test_any_two_values_meet_in_some_configuration():
    factors = (KERNEL_SIZES, SIZES, STRIDES, OPTIONS, PAIRS, FORMS)
    for one, other in itertools.combinations(range(len(factors)), 2):
        expected = set(itertools.product(factors[one], factors[other]))
        assert {(row[one], row[other]) for row in CONFIGURATIONS} == expected


@pytest.mark.parametrize(
    ("kernel_size", "size", "strides", "options", "name", "form"), CONFIGURATIONS, ids=str
)
def test_values_and_gradients_are_those_of_keras(
    kernel_size, size, strides, options, name, form, compute_in
):
    compute_in(form)
    kwargs = OPTIONS[options]
    ours, keras_own, inputs = make_twins(PAIRS[name], size, kernel_size, strides, **kwargs)
    assert len(ours.get_weights()) == (1 if "use_bias" in kwargs else 2)
    assert_same_function(ours, keras_own, inputs)


def test_dilated_convolutions(form):
    twins = make_twins(PAIRS["convolution"], (6, 5), 3, 1, dilation_rate=2)
    assert_same_function(*twins)


@pytest.mark.parametrize(
    ("name", "strides", "kwargs"),
    [
        ("convolution", 2, {"padding": "valid"}),
        ("convolution", 1, {"groups": 2}),
        ("convolution", 2, {"data_format": "channels_first"}),
        ("transposed", 1, {"padding": "valid"}),
        ("transposed", 2, {"padding": "valid"}),
        ("transposed", 2, {"output_padding": 0}),
        ("transposed", 1, {"dilation_rate": 2}),
        ("transposed", 4, {}),
        ("transposed", 2, {"data_format": "channels_first"}),
    ],
)
def test_other_options_fall_back(name, strides, kwargs):
    """Padding "valid" is the default of a convolution."""
    inputs = np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype("float32")
    options = {"padding": "same", "data_format": "channels_last", **kwargs}
    options["kernel_initializer"] = Normal(0.0, 1.0, seed=0)
    options["bias_initializer"] = Normal(0.0, 1.0, seed=1)
    twins = [layer(4, 3, strides, **options) for layer in PAIRS[name]]
    for layer in twins:
        layer.build(inputs.shape)
    try:
        twins[1](inputs)
    except Exception as error:
        if not re.search("CPU implementations do not yet support|only supports .*NHWC", str(error)):
            raise
        pytest.skip("TensorFlow has no such kernel on this processor")
    found, expected = at_once(lambda: [layer(inputs) for layer in twins])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_gradients_of_gradients(pair, form):
    """What a gradient penalty needs: the gradient of a gradient's square."""

    def penalty_gradient(layer):
        def slope(inputs):
            return ops.sum(ops.tanh(layer(inputs))), None

        def penalty():
            _, gradient = backend.input_gradient(slope, ops.convert_to_tensor(inputs), True)
            return ops.sum(ops.square(gradient)), None

        return backend.value_and_gradients(penalty, layer.trainable_variables)[1]

    ours, keras_own, inputs = make_twins(pair, (4, 4), 5, 2)
    arrays = at_once(lambda: [*penalty_gradient(ours), *penalty_gradient(keras_own)])
    for mine, reference in zip(arrays[:2], arrays[2:], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-3, atol=1e-3)


def test_the_fourier_form_runs_where_it_spares_products(monkeypatch, form):
    """The 5x5 kernel on 7x7 maps: 121 products in place of 1225, see `zoo.layers.fourier`."""
    sizes = []
    correlate = fourier.correlate

    def watched(x, kernel, first):
        sizes.append(tuple(x.shape))
        return correlate(x, kernel, first)

    monkeypatch.setattr(fourier, "correlate", watched)
    monkeypatch.setattr(backend, "fourier_threshold", lambda: {"direct": math.inf}.get(form, 2.0))
    layer = Conv2DTranspose(64, 5, padding="same", kernel_initializer="ones")
    layer(np.ones((64, 7, 7, 64), "float32"))
    assert sizes == ([] if form == "direct" else [(7, 7, 64, 64)])
    layer = Conv2DTranspose(
        64, 5, padding="same", kernel_initializer="ones", dtype="mixed_bfloat16"
    )
    layer(np.ones((64, 7, 7, 64), "float32"))
    Conv2D(8, 3, padding="same", kernel_initializer="ones")(np.ones((1, 32, 32, 8), "float32"))
    assert len(sizes) <= 1


# ------------------------------------------------------------------------------ in models


@pytest.mark.parametrize("strides", [1, 2])
def test_output_shapes_are_known_before_any_data(pair, strides):
    ours, keras_own = (
        layer(FILTERS, 5, strides, padding="same", kernel_initializer="zeros") for layer in pair
    )
    symbolic = keras.Input((8, 4, CHANNELS))
    assert ours(symbolic).shape == keras_own(symbolic).shape


def test_one_model_takes_images_of_any_size(form):
    image = keras.Input((None, None, CHANNELS))
    layer = Conv2DTranspose(FILTERS, 3, strides=2, padding="same", kernel_initializer="ones")
    model = keras.Model(image, layer(image))
    for side in (4, 6, 8, 5):
        inputs = np.ones((1, side, side, CHANNELS), "float32")
        assert model.predict(inputs, verbose=0).shape == (1, 2 * side, 2 * side, 3)


def test_any_batch_size_goes_through_one_model(pair, form):
    ours, keras_own, _ = make_twins(pair, (4, 4), 5, 2)
    image = keras.Input((4, 4, CHANNELS))
    models = [keras.Model(image, layer(image)) for layer in (ours, keras_own)]
    for count in (1, 3):
        inputs = np.random.default_rng(count).normal(size=(count, 4, 4, CHANNELS))
        found, expected = (
            ops.convert_to_numpy(model.predict(inputs, verbose=0)) for model in models
        )
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_stays_half_precision(pair, form):
    ours, keras_own, inputs = make_twins(pair, (4, 4), 4, 2, dtype="mixed_bfloat16")
    found, expected = at_once(lambda: [ours(inputs), keras_own(inputs)])
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    found, expected = found.astype("float32"), expected.astype("float32")
    # 8 bits of mantissa, and sums of up to 32 products in another order.
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.1)


# -------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("kernel_size", [2, 5, (3, 4)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_are_interchangeable(pair, kernel_size, use_bias):
    ours, keras_own, _ = make_twins(pair, (4, 4), kernel_size, 2, use_bias=use_bias)
    assert [(w.name, w.shape, w.dtype) for w in ours.weights] == [
        (w.name, w.shape, w.dtype) for w in keras_own.weights
    ]


def test_configurations_are_interchangeable(pair):
    mine, keras_own = pair
    original = keras_own(FILTERS, 5, strides=2, padding="same", use_bias=False, name="x")
    assert mine.from_config(original.get_config()).get_config() == original.get_config()


def test_serialization_round_trip(pair):
    layer = pair[0](FILTERS, 4, strides=2, padding="same", name="x")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is pair[0]
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", [Conv2D, Conv2DTranspose])
def test_the_order_of_a_kernel_in_memory_does_not_show(layer):
    """Assigned, trained, saved: (height, width, a, b) in any order in memory."""
    inputs = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    made = layer(5, (2, 3), padding="same")
    made(inputs)
    weights = [np.arange(w.size, dtype="float32").reshape(w.shape) for w in made.get_weights()]
    made.set_weights(weights)
    for mine, given in zip(made.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, given)
    optimizer = keras.optimizers.Adam(1.0)
    optimizer.build([made.kernel])
    gradient = np.where(weights[0] % 3 == 0, 1.0, -1.0).astype("float32")
    for _ in range(2):
        backend.apply_gradients(optimizer, [ops.convert_to_tensor(gradient)], [made.kernel])
    np.testing.assert_allclose(made.get_weights()[0], weights[0] - 2 * gradient, atol=1e-3)
