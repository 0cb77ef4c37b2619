"""A call costs no model: after an error, an interrupt, or a look from another thread."""

import contextlib
import os
import signal
import threading

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import Batches, normal, values
from zoo.errors import BusyError, InvalidInputError

POINTS = normal(32, 2, seed=3)
LATENTS = normal(32, 3)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    generator = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)]
    )
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3, seed=0)
    model.compile(average_decay=0.9)
    return model


ENTRANCES = {
    "fit": lambda m, **kw: m.fit(POINTS, batch_size=8, verbose=0, **kw),
    "evaluate": lambda m, **kw: m.evaluate(POINTS, batch_size=8, verbose=0, **kw),
    "predict": lambda m, **kw: m.predict(LATENTS, batch_size=8, verbose=0, **kw),
    "train_on_batch": lambda m: m.train_on_batch(POINTS),
    "test_on_batch": lambda m: m.test_on_batch(POINTS),
    "predict_on_batch": lambda m: m.predict_on_batch(LATENTS),
}
KINDS = {"fit": "train", "train_on_batch": "train", "evaluate": "test", "test_on_batch": "test"}


def trained(model):
    return [v for v in [*model.variables, *model.optimizer.variables] if "seed" not in v.path]


def assert_works(model):
    weights = model.get_weights()
    assert np.isfinite(model.generate(3, seed=0)).all()
    model.set_weights(weights)
    for call in ENTRANCES.values():
        call(model)
    assert np.isfinite([value.sum() for value in values(trained(model))]).all()


class Failure(Exception):
    pass


def failing(model, name, after, error):
    """Lets the compiled function of an entrance fail in its second step, or after it."""
    kind = KINDS.get(name, "predict")
    getattr(model, f"make_{kind}_function")()
    function, calls = getattr(model, f"{kind}_function"), []

    def fail(*args):
        calls.append(len(calls))
        last = len(calls) == (1 if "batch" in name else 2)
        if last and not after:
            raise error
        results = function(*args)
        if last:  # its results are lost
            raise error
        return results

    setattr(model, f"{kind}_function", fail)
    return lambda: setattr(model, f"{kind}_function", function)


@pytest.mark.parametrize("error", [Failure, KeyboardInterrupt])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ENTRANCES)
def test_a_step_that_fails_leaves_the_steps_before_it(model, name, after, error):
    variables = trained(model)
    before = values(variables)
    put_back = failing(model, name, after, error)
    try:
        with pytest.raises(error):
            ENTRANCES[name](model)
    finally:
        put_back()
    now = values(variables)
    assert all(np.isfinite(value).all() for value in now)
    unchanged = all(np.array_equal(*pair) for pair in zip(before, now, strict=True))
    # The first of two steps of `fit` was done; where variables are changed in place, the one whose
    # results were lost was done as well.
    assert unchanged or name in ("fit", "train_on_batch")
    assert not (unchanged and name == "fit")
    assert_works(model)


BAD = {
    "generate": lambda m: m.generate(latents=np.zeros((2, 7), "float32")),
    "predict": lambda m: m.predict(np.zeros((2, 7), "float32"), verbose=0),
    "predict_on_batch": lambda m: m.predict_on_batch(np.zeros((2, 7), "float32")),
    "fit": lambda m: m.fit(np.zeros((2, 7), "float32"), verbose=0),
    "evaluate": lambda m: m.evaluate(np.zeros((2, 7), "float32"), verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(np.zeros((2, 7), "float32")),
    "test_on_batch": lambda m: m.test_on_batch(np.zeros((2, 7), "float32")),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_bad_input_leaves_the_model_as_it_was(model, call):
    before, drawn = values(trained(model)), model.generate(3, seed=0)
    with pytest.raises(InvalidInputError, match="shape"):
        call(model)
    for old, new in zip(before, values(trained(model)), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(model.generate(3, seed=0), drawn)
    assert_works(model)


def test_a_failed_call_puts_no_old_weights_back(model):
    model.train_on_batch(POINTS)
    model.generator.set_weights([0 * w for w in model.generator.get_weights()])
    put_back = failing(model, "predict_on_batch", False, Failure())
    with pytest.raises(Failure):
        model.predict_on_batch(LATENTS)
    put_back()
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    assert not any(weight.any() for weight in model.generator.get_weights())


class InMidEpoch(keras.callbacks.Callback):
    """Calls every other entrance while an epoch is under way."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def on_train_batch_end(self, batch, logs=None):
        for name in ("evaluate", "predict", "predict_on_batch", "test_on_batch"):
            ENTRANCES[name](self.model)
        with pytest.raises(InvalidInputError, match="shape"):
            self.model.predict_on_batch(np.zeros((2, 7), "float32"))
        self.drawn.append(self.model.generate(2, seed=0))


def test_calls_in_mid_epoch_lose_no_step(model):
    watch, iterations = InMidEpoch(), int(model.optimizer.iterations)
    before = values(model.trainable_variables)
    ENTRANCES["fit"](model, callbacks=[watch])
    assert int(model.optimizer.iterations) == iterations + 4
    assert len({drawn.tobytes() for drawn in watch.drawn}) == 4
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, ops.convert_to_numpy(variable))


class OtherThread(keras.callbacks.Callback):
    """Calls an entrance from another thread, once an epoch is under way."""

    def __init__(self, call):
        super().__init__()
        self.call, self.outcome = call, None

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            thread = threading.Thread(target=self.run)
            thread.start()
            thread.join()

    def run(self):
        try:
            self.outcome = self.call(self._model)
        except Exception as error:
            self.outcome = error


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_second_trainer_is_refused(model, name):
    watch, iterations = OtherThread(ENTRANCES[name]), int(model.optimizer.iterations)
    ENTRANCES["fit"](model, callbacks=[watch])
    assert isinstance(watch.outcome, BusyError)
    assert int(model.optimizer.iterations) == iterations + 4


def test_samples_are_drawn_while_another_thread_trains(model):
    drawn, errors, done = [], [], threading.Event()

    def draw():
        while not done.is_set():
            try:
                drawn.append(model.generate(4, seed=0))
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        model.fit(POINTS, batch_size=8, epochs=20, verbose=0)
    finally:
        done.set()
        thread.join()
    assert not errors
    assert len({samples.tobytes() for samples in drawn}) > 2  # of ever new weights
    assert np.isfinite(drawn).all()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_fit_ends_with_the_step_that_was_running(model, monkeypatch):
    """Even if it comes where exceptions are swallowed, as JAX does in a garbage collection."""
    monkeypatch.setattr(os, "write", lambda *_: 0)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        data = Batches([POINTS[:8]] * 5)
        model.fit(data, verbose=0, shuffle=False)  # compiled from here on
        done = int(model.optimizer.iterations)

        def batches():
            for index, batch in enumerate(data.batches):
                if index == 2:
                    with contextlib.suppress(KeyboardInterrupt):
                        os.kill(os.getpid(), signal.SIGINT)
                        sum(range(10))
                yield batch

        with pytest.raises(KeyboardInterrupt):
            model.fit(batches(), verbose=0, steps_per_epoch=5)
        assert done < int(model.optimizer.iterations) < done + 5
        assert np.isfinite(model.generate(3, seed=0)).all()
    finally:
        signal.signal(signal.SIGINT, handler)
