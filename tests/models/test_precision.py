"""Every family in half and in double precision, without float32 weights: what a step does there."""

import contextlib
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import normal
from zoo.errors import InvalidInputError

LABELS = np.arange(8) % 3


def adversarial():
    keras.utils.set_random_seed(0)
    generator = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(8, "tanh"), layers.Dense(1)])
    return zoo.AdversarialModel(generator, discriminator, latent_dim=3, seed=0)


def conditional():
    keras.utils.set_random_seed(0)
    latents, samples = keras.Input((3,)), keras.Input((2,))
    ours, theirs = keras.Input((3,)), keras.Input((3,))
    generator = keras.Model([latents, ours], layers.Dense(2)(layers.Concatenate()([latents, ours])))
    discriminator = keras.Model(
        [samples, theirs], layers.Dense(1)(layers.Concatenate()([samples, theirs]))
    )
    return zoo.ConditionalModel(generator, discriminator, latent_dim=3, classes=3, seed=0)


FAMILIES = {
    "AdversarialModel": adversarial,
    "ConditionalModel": conditional,
    "VanillaGAN": lambda: zoo.VanillaGAN((8, 8, 1), 3, (6,), seed=0),
    "DCGAN": lambda: zoo.DCGAN((16, 16, 1), base_filters=2, latent_dim=3, seed=0),
    "ConditionalDCGAN": lambda: zoo.ConditionalDCGAN(
        (16, 16, 1), base_filters=2, latent_dim=3, classes=3, seed=0
    ),
    "InpaintingGAN": lambda: zoo.InpaintingGAN(
        (16, 16, 1), base_filters=2, halvings=1, dilations=(), seed=0
    ),
}


@contextlib.contextmanager
def precision(name):
    """Keras' defaults, of layers and of arrays, are this type within the block."""
    with contextlib.ExitStack() as stack:
        stack.callback(keras.config.set_dtype_policy, keras.config.dtype_policy())
        keras.config.set_dtype_policy(name)
        if name == "float64":
            stack.callback(keras.config.set_floatx, "float32")
            keras.config.set_floatx(name)
            if keras.backend.backend() == "jax":
                import jax

                stack.callback(jax.config.update, "jax_enable_x64", False)
                jax.config.update("jax_enable_x64", True)
        yield


def arrays(model):
    if not hasattr(model, "image_shape"):
        return normal(8, 2), LABELS
    images = np.random.default_rng(0).integers(0, 256, (8, *model.image_shape), "uint8")
    return images, None if hasattr(model, "inpaint") else LABELS


def numbers(network):
    return [
        ops.convert_to_numpy(ops.cast(v, "float32")).copy() for v in network.trainable_variables
    ]


@pytest.mark.filterwarnings("ignore:the .* weights are .*float16:UserWarning")
@pytest.mark.parametrize("settings", [{}, {"loss": "wasserstein", "gradient_penalty": 10.0}])
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_trains_and_draws(family, name, settings):
    if settings and name == "float16":
        pytest.skip("the first scales of its loss overflow")
    if settings and family not in ("AdversarialModel", "VanillaGAN"):
        pytest.skip("the penalty is the same")
    with precision(name):
        model = FAMILIES[family]()
        model.compile(average_decay=0.5, **settings)
        assert name in {v.dtype for v in model.trainable_variables}
        networks = (model.generator, model.discriminator)
        before = [numbers(network) for network in networks]
        images, labels = arrays(model)
        # The scale of a loss in float16 begins high, and is halved until no gradient overflows.
        epochs = 8 if name == "float16" else 2
        history = model.fit(images, labels, batch_size=4, epochs=epochs, verbose=0).history
        assert np.isfinite([*history.values()]).all(), history
        assert history["skipped_steps"] == [0] * epochs
        for network, old in zip(networks, before, strict=True):
            new = numbers(network)
            assert all(np.isfinite(array).all() for array in new)
            # Not all: in sixteen bits half the last digit of a scale of 1 is more than a step.
            assert any((a != b).any() for a, b in zip(old, new, strict=True))
        if hasattr(model, "inpaint"):
            drawn = model.inpaint(images, np.ones(images.shape[:3], bool))
        else:
            drawn = model.generate(5, seed=0)
        assert np.isfinite(drawn.astype("float32")).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_weights_in_half_precision_are_warned_of(name):
    with precision(name):
        model = adversarial()
        with pytest.warns(UserWarning, match=f"'mixed_{name}' computes in {name}"):
            model.compile()
    with precision(f"mixed_{name}"), warnings.catch_warnings():
        warnings.simplefilter("error")
        adversarial().compile()


def test_an_adam_that_would_move_no_weight_is_refused():
    """Keras computes beta_2 in the weights' precision, and the rate from 1 - beta_2^t."""
    with precision("bfloat16"):
        model = adversarial()
        with pytest.raises(InvalidInputError, match=r"never|would ever move.*beta_2=0\.999"):
            model.compile("adam", keras.optimizers.Adam(beta_2=0.99))
