"""What replicas reduce with each other: few calls, and the numbers of the whole batch."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.tiny import build_tiny
from zoo import backend, distribution


@pytest.fixture
def calls(monkeypatch):
    """The sizes of what this process reduces, as one of two that have the same samples."""
    calls = []

    def reduce(tensors):
        calls.append(len(tensors))
        return tensors

    monkeypatch.setattr(backend, "replica", lambda: (0, 2))
    monkeypatch.setattr(backend, "mean_over_replicas", reduce)
    return calls


def pooled(parts):
    """Returns the means of what replicas reduce: a list for each, of nested tensors."""
    return keras.tree.map_structure(lambda *tensors: sum(tensors) / len(tensors), *parts)


def test_spreads_of_parts_are_that_of_the_whole(calls):
    rng = np.random.default_rng(0)
    fake, real = (rng.normal(mean, 2.0, (12, 5)).astype("float32") for mean in (3.0, -1.0))
    halves = [
        map(ops.convert_to_tensor, half) for half in ((fake[:6], real[:6]), (fake[6:], real[6:]))
    ]
    parts = [distribution.spread_terms(*half) for half in halves]
    found = distribution.spreads(*pooled(parts))
    expected = [array.var(axis=0).sum() for array in (fake, real)]
    np.testing.assert_allclose([float(x) for x in found], expected, rtol=1e-5)


def test_batch_statistics_of_parts_are_those_of_the_whole(calls, monkeypatch):
    inputs = np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 4, 3)).astype("float32")
    layer = keras.layers.BatchNormalization()
    layer.build(inputs.shape)
    reduced = []
    monkeypatch.setattr(backend, "mean_over_replicas", lambda parts: reduced.append(parts) or parts)
    with distribution.synchronized():
        for rows in (slice(4), slice(4, 8)):
            distribution._moments(layer, ops.convert_to_tensor(inputs[rows]), None)
        monkeypatch.setattr(backend, "mean_over_replicas", lambda parts: pooled(reduced))
        found = distribution._moments(layer, ops.convert_to_tensor(inputs[:4]), None)
    expected = inputs.mean(axis=(0, 1, 2)), inputs.var(axis=(0, 1, 2))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, rtol=1e-5)


def test_a_step_reduces_in_one_call_per_network_and_normalization(calls, monkeypatch):
    monkeypatch.setattr(backend, "shares", lambda: 2)
    model = build_tiny("dcgan_mnist", image_shape=(16, 16, 1))
    model.compile(run_eagerly=True)
    layers = model.generator._flatten_layers()
    count = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert count
    monkeypatch.setattr(backend, "shares", lambda: 1)
    model.fit(np.zeros((4, 16, 16, 1), "uint8"), batch_size=4, verbose=0)
    assert len(calls) == 2 + count


def test_an_evaluation_reduces_in_one_call(calls):
    model = build_tiny("gan_mnist_small", image_shape=(8, 8, 1))
    model.compile(run_eagerly=True)
    model.evaluate(np.zeros((4, 8, 8, 1), "uint8"), batch_size=4, verbose=0)
    assert len(calls) == 1


def test_replicas_draw_dropout_of_their_own(monkeypatch):
    engine = importlib.import_module(f"zoo.backend.{keras.backend.backend()}.distribution")
    draws = []
    for number in (0, 1):
        for name in ("process", "replica"):
            monkeypatch.setattr(engine, name, lambda number=number: (number, 2))
        bits = backend.random_bits((64,), keras.random.SeedGenerator(1))
        draws.append(ops.convert_to_numpy(bits))
    assert np.mean(draws[0] == draws[1]) < 0.1


def test_alone_nothing_is_reduced():
    nested = {"a": [ops.ones(2)], "b": ops.zeros(())}
    assert zoo.distribution.means(nested) is nested
