"""Spectral normalization against NumPy's singular values."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.helpers import array
from zoo import backend
from zoo.layers.spectral import SpectralConv2D, SpectralDense

INPUTS = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype("float32")
VECTORS = INPUTS[0, 0]
KINDS = {
    "convolution": (SpectralConv2D, keras.layers.Conv2D, INPUTS, (6, 4, 2, "same")),
    "dense": (SpectralDense, keras.layers.Dense, VECTORS, (7,)),
}


def build(kind="convolution", **options):
    """A spectral layer with random weights, Keras' plain one, and their inputs."""
    ours, keras_own, inputs, arguments = KINDS[kind]
    layers = [layer(*arguments, **options) for layer in (ours, keras_own)]
    for layer in layers:
        layer.build(inputs.shape)
    spectral = layers[0]
    spectral.kernel.assign(3.0 * np.random.default_rng(1).standard_normal(spectral.kernel.shape))
    return *layers, inputs


def settle(layer, inputs):
    """Lets the power iteration converge."""
    for _ in range(60):
        layer(inputs, training=True)


@pytest.mark.parametrize("kind", KINDS)
def test_after_some_calls_the_kernel_is_divided_by_its_largest_singular_value(kind):
    layer, plain, inputs = build(kind, activation="tanh")
    layer.bias.assign(np.linspace(-1, 1, layer.bias.shape[0]))
    settle(layer, inputs)
    kernel = array(layer.kernel)
    matrix = kernel.reshape(-1, kernel.shape[-1])
    plain.set_weights([kernel / np.linalg.svd(matrix, compute_uv=False)[0], array(layer.bias)])
    np.testing.assert_allclose(array(layer(inputs)), array(plain(inputs)), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_calls_move_the_direction_in_training_only_and_the_kernel_never(kind, dtype):
    layer, _, inputs = build(kind, dtype=dtype)
    kernel, direction = (array(v).copy() for v in (layer.kernel, layer.direction))
    layer(inputs)
    np.testing.assert_array_equal(array(layer.direction), direction)
    layer(inputs, training=True)
    assert (array(layer.direction) != direction).all()
    np.testing.assert_array_equal(array(layer.kernel), kernel)
    assert [variable.name for variable in layer.trainable_variables] == ["kernel", "bias"]


def test_two_passes_of_one_layer_can_be_differentiated_together():
    """As in a discriminator's update, which breaks Keras' own layer."""
    layer, _, _ = build()

    def objective():
        real, fake = layer(INPUTS, training=True), layer(-INPUTS, training=True)
        return ops.mean(real) - ops.mean(ops.square(fake)), None

    _, gradients = backend.value_and_gradients(objective, layer.trainable_variables)
    for gradient in gradients:
        assert np.abs(array(gradient)).max() > 0


def test_scaling_the_kernel_changes_nothing_so_its_gradient_along_itself_is_zero():
    layer, _, _ = build(use_bias=False)
    settle(layer, INPUTS)

    def objective():
        return ops.sum(ops.square(layer(INPUTS, training=True))), None

    _, (gradient,) = backend.value_and_gradients(objective, [layer.kernel])
    gradient, kernel = array(gradient), array(layer.kernel)
    along = (gradient * kernel).sum()
    assert abs(along) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(kernel)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_files_hold_the_direction(tmp_path, kind, use_bias):
    spectral, _, inputs, _ = KINDS[kind]

    def model(seed):
        keras.utils.set_random_seed(seed)
        options = {} if kind == "dense" else {"kernel_size": 3}
        layer = spectral(4, use_bias=use_bias, **options)
        return keras.Sequential([keras.Input(inputs.shape[1:]), layer])

    first, second = model(0), model(1)
    first(inputs, training=True)
    first.save_weights(tmp_path / "x.weights.h5")
    second.load_weights(tmp_path / "x.weights.h5")
    assert len(first.get_weights()) == 2 + use_bias
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------------- Keras' own layer


def train_keras_own(nested=False, together=None, **settings):
    """Returns a discriminator of Keras' spectral layers, trained for two steps."""
    keras.utils.set_random_seed(0)
    inner = keras.layers.SpectralNormalization(keras.layers.Dense(4, "tanh"))
    inner = keras.Sequential([inner]) if nested else inner
    last = keras.layers.SpectralNormalization(keras.layers.Dense(1))
    discriminator = keras.Sequential([keras.Input((2,)), inner, last])
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3, seed=0)
    if together is not None:
        model.samplewise = together
    model.compile(**settings)
    before = [array(v).copy() for v in discriminator.trainable_variables]
    model.fit(VECTORS[:, :2], batch_size=4, verbose=0)
    for variable, start in zip(discriminator.trainable_variables, before, strict=True):
        assert np.isfinite(array(variable)).all()
        assert np.abs(array(variable) - start).max() > 0, variable.path
    return discriminator


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("penalty", ["none", "r1_penalty", "gradient_penalty"])
def test_keras_own_layer_trains(nested, penalty):
    train_keras_own(nested, **({} if penalty == "none" else {penalty: 0.1}))


def test_keras_own_layer_normalizes_once_an_update_in_one_pass_or_two():
    one, two = (train_keras_own(together=together) for together in (True, False))
    for a, b in zip(one.variables, two.variables, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-4, atol=1e-6)


def spectral_network(width):
    wrap = keras.layers.SpectralNormalization
    return keras.Sequential(
        [wrap(keras.layers.Dense(4, "tanh")), wrap(keras.layers.Dense(width, use_bias=False))]
    )


@pytest.mark.parametrize("average_decay", [None, 0.5])
@pytest.mark.parametrize("where", ["generator", "both"])
def test_keras_own_layer_in_generators_trains_and_loads(tmp_path, where, average_decay):
    def build(seed):
        keras.utils.set_random_seed(seed)
        plain = keras.Sequential([keras.layers.Dense(1)])
        discriminator = spectral_network(1) if where == "both" else plain
        model = zoo.AdversarialModel(spectral_network(2), discriminator, latent_dim=3, seed=0)
        model.compile(average_decay=average_decay, discriminator_steps=2)
        return model

    model = build(0)
    before = [array(v).copy() for v in model.trainable_variables]
    history = model.fit(VECTORS[:, :2], batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite([*history.values()]).all()
    for variable, start in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(array(variable)).all()
        assert np.abs(array(variable) - start).max() > 0, variable.path
    samples = model.generate(5, seed=0)
    np.testing.assert_array_equal(model.generate(5, seed=0), samples)  # drawing changes nothing
    if average_decay is not None:
        ours, averaged = (x.get_weights() for x in (model.generator, model.average_generator))
        assert any((a != b).any() for a, b in zip(ours, averaged, strict=True))
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    other = build(1)
    other.load_weights(tmp_path / "model.weights.h5")
    for copy in (keras.models.load_model(tmp_path / "model.keras"), other):
        np.testing.assert_array_equal(copy.generate(5, seed=0), samples)
        copy.fit(VECTORS[:, :2], batch_size=4, verbose=0)
        assert np.isfinite(copy.generate(5, seed=0)).all()


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
        np.testing.assert_array_equal(array(one), array(other))


@pytest.mark.parametrize("family", [zoo.VanillaGAN, zoo.ConditionalDCGAN])
def test_families_train_with_it_under_r1(family, tmp_path):
    def build():
        model = family((16, 16, 1), **FAMILIES[family], spectral_norm=True, seed=0)
        model.compile(r1_penalty=0.1)
        return model

    model = build()
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 1), "uint8")
    weights = [array(v).copy() for v in model.discriminator.variables]
    history = model.fit(images, np.arange(6) % 3, batch_size=3, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    for variable, before in zip(model.discriminator.variables, weights, strict=True):
        assert np.abs(array(variable) - before).max() > 0, variable.path
    model.save_weights(tmp_path / "x.weights.h5")
    copy = build()
    copy.load_weights(tmp_path / "x.weights.h5")
    for one, other in zip(model.discriminator.variables, copy.discriminator.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
