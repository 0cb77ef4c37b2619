"""Means of several values in one variable: as good as a `keras.metrics.Mean` for each."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import BATCH, build, normal
from zoo.adversarial.means import Means

BATCHES = [({"a": 1.0, "b": -2.0}, 8), ({"b": 4.0, "a": 2.0}, 8), ({"a": 7.0, "b": 0.5}, 3)]


def numbers(means):
    return {name: float(value) for name, value in means.results().items()}


def test_a_batch_counts_for_its_samples():
    means = Means(["a", "b"])
    references = {name: keras.metrics.Mean() for name in "ab"}
    for values, count in BATCHES:
        means.update(values, count)
        for name, value in values.items():
            references[name].update_state(value, sample_weight=count)
    expected = {name: float(mean.result()) for name, mean in references.items()}
    assert numbers(means) == pytest.approx(expected, rel=1e-6)
    assert [metric.name for metric in means.metrics] == ["a", "b"]
    assert [float(metric.result()) for metric in means.metrics] == list(numbers(means).values())


def test_what_is_not_sound_does_not_count():
    means = Means(["a", "b"])
    means.update({"a": 1.0, "b": 2.0}, 4, ops.convert_to_tensor(True))
    means.update({"a": np.nan, "b": np.inf}, 4, ops.convert_to_tensor(False))
    assert numbers(means) == {"a": 1.0, "b": 2.0}
    assert float(ops.convert_to_numpy(means.totals)[-1]) == 4


def test_an_epoch_starts_from_nothing():
    means = Means(["a"])
    means.update({"a": 3.0}, 2)
    for metric in means.metrics:
        metric.reset_state()
    assert np.isnan(numbers(means)["a"])  # no batch, no value
    # One variable, whoever asks: the trainer carries it once.
    assert [len(metric.variables) for metric in Means(["a", "b", "c"]).metrics] == [1, 0, 0]


def test_keras_lists_them_in_their_order():
    model = build()
    samples = normal(3 * BATCH, 2, seed=1)
    results = []
    for return_dict in (True, False):
        model.seed_generator.state.assign([0, 0])
        results.append(
            model.evaluate(samples, batch_size=BATCH, verbose=0, return_dict=return_dict)
        )
    named, listed = results
    names = ["discriminator_loss", "real_accuracy", "fake_accuracy", "generator_loss", "diversity"]
    assert sorted(named) == sorted(names)
    np.testing.assert_allclose(listed, [named[name] for name in names], rtol=1e-6)
