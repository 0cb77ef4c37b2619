"""Bad input: each refused with what was expected and what came, and no model the worse for it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import Batches
from zoo.errors import InvalidInputError

SHAPE = (4, 4, 1)


def images(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


def image_model(output_activation="tanh"):
    model = zoo.VanillaGAN(
        SHAPE, latent_dim=3, hidden_units=(4,), output_activation=output_activation, seed=0
    )
    model.compile()
    return model


def point_model():
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    model.compile()
    return model


def state(model):
    variables = model.variables + model.optimizer.variables
    return [ops.convert_to_numpy(v).copy() for v in variables]


def assert_unchanged(model, before):
    for old, new in zip(before, state(model), strict=True):
        assert np.array_equal(old, new)


def assert_works(model):
    """A model whose variables were taken away, or poisoned, would fail here."""
    assert np.isfinite(model.generate(2, seed=0)).all()
    batch = np.zeros((2, *model.sample_shape), "float32")
    assert np.isfinite(model.train_on_batch(batch)).all()


def assert_tells(error, expected, received):
    message = str(error.value)
    assert expected in message
    assert received in message.split("Received", 1)[-1]


# ----------------------------------------------------------------------------------- training


BAD_IMAGES = {
    "rank": (images(8, 4, 4), "(batch, 4, 4, 1)", "(8, 4, 4)"),
    "size": (images(8, 5, 4, 1), "(batch, 4, 4, 1)", "(8, 5, 4, 1)"),
    "channels": (images(8, 4, 4, 3), "(batch, 4, 4, 1)", "(8, 4, 4, 3)"),
    "dtype": (images(8, 4, 4, 1, dtype="int64"), "uint8 in 0..255", "int64"),
    "range": (images(8, 4, 4, 1) + 255, "[-1, 1]", "255"),
    "nan": (images(8, 4, 4, 1) * np.nan, "finite", "nan"),
    "infinite": (images(8, 4, 4, 1) + np.inf, "finite", "inf"),
    "empty": (images(0, 4, 4, 1), "no samples", "length 0"),
}


@pytest.mark.parametrize(("bad", "expected", "received"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images_are_refused_before_anything_changes(bad, expected, received):
    model = image_model()
    before = state(model)
    with pytest.raises(InvalidInputError) as error:
        model.fit(bad, verbose=0)
    assert_tells(error, expected, received)
    assert_unchanged(model, before)


@pytest.mark.parametrize("kind", ["array", "with labels", "positional"])
def test_bad_validation_images_are_refused_before_the_first_epoch(kind):
    model = image_model()
    before = state(model)
    good, bad = images(8, *SHAPE), images(8, *SHAPE) + 255
    labels = np.zeros(8)
    arguments = {
        "array": ((good,), {"validation_data": bad}),
        "with labels": ((good, labels), {"validation_data": (bad, labels)}),
        "positional": ((good, None, 8, 1, 0, None, 0.0, bad), {}),
    }
    args, kwargs = arguments[kind]
    with pytest.raises(InvalidInputError) as error:
        model.fit(*args, **{"verbose": 0, **kwargs} if len(args) < 5 else kwargs)
    assert_tells(error, "[-1, 1]", "255")
    assert_unchanged(model, before)


def test_range_is_the_one_of_the_generator():
    bad = images(8, *SHAPE) - 0.5
    with pytest.raises(InvalidInputError, match=r"\[0, 1\]"):
        image_model("sigmoid").fit(bad, verbose=0)


@pytest.mark.parametrize(
    "bad", [images(8, 3), images(8, 2, 1), images(8)], ids=lambda x: str(x.shape)
)
def test_samples_of_another_shape_are_refused(bad):
    model = point_model()
    before = state(model)
    with pytest.raises(InvalidInputError) as error:
        model.fit(bad, verbose=0)
    assert_tells(error, "(batch, 2)", "shape")
    assert_unchanged(model, before)
    assert_works(model)


@pytest.mark.parametrize("run", ["fit", "evaluate", "train_on_batch"])
def test_a_batch_refused_within_the_step_leaves_the_model_as_it_was(run):
    model = image_model()
    before = state(model)
    bad = images(8, 4, 4, 3)
    argument = bad if run == "train_on_batch" else Batches([(bad,)])
    settings = {} if run == "train_on_batch" else {"verbose": 0}
    with pytest.raises(InvalidInputError) as error:
        getattr(model, run)(argument, **settings)
    assert_tells(error, "(batch, 4, 4, 1)", "4, 4, 3")
    assert_unchanged(model, before)
    assert_works(model)


class Interrupt(keras.callbacks.Callback):
    """What a user's Ctrl-C in mid-epoch does."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def test_an_interrupted_epoch_keeps_the_steps_before_it():
    model, twin = image_model(), image_model()
    twin.set_weights(model.get_weights())
    data = np.random.default_rng(0).integers(0, 256, (24, *SHAPE)).astype("uint8")
    settings = {"batch_size": 8, "shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, callbacks=[Interrupt()], **settings)
    twin.fit(data[:16], **settings)
    assert int(model.optimizer.iterations) == 2
    for weight, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    assert_works(model)


def test_an_interrupted_evaluation_changes_nothing():
    model = point_model()
    before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
    with pytest.raises(KeyboardInterrupt):
        model.evaluate(images(8, 2), callbacks=[Interrupt()], verbose=0)
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.array_equal(old, ops.convert_to_numpy(new))
    assert_works(model)


# ----------------------------------------------------------------------------------- sampling


@pytest.fixture(scope="module")
def model():
    return point_model()


@pytest.mark.parametrize(
    ("arguments", "expected", "received"),
    [
        ({"count": 2.5}, "`count` must be a positive integer", "2.5"),
        ({"count": None}, "`count` must be a positive integer", "None"),
        ({"count": 2, "seed": -1}, "`seed` must be an integer of at least 0", "-1"),
        ({"count": 2, "batch_size": 0}, "`batch_size` must be a positive integer", "0"),
    ],
    ids=str,
)
def test_numbers_of_generate_are_checked(model, arguments, expected, received):
    with pytest.raises(InvalidInputError) as error:
        model.generate(**arguments)
    assert_tells(error, expected, received)


@pytest.mark.parametrize(
    ("latents", "received"),
    [
        (np.zeros((2, 4), "float32"), "(2, 4)"),
        (np.zeros(3, "float32"), "(3,)"),
        (np.zeros((0, 3), "float32"), "(0, 3)"),
        (np.zeros((2, 3, 1), "float32"), "(2, 3, 1)"),
        (5, "()"),
    ],
)
def test_latents_must_be_of_the_right_shape(model, latents, received):
    with pytest.raises(InvalidInputError) as error:
        model.generate(latents=latents)
    assert_tells(error, "(count, 3)", received)


@pytest.mark.parametrize("others", [{"count": 2}, {"seed": 0}])
def test_latents_stand_alone(model, others):
    with pytest.raises(InvalidInputError, match="not both"):
        model.generate(latents=np.zeros((2, 3), "float32"), **others)


# -------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("loss", "hing", "Did you mean 'hinge'?"),
        ("discriminator_steps", -1, "integer of at least 0"),
        ("gradient_penalty", -0.1, "finite number of at least 0"),
        ("gradient_penalty", "10", "finite number of at least 0"),
        ("r1_penalty", float("inf"), "finite number of at least 0"),
        ("average_decay", 1.0, "at least 0 and under 1"),
    ],
)
def test_arguments_of_compile_are_checked(model, name, value, expected):
    with pytest.raises(InvalidInputError) as error:
        model.compile(**{name: value})
    assert_tells(error, f"`{name}` must be", repr(value))
    assert expected in str(error.value)


def test_each_network_needs_an_optimizer_of_its_own(model):
    optimizer = keras.optimizers.Adam()
    with pytest.raises(InvalidInputError) as error:
        model.compile(optimizer, optimizer)
    assert_tells(error, "optimizer of its own", "same object")


def test_an_optimizer_of_another_model_is_refused(model):
    used = keras.optimizers.Adam()
    point_model().compile(used, keras.optimizers.Adam())
    with pytest.raises(InvalidInputError, match="generator_optimizer"):
        model.compile(used, keras.optimizers.Adam())


def test_networks_must_fit_each_other():
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    with pytest.raises(InvalidInputError) as error:
        zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    assert_tells(error, "`discriminator` what it returns", "(None, 2)")
    with pytest.raises(InvalidInputError) as error:
        zoo.AdversarialModel(generator, discriminator, latent_dim=4)
    assert_tells(error, "latent_dim=4", "(None, 4)")
    with pytest.raises(InvalidInputError) as error:
        zoo.AdversarialModel(generator, discriminator, latent_dim=2.0)
    assert_tells(error, "`latent_dim` must be a positive integer", "2.0")


def test_discriminator_must_keep_the_batch_axis():
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    class BatchMean(keras.layers.Layer):
        def call(self, inputs):
            return ops.mean(inputs)

    discriminator = keras.Sequential([keras.Input((2,)), BatchMean()])
    with pytest.raises(InvalidInputError) as error:
        zoo.AdversarialModel(generator, discriminator, latent_dim=3)
    assert_tells(error, "keep the batch axis", "logits ()")


def test_networks_return_one_tensor():
    z, x = keras.Input((3,)), keras.Input((2,))
    generator = keras.Model(z, layers.Dense(2)(z))
    discriminator = keras.Model(x, layers.Dense(1)(x))
    for outputs in ([layers.Dense(1)(x)] * 2, {"logits": layers.Dense(1)(x)}):
        with pytest.raises(InvalidInputError, match="`discriminator` must return one tensor"):
            zoo.AdversarialModel(generator, keras.Model(x, outputs), latent_dim=3)
    for outputs in ([layers.Dense(2)(z)] * 2, {"samples": layers.Dense(2)(z)}):
        with pytest.raises(InvalidInputError, match="`generator` must return one tensor"):
            zoo.AdversarialModel(keras.Model(z, outputs), discriminator, latent_dim=3)
