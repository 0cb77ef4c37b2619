"""Every layer that discriminators are made of: gradients of losses and penalties through it.

The gradient that the step takes, of a loss and of both penalties, against central differences of
the same function's value, along random directions.
"""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.backend.common import dtypes

from tests.helpers import array, values
from zoo import backend
from zoo.adversarial import penalties
from zoo.layers import fast, gated, spectral
from zoo.layers.spectral import Normalizations

BATCH, STEP = 4, 1e-5
VECTOR, SEQUENCE, IMAGE, VOLUME = (5,), (4, 4), (4, 4, 2), (4, 4, 2, 2)


class SelfAttention(layers.Layer):
    """Attention of a sequence to itself, as one layer of a `Sequential`."""

    def __init__(self, attention, calls=2):
        super().__init__()
        self.attention, self.calls = attention, calls

    def build(self, shape):
        self.attention.build(*[shape] * self.calls if self.calls > 1 else [[shape] * 2])

    def call(self, x, training=False):
        inputs = [x] * self.calls if self.calls > 1 else [[x, x]]
        return self.attention(*inputs, training=training)


LAYERS = {
    VECTOR: {
        "Dense": lambda: layers.Dense(4, "tanh"),
        "EinsumDense": lambda: layers.EinsumDense("ab,bc->ac", 4),
        "BatchNormalization": layers.BatchNormalization,
        "LayerNormalization": layers.LayerNormalization,
        "RMSNormalization": layers.RMSNormalization,
        "UnitNormalization": layers.UnitNormalization,
        "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(4)),
        "PReLU": layers.PReLU,
        "LeakyReLU": layers.LeakyReLU,
        "ReLU": lambda: layers.ReLU(negative_slope=0.1),
        "ELU": layers.ELU,
        "Softmax": layers.Softmax,
        "Activation, gelu": lambda: layers.Activation("gelu"),
        "Activation, silu": lambda: layers.Activation("silu"),
        "Activation, selu": lambda: layers.Activation("selu"),
        "Activation, mish": lambda: layers.Activation("mish"),
        "Activation, softplus": lambda: layers.Activation("softplus"),
        "Activation, sigmoid": lambda: layers.Activation("sigmoid"),
        "Activation, celu": lambda: layers.Activation("celu"),
        "Activation, hard_silu": lambda: layers.Activation("hard_silu"),
        "Dropout": lambda: layers.Dropout(0.4),
        "AlphaDropout": lambda: layers.AlphaDropout(0.4),
        "GaussianDropout": lambda: layers.GaussianDropout(0.4),
        "GaussianNoise": lambda: layers.GaussianNoise(0.4),
        "RepeatVector": lambda: layers.RepeatVector(2),
        "Rescaling": lambda: layers.Rescaling(2.0),
    },
    SEQUENCE: {
        "Attention": lambda: SelfAttention(layers.Attention(use_scale=True), 1),
        "AdditiveAttention": lambda: SelfAttention(layers.AdditiveAttention(), 1),
        "SimpleRNN": lambda: layers.SimpleRNN(3),
        "LSTM": lambda: layers.LSTM(3),
        "LSTM, sequences": lambda: layers.LSTM(3, return_sequences=True),
        "GRU": lambda: layers.GRU(3),
        "Bidirectional": lambda: layers.Bidirectional(layers.GRU(2)),
        "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3, "tanh")),
        "Conv1D": lambda: layers.Conv1D(3, 3, padding="same"),
        "Conv1D, causal": lambda: layers.Conv1D(3, 3, padding="causal"),
        "Conv1DTranspose": lambda: layers.Conv1DTranspose(3, 3, 2),
        "DepthwiseConv1D": lambda: layers.DepthwiseConv1D(3),
        "SeparableConv1D": lambda: layers.SeparableConv1D(3, 3),
        "MaxPooling1D": layers.MaxPooling1D,
        "AveragePooling1D": lambda: layers.AveragePooling1D(2),
        "GlobalMaxPooling1D": layers.GlobalMaxPooling1D,
        "GlobalAveragePooling1D": layers.GlobalAveragePooling1D,
        "AdaptiveMaxPooling1D": lambda: layers.AdaptiveMaxPooling1D(2),
        "AdaptiveAveragePooling1D": lambda: layers.AdaptiveAveragePooling1D(2),
        "UpSampling1D": layers.UpSampling1D,
        "ZeroPadding1D": layers.ZeroPadding1D,
        "Cropping1D": layers.Cropping1D,
        "SpatialDropout1D": lambda: layers.SpatialDropout1D(0.4),
        "Permute": lambda: layers.Permute((2, 1)),
    },
    IMAGE: {
        "BatchNormalization": layers.BatchNormalization,
        "LayerNormalization, all axes": lambda: layers.LayerNormalization(axis=(1, 2, 3)),
        "GroupNormalization": lambda: layers.GroupNormalization(3),
        "GroupNormalization, instance": lambda: layers.GroupNormalization(-1),
        "RMSNormalization": layers.RMSNormalization,
        "UnitNormalization": layers.UnitNormalization,
        "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Conv2D(3, 2)),
        "Conv2D": lambda: layers.Conv2D(3, 3, 2, padding="same"),
        "Conv2D, dilated": lambda: layers.Conv2D(3, 2, dilation_rate=2),
        "Conv2D, groups": lambda: layers.Conv2D(6, 2, groups=3),
        "Conv2DTranspose": lambda: layers.Conv2DTranspose(3, 3, 2, padding="same"),
        "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3),
        "SeparableConv2D": lambda: layers.SeparableConv2D(3, 3),
        "MaxPooling2D": layers.MaxPooling2D,
        "MaxPooling2D, overlapping": lambda: layers.MaxPooling2D(3, 2, padding="same"),
        "AveragePooling2D": lambda: layers.AveragePooling2D(2),
        "AveragePooling2D, same": lambda: layers.AveragePooling2D(3, 2, padding="same"),
        "GlobalMaxPooling2D": layers.GlobalMaxPooling2D,
        "GlobalAveragePooling2D": layers.GlobalAveragePooling2D,
        "AdaptiveMaxPooling2D": lambda: layers.AdaptiveMaxPooling2D(2),
        "AdaptiveAveragePooling2D": lambda: layers.AdaptiveAveragePooling2D(2),
        "UpSampling2D": layers.UpSampling2D,
        "ZeroPadding2D": layers.ZeroPadding2D,
        "Cropping2D": layers.Cropping2D,
        "SpatialDropout2D": lambda: layers.SpatialDropout2D(0.4),
        "ConvLSTM1D": lambda: layers.ConvLSTM1D(2, 2),
        "PReLU, shared": lambda: layers.PReLU(shared_axes=(1, 2)),
        "Embedding": lambda: layers.Embedding(5, 3),
    },
    VOLUME: {
        "BatchNormalization": layers.BatchNormalization,
        "Conv3D": lambda: layers.Conv3D(3, 2),
        "Conv3DTranspose": lambda: layers.Conv3DTranspose(3, 2, 2),
        "GlobalMaxPooling3D": layers.GlobalMaxPooling3D,
        "GlobalAveragePooling3D": layers.GlobalAveragePooling3D,
        "UpSampling3D": layers.UpSampling3D,
        "ZeroPadding3D": layers.ZeroPadding3D,
        "Cropping3D": lambda: layers.Cropping3D(((1, 0), (1, 0), (0, 0))),
        "SpatialDropout3D": lambda: layers.SpatialDropout3D(0.4),
        "ConvLSTM2D": lambda: layers.ConvLSTM2D(2, 2),
    },
}
SINGLE = {
    SEQUENCE: {
        "MultiHeadAttention": lambda: SelfAttention(layers.MultiHeadAttention(2, 3)),
        "MultiHeadAttention, dropout": lambda: SelfAttention(
            layers.MultiHeadAttention(2, 3, dropout=0.3)
        ),
        "GroupQueryAttention": lambda: SelfAttention(layers.GroupQueryAttention(3, 4, 2)),
    },
    IMAGE: {
        "UpSampling2D, bilinear": lambda: layers.UpSampling2D(interpolation="bilinear"),
        "UpSampling2D, bicubic": lambda: layers.UpSampling2D(interpolation="bicubic"),
        "Resizing": lambda: layers.Resizing(3, 5),
        "zoo Conv2D": lambda: fast.Conv2D(3, 3, 2, padding="same"),
        "zoo Conv2DTranspose": lambda: fast.Conv2DTranspose(3, 4, 2, padding="same"),
        "zoo BatchNormalization": fast.BatchNormalization,
        "zoo BatchNormalization, no scale": lambda: fast.BatchNormalization(scale=False),
        "zoo BatchNormalization, small epsilon": lambda: fast.BatchNormalization(epsilon=1e-5),
        "zoo Dropout": lambda: fast.Dropout(0.4),
        "zoo GatedConv2D": lambda: gated.GatedConv2D(3, 3, "tanh", padding="same"),
        "zoo SpectralConv2D": lambda: spectral.SpectralConv2D(3, 3, padding="same"),
        "zoo SpectralDense": lambda: spectral.SpectralDense(3),
    },
    VOLUME: {
        "MaxPooling3D": layers.MaxPooling3D,
        "AveragePooling3D": lambda: layers.AveragePooling3D(2),
        "AdaptiveMaxPooling3D": lambda: layers.AdaptiveMaxPooling3D(2),
        "AdaptiveAveragePooling3D": lambda: layers.AdaptiveAveragePooling3D(2),
    },
}
"""What computes in float32 only on some backend, and the zoo's own layers."""
QUICK = {
    "Attention", "BatchNormalization, 2D", "Dense", "Dropout", "Embedding", "GRU",
    "GroupNormalization", "LayerNormalization", "MaxPooling2D", "MultiHeadAttention", "Resizing",
    "SpectralNormalization, 0D", "SpectralNormalization, 2D", "zoo BatchNormalization",
}  # fmt: skip
"""A row for each kind of trouble there was; the others, which take minutes, are marked slow."""


def rows(table):
    return pytest.mark.parametrize(
        ("shape", "make"),
        [
            pytest.param(shape, make, id=key, marks=() if {name, key} & QUICK else pytest.mark.slow)
            for shape, layers in table.items()
            for name, make in layers.items()
            for key in [f"{name}, {len(shape) - 1}D"]
        ],
    )


@pytest.fixture
def double_precision(monkeypatch):
    """Lets networks compute in float64, all of it: Keras has 32 bits at most where types mix."""
    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    with contextlib.ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def build(shape, layer, rng):
    """Returns a discriminator around a layer, with random weights."""
    width = 6 if len(shape) > 2 else 4  # even, and a multiple of 3
    network = keras.Sequential(
        [
            keras.Input(shape),
            layers.Dense(width, "tanh"),
            layer,
            layers.Activation("tanh"),
            layers.Reshape((-1,)),
            layers.Dense(1),
        ]
    )
    for variable in network.trainable_variables:
        noise = 0.3 * rng.standard_normal(variable.shape)
        variable.assign((array(variable) + noise).astype(variable.dtype))
    return network


def compiled(function, variables):
    """Returns the same function; on JAX in one compilation, not one for each operation."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    @jax.jit
    def pure(values):
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return function()

    return lambda: pure([v.value for v in variables])


def errors(shape, layer, tolerance, step=STEP):
    """Returns the relative error of each function's derivative along a random direction."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    network = build(shape, layer, rng)
    real, fake = (
        ops.convert_to_tensor(rng.standard_normal((BATCH, *shape)), dtype=keras.config.floatx())
        for _ in range(2)
    )
    if any(v.name in ("vector_u", "direction") for v in network.variables):
        for _ in range(40):  # power iterations converge
            network(real, training=True)
    seed = keras.random.SeedGenerator(5)

    def logits(samples):
        return backend.call_network(network, samples, True)

    def loss():
        return ops.mean(ops.softplus(logits(fake))) - ops.mean(logits(real))

    def r1():
        return penalties.r1_penalty(penalties.logits_and_gradient(logits, real)[1])

    def wgan_gp():
        return penalties.unit_norm_penalty(logits, real, fake, seed)

    with Normalizations(network).ahead(network):
        found = compare((loss, r1, wgan_gp), network, seed.state, step, tolerance, rng)
    return dict(zip(("loss", "r1", "wgan_gp"), found.tolist(), strict=True))


def compare(functions, network, seed, step, tolerance, rng):
    trained = network.trainable_variables
    state = [seed, *(v for v in network.variables if not any(v is other for other in trained))]
    start, kept = values(trained), values(state)

    def at(weights, function):
        for variable, value in zip([*trained, *state], [*weights, *kept], strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(2)  # which dropout on torch draws from
        return function()

    def gradients(function):
        return backend.value_and_gradients(lambda: (function(), None), trained)[1]

    # In the same order, so that both draw the same numbers for each.
    values_of = compiled(lambda: [f() for f in functions], [*trained, *state])
    gradients_of = compiled(lambda: [gradients(f) for f in functions], [*trained, *state])
    computed = [[array(x).astype("float64") for x in g] for g in at(start, gradients_of)]
    found = []
    # Another direction if one fails: a step across a kink, as of a maximum, says nothing.
    while not found or (np.min(found, axis=0).max() > tolerance and len(found) < 20):
        along = [rng.standard_normal(x.shape) for x in start]

        def difference(h, along=along):
            above, below = (
                np.array([float(array(x)) for x in at(moved, values_of)])
                for moved in (
                    [x + sign * h * u for x, u in zip(start, along, strict=True)]
                    for sign in (1, -1)
                )
            )
            return (above - below) / (2 * h)

        expected = difference(step)
        if step > STEP:  # rounding wants larger steps: Richardson's extrapolation
            expected = (4 * difference(step / 2) - expected) / 3
        got = [sum((x * u).sum() for x, u in zip(g, along, strict=True)) for g in computed]
        found.append(np.abs(got - expected) / np.maximum(np.abs(expected), 1e-3))
    return np.min(found, axis=0)


@rows(LAYERS)
@pytest.mark.usefixtures("double_precision")
def test_gradients(shape, make):
    found = errors(shape, make(), tolerance=1e-6)
    assert max(found.values()) < 1e-6, found


@rows(SINGLE)
def test_gradients_in_float32(shape, make):
    found = errors(shape, make(), tolerance=5e-3, step=1e-3)
    assert max(found.values()) < 5e-3, found
