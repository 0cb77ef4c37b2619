"""Class-conditional models: labels in, samples of those classes out."""

import keras
import numpy as np
import pytest

import zoo
from tests.tiny import build_tiny
from zoo import backend
from zoo.adversarial.step import adversarial_step, evaluation_step
from zoo.errors import InvalidInputError

layers = keras.layers


def perceptrons(seed=0, classes=3):
    """Networks of a few weights, for points in the plane."""
    z, y, x = keras.Input((4,)), keras.Input((classes,)), keras.Input((2,))
    initial = [keras.initializers.GlorotUniform(seed=seed + i) for i in range(4)]
    hidden = layers.Dense(16, "relu", kernel_initializer=initial[0])(layers.Concatenate()([z, y]))
    generator = keras.Model([z, y], layers.Dense(2, kernel_initializer=initial[1])(hidden))
    hidden = layers.Dense(16, "relu", kernel_initializer=initial[2])(layers.Concatenate()([x, y]))
    discriminator = keras.Model([x, y], layers.Dense(1, kernel_initializer=initial[3])(hidden))
    return zoo.ConditionalModel(generator, discriminator, latent_dim=4, classes=classes, seed=seed)


def three_spots(count, seed=0):
    """Points around three places, one for each class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    places = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    return (places[labels] + 0.1 * rng.standard_normal((count, 2))).astype("float32"), labels


def test_a_class_that_is_asked_for_is_drawn():
    keras.utils.set_random_seed(0)
    model = perceptrons()
    adam = [keras.optimizers.Adam(3e-3, beta_1=0.5) for _ in range(2)]
    model.compile(*adam, r1_penalty=0.1, average_decay=0.99)
    points, labels = three_spots(20_000)
    model.fit(points, labels, batch_size=128, epochs=10, verbose=0)
    asked = np.arange(300) % 3
    drawn = model.generate(labels=asked, seed=1)
    places = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    nearest = np.linalg.norm(drawn[:, None] - places, axis=-1).argmin(axis=1)
    assert (nearest == asked).mean() > 0.95


@pytest.mark.parametrize("step", [adversarial_step, evaluation_step])
def test_both_networks_are_given_the_classes_of_the_real_samples(step, monkeypatch):
    model = perceptrons()
    model.compile(discriminator_steps=2)
    batch = model.prepare_batch(three_spots(6))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(batch.condition), np.eye(3)[three_spots(6)[1]]
    )
    given, call_network = [], backend.call_network

    def record(network, inputs, training):
        given.append((network.name, inputs[1] is batch.condition))
        return call_network(network, inputs, training)

    monkeypatch.setattr(backend, "call_network", record)
    step(model, batch)
    generator, discriminator = model.generator.name, model.discriminator.name
    expected = {adversarial_step: (2, 5), evaluation_step: (1, 2)}[step]
    assert (given.count((generator, True)), given.count((discriminator, True))) == expected
    assert len(given) == sum(expected)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_labels_of_any_integer_type(shape, dtype):
    model = perceptrons()
    labels = np.array([0, 2, 1, 1, 0, 2], dtype).reshape(shape)
    condition = model.prepare_batch((np.zeros((6, 2), "float32"), labels)).condition
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(condition), np.eye(3)[labels.ravel()])


def test_fit_moves_both_networks_and_evaluate_none():
    model = build_tiny("cdcgan_mnist", seed=0)
    model.compile(average_decay=0.9)
    images = np.random.default_rng(0).integers(0, 256, (24, 28, 28, 1), "uint8")
    labels = np.arange(24) % 10
    weights = [model.generator.get_weights(), model.discriminator.get_weights()]
    validation = (images[:8], labels[:8])
    history = model.fit(images, labels, batch_size=8, verbose=0, validation_data=validation)
    assert np.isfinite(history.history["val_generator_loss"]).all()
    for network, before in zip((model.generator, model.discriminator), weights, strict=True):
        assert any((a != b).any() for a, b in zip(network.get_weights(), before, strict=True))
    # The projection learns too: its weights have a column for each class.
    shape = (10, model.discriminator.layers[-4].output.shape[-1])
    assert any(tuple(weight.shape) == shape for weight in model.discriminator.weights)


def test_the_class_matters_to_both_networks():
    model = build_tiny("cdcgan_mnist", seed=0)
    latents = model.sample_latent(1, seed=0).repeat(10, axis=0)
    drawn = model.call([latents, np.eye(10, dtype="float32")])
    images = keras.ops.convert_to_numpy(drawn)
    assert np.abs(images[0] - images[1:]).max(axis=(1, 2, 3)).min() > 0
    one = images[:1].repeat(10, axis=0)
    logits = model.discriminator([one, np.eye(10, dtype="float32")])
    assert len(np.unique(keras.ops.convert_to_numpy(logits))) == 10


# -------------------------------------------------------------------------------- generate


def test_the_same_seed_draws_the_same_and_few_are_the_first_of_many():
    model = build_tiny("cdcgan_mnist", seed=0)
    many = model.generate(7, seed=3)
    np.testing.assert_array_equal(many[:4], model.generate(4, seed=3))
    labels = model.sample_labels(7, seed=3)
    np.testing.assert_array_equal(many, model.generate(labels=labels, seed=3))
    latents = model.sample_latent(7, seed=3)
    np.testing.assert_array_equal(many, model.generate(latents=latents, labels=labels))
    assert (many != model.generate(7, seed=4)).any()


def test_one_label_is_for_all():
    model = build_tiny("cdcgan_mnist", seed=0)
    np.testing.assert_array_equal(
        model.generate(3, labels=7, seed=0), model.generate(3, labels=[7, 7, 7], seed=0)
    )


def test_latents_alone_get_labels_by_the_seed():
    model = build_tiny("cdcgan_mnist", seed=0)
    latents = model.sample_latent(5, seed=9)
    labels = model.sample_labels(5, seed=2)
    np.testing.assert_array_equal(
        model.generate(latents=latents, seed=2), model.generate(latents=latents, labels=labels)
    )


def test_a_generator_continues_its_stream():
    model = build_tiny("cdcgan_mnist", seed=0)
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    latents = model.sample_latent(3, twin)
    labels = model.sample_labels(3, twin)
    np.testing.assert_array_equal(
        model.generate(3, rng), model.generate(latents=latents, labels=labels)
    )
    assert rng.random() == twin.random()


def test_between_two_classes():
    model = build_tiny("cdcgan_mnist", seed=0)
    one_hot = np.eye(10, dtype="float32")
    latents = model.sample_latent(2, seed=0)
    np.testing.assert_array_equal(
        model.generate(latents=latents, labels=one_hot[[3, 5]]),
        model.generate(latents=latents, labels=[3, 5]),
    )
    between = model.generate(latents=latents, labels=(one_hot[[3, 5]] + one_hot[[5, 3]]) / 2)
    assert between.shape == (2, 28, 28, 1)


def test_labels_are_drawn_evenly():
    labels = perceptrons().sample_labels(30_000, seed=0)
    assert labels.dtype == np.int64
    np.testing.assert_allclose(np.bincount(labels) / 30_000, 1 / 3, atol=0.01)


def test_a_preview_shows_all_classes_in_order():
    model = build_tiny("cdcgan_mnist", seed=0)
    expected = model.generate(labels=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9])
    assert model.preview(None, 20).shape == expected.shape
    np.testing.assert_array_equal(
        model.preview(None, 20, seed=1),
        model.generate(20, 1, labels=np.arange(10).repeat(2)),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 3, "labels": [1, 2]}, r"or 3 of them.*\[1, 2\]"),
        ({"count": 1, "labels": 10}, "from 0 to 9.*labels=10"),
        ({"labels": [0, -1]}, "-1"),
        ({"labels": [0.5, 1.0]}, r"\[0\.5, 1\.0\]"),
        ({"labels": np.arange(20)}, "int64.*from 0 to 19"),
        ({"labels": "seven", "count": 1}, "seven"),
        ({"labels": True, "count": 1}, "True"),
        ({"labels": []}, "count"),
        ({}, "count"),
        ({"count": 2, "latents": np.zeros((2, 8), "float32")}, "not both"),
        ({"latents": np.zeros((2, 8), "float32"), "seed": -1}, "`seed` must be"),
        ({"latents": np.zeros((2, 8), "float32"), "labels": [1, 2], "seed": "0"}, "`seed` must be"),
    ],
)
def test_labels_that_are_no_classes_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        build_tiny("cdcgan_mnist").generate(**arguments)


# ------------------------------------------------------------------------------------- fit


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "samples alone"),
        (np.arange(5), "6 of them"),
        (np.array([0, 1, 2, 3, 0, 1]), "from 0 to 2"),
        (np.full(6, 0.5, "float32"), "0.5"),
    ],
)
def test_training_on_what_is_no_class_is_refused(labels, message):
    model = perceptrons()
    model.compile()
    before = model.generator.get_weights()
    with pytest.raises(InvalidInputError, match=message):
        model.fit(np.zeros((6, 2), "float32"), labels, verbose=0)
    for old, new in zip(before, model.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_validation_labels_are_checked_too():
    model = perceptrons()
    model.compile()
    points, labels = three_spots(6)
    with pytest.raises(InvalidInputError, match="from 0 to 2"):
        model.fit(points, labels, verbose=0, validation_data=(points, labels + 1))


def test_networks_that_take_no_classes_are_refused():
    generator = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with pytest.raises(InvalidInputError, match="one-hot classes"):
        zoo.ConditionalModel(generator, discriminator, latent_dim=4, classes=3)


@pytest.mark.parametrize("classes", [1, 0, 2.0, None])
def test_a_number_of_classes_that_is_none_is_refused(classes):
    with pytest.raises(InvalidInputError, match="classes"):
        zoo.ConditionalDCGAN(classes=classes)


def test_a_model_comes_back_from_its_file(tmp_path):
    model = perceptrons()
    model.compile(average_decay=0.9)
    points, labels = three_spots(64)
    model.fit(points, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.classes == 3
    np.testing.assert_allclose(
        again.generate(labels=[0, 1, 2], seed=0),
        model.generate(labels=[0, 1, 2], seed=0),
        atol=1e-6,
    )
