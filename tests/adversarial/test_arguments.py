"""Each argument of the entrances is used as Keras uses it, or refused: the table in the docs."""

import inspect
import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import normal
from zoo.errors import InvalidInputError

POINTS = normal(32, 2, seed=3)
LABELS = np.arange(32) % 3


def point_model():
    keras.utils.set_random_seed(1)
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3, seed=0)
    model.compile()
    return model


@pytest.fixture(scope="module")
def compiled():
    model = point_model()
    return model, [ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]]


@pytest.fixture
def model(compiled):
    """One for all tests, as it was at first: it compiles once."""
    model, start = compiled
    for variable, value in zip([*model.variables, *model.optimizer.variables], start, strict=True):
        variable.assign(value)
    return model


class Batches(keras.utils.PyDataset):
    """Four batches of eight, or batches without end."""

    def __init__(self, count=4, **settings):
        super().__init__(**settings)
        self.count = count

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, index):
        start = 8 * (index % 4)
        return (POINTS[start : start + 8],)


def tf_dataset():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(POINTS).batch(8)


def loader():
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(torch.from_numpy(POINTS), batch_size=8)


def generator():
    yield from np.split(POINTS, 4)


class Counter(keras.callbacks.Callback):
    """Counts what is run."""

    def __init__(self):
        super().__init__()
        self.epochs = self.steps = self.test_steps = self.tests = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_test_begin(self, logs=None):
        self.tests += 1

    def on_test_batch_end(self, batch, logs=None):
        self.test_steps += 1


def counts(counter):
    return counter.epochs, counter.steps, counter.tests, counter.test_steps


# Arguments of `fit`, and epochs, steps, validations and their steps.
FIT = {
    "batch_size": ({"x": POINTS, "batch_size": 8}, (1, 4, 0, 0)),
    "default batch_size": ({"x": POINTS}, (1, 1, 0, 0)),
    "y is dropped": ({"x": POINTS, "y": LABELS, "batch_size": 8}, (1, 4, 0, 0)),
    "epochs": ({"x": POINTS, "epochs": 3}, (3, 3, 0, 0)),
    "initial_epoch": ({"x": POINTS, "epochs": 3, "initial_epoch": 1}, (2, 2, 0, 0)),
    "validation_split": ({"x": POINTS, "batch_size": 8, "validation_split": 0.25}, (1, 3, 1, 1)),
    "validation_data": ({"x": POINTS, "validation_data": POINTS}, (1, 1, 1, 1)),
    "validation pair": ({"x": POINTS, "validation_data": (POINTS, LABELS)}, (1, 1, 1, 1)),
    "validation batch_size": (
        {"x": POINTS, "validation_data": POINTS, "validation_batch_size": 4},
        (1, 1, 1, 8),
    ),
    "validation_steps": (
        {
            "x": POINTS,
            "validation_data": POINTS,
            "validation_batch_size": 4,
            "validation_steps": 3,
        },
        (1, 1, 1, 3),
    ),
    "validation_freq": (
        {"x": POINTS, "epochs": 5, "validation_data": POINTS, "validation_freq": 2},
        (5, 5, 2, 2),
    ),
    "validation_freq, a list": (
        {"x": POINTS, "epochs": 3, "validation_data": POINTS, "validation_freq": [3]},
        (3, 3, 1, 1),
    ),
    "validation by PyDataset": ({"x": POINTS, "validation_data": Batches}, (1, 1, 1, 4)),
    "validation by tf.data": ({"x": POINTS, "validation_data": tf_dataset}, (1, 1, 1, 4)),
    "validation by DataLoader": ({"x": POINTS, "validation_data": loader}, (1, 1, 1, 4)),
    "steps_per_epoch": ({"x": POINTS, "batch_size": 8, "steps_per_epoch": 2}, (1, 2, 0, 0)),
    "steps_per_epoch over epochs": (
        {"x": Batches, "steps_per_epoch": 2, "epochs": 2},
        (2, 4, 0, 0),
    ),
    "infinite PyDataset": (
        {"x": lambda: Batches(None), "steps_per_epoch": 5, "epochs": 2},
        (2, 10, 0, 0),
    ),
    "infinite tf.data": (
        {"x": lambda: tf_dataset().repeat(), "steps_per_epoch": 5, "epochs": 2},
        (2, 10, 0, 0),
    ),
    "tf.data of unknown length": (
        {"x": lambda: tf_dataset().filter(lambda x: True), "epochs": 1},
        (1, 4, 0, 0),
    ),
    "infinite generator": (
        {"x": lambda: (b for _ in itertools.count() for b in generator()), "steps_per_epoch": 3},
        (1, 3, 0, 0),
    ),
    "generator": ({"x": generator, "steps_per_epoch": 4}, (1, 4, 0, 0)),
    "DataLoader": ({"x": loader, "epochs": 2}, (2, 8, 0, 0)),
    "workers": ({"x": lambda: Batches(workers=2), "epochs": 2}, (2, 8, 0, 0)),
    "shuffle": ({"x": POINTS, "batch_size": 8, "shuffle": True}, (1, 4, 0, 0)),
    "shuffle of batches": ({"x": POINTS, "batch_size": 8, "shuffle": "batch"}, (1, 4, 0, 0)),
}


# Keras says so of a data set whose length it can't know.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(("arguments", "expected"), FIT.values(), ids=FIT)
def test_an_argument_of_fit_does_what_it_does_in_keras(model, arguments, expected):
    counter = Counter()
    data = {k: v() if callable(v) else v for k, v in arguments.items()}
    history = model.fit(**{"verbose": 0, "shuffle": False, "callbacks": counter, **data}).history
    assert counts(counter) == expected
    assert int(model.optimizer.iterations) == expected[1]
    assert len(history["generator_loss"]) == expected[0]
    assert len(history.get("val_generator_loss", [])) == expected[2]
    assert np.isfinite([value for values in history.values() for value in values]).all()


def test_a_callback_list_is_used_and_left_as_it_was(model):
    counter = Counter()
    callbacks = keras.callbacks.CallbackList([counter], add_history=True, model=model, epochs=2)
    before = list(callbacks.callbacks)
    for _ in range(2):
        model.fit(POINTS, epochs=2, verbose=0, callbacks=callbacks)
    assert counts(counter) == (4, 4, 0, 0)
    assert callbacks.callbacks == before


def test_verbose_shows_the_losses(model, capsys):
    model.fit(POINTS, verbose=2)
    assert "generator_loss" in capsys.readouterr().out


EVALUATE = {
    "arrays": ({"x": POINTS, "batch_size": 8}, 4),
    "labels are dropped": ({"x": POINTS, "y": LABELS, "batch_size": 16}, 2),
    "steps": ({"x": POINTS, "batch_size": 8, "steps": 3}, 3),
    "PyDataset": ({"x": Batches}, 4),
    "tf.data": ({"x": tf_dataset}, 4),
    "DataLoader": ({"x": loader}, 4),
    "generator": ({"x": generator, "steps": 2}, 2),
}


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(("arguments", "steps"), EVALUATE.values(), ids=EVALUATE)
def test_an_argument_of_evaluate_does_what_it_does_in_keras(model, arguments, steps):
    counter = Counter()
    data = {k: v() if callable(v) else v for k, v in arguments.items()}
    logs = model.evaluate(**data, verbose=0, callbacks=[counter], return_dict=True)
    assert counter.test_steps == steps
    assert np.isfinite(list(logs.values())).all()
    listed = model.evaluate(POINTS, verbose=0)
    assert len(listed) == len(logs)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_predict_takes_latents_as_keras_does(model):
    latents = normal(32, 3)
    expected = ops.convert_to_numpy(model(latents))
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(torch.from_numpy(latents), batch_size=8)
    given = (latents, loader, ((part,) for part in np.split(latents, 4)))
    for data, settings in zip(given, ({"batch_size": 8}, {}, {"steps": 4}), strict=True):
        drawn = model.predict(data, verbose=0, **settings)
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(latents), expected, rtol=1e-5, atol=1e-6)


def weighted():
    for batch in generator():
        yield batch, np.zeros(8), np.ones(8)


@pytest.mark.parametrize(
    ("entrance", "arguments"),
    [
        ("fit", {"x": POINTS, "sample_weight": np.ones(32)}),
        ("fit", {"x": POINTS, "class_weight": {0: 1.0}}),
        ("fit", {"x": POINTS, "validation_data": (POINTS, LABELS, np.ones(32))}),
        ("fit", {"x": weighted, "steps_per_epoch": 4}),
        ("evaluate", {"x": POINTS, "sample_weight": np.ones(32)}),
        ("evaluate", {"x": weighted}),
        ("train_on_batch", {"x": POINTS, "sample_weight": np.ones(32)}),
        ("train_on_batch", {"x": POINTS, "class_weight": {0: 1.0}}),
        ("test_on_batch", {"x": POINTS, "sample_weight": np.ones(32)}),
    ],
)
def test_weights_of_samples_are_refused(model, entrance, arguments):
    data = {k: v() if callable(v) else v for k, v in arguments.items()}
    with pytest.raises(InvalidInputError, match=r"weights no samples.*in proportion.*Received"):
        getattr(model, entrance)(**data)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("entrance", ["fit", "evaluate"])
def test_a_batch_size_for_batches_is_refused(model, entrance):
    with pytest.raises(InvalidInputError, match="make their own batches"):
        getattr(model, entrance)(Batches(), batch_size=8)


@pytest.mark.parametrize(
    "arguments",
    [{"x": Batches(), "y": LABELS}, {"x": Batches(), "validation_split": 0.5}],
    ids=["y", "validation_split"],
)
def test_what_keras_refuses_stays_refused(model, arguments):
    with pytest.raises(ValueError, match=r"should not be passed|only supported"):
        model.fit(**arguments, verbose=0)


@pytest.mark.parametrize(
    "name",
    ["fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"],
)
def test_the_arguments_are_those_of_keras(name):
    ours, theirs = (
        [(p.name, p.default, p.kind) for p in inspect.signature(method).parameters.values()]
        for method in (getattr(zoo.AdversarialModel, name), getattr(keras.Model, name))
    )
    assert ours == theirs


# ------------------------------------------------------------------- what networks can carry


class Pull(layers.Layer):
    """Adds a loss on what passes through."""

    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


def dense(**settings):
    return layers.Dense(2, **settings)


CARRIED = {
    "kernel_regularizer": (lambda: [dense(kernel_regularizer="l2")], "weight_decay"),
    "activity_regularizer": (lambda: [dense(activity_regularizer="l2")], "activity regularizers"),
    "ActivityRegularization": (
        lambda: [dense(), layers.ActivityRegularization(0.1)],
        "activity regularizers",
    ),
    "nested": (
        lambda: [keras.Sequential([dense(activity_regularizer="l2"), dense()]), dense()],
        "activity regularizers",
    ),
    "add_loss": (lambda: [dense(), Pull()], "`add_loss`.*pull"),
    "nested add_loss": (
        lambda: [keras.Sequential([dense(), Pull()]), dense()],
        "`add_loss`.*pull",
    ),
}


@pytest.mark.parametrize("entrance", ["fit", "evaluate"])
@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize(("carried", "message"), CARRIED.values(), ids=CARRIED)
def test_losses_of_the_networks_own_are_refused(carried, message, network, entrance):
    parts = {"generator": [dense()], "discriminator": [dense()], network: carried()}
    networks = [keras.Sequential(part) for part in parts.values()]

    def run():
        model = zoo.AdversarialModel(*networks, latent_dim=3)
        model.compile()
        getattr(model, entrance)(POINTS, verbose=0)

    with pytest.raises(InvalidInputError, match=message):
        run()
