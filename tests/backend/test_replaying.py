"""A recorded graph without a compiler, on PyTorch: when it is replayed, and what is left of it."""

import threading

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo

if keras.backend.backend() != "torch":
    pytest.skip("graphs of PyTorch", allow_module_level=True)

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from zoo.backend.torch import compiling, randomness, recording, simplifying

POINTS = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")


def model(*hidden):
    keras.utils.set_random_seed(0)
    discriminator = [layers.Dense(4, "tanh"), *hidden, layers.Dense(1)]
    return zoo.AdversarialModel(
        keras.Sequential([keras.Input((3,)), layers.Dense(2)]),
        keras.Sequential([keras.Input((2,)), *discriminator]),
        latent_dim=3,
        seed=0,
    )


@pytest.fixture
def replayed(monkeypatch):
    """Has graphs replayed from the second call on; yields how often each was."""
    calls = []
    call = recording.Recording.__call__

    def count(self, inputs, run=None):
        calls.append(self)
        return call(self, inputs, run)

    monkeypatch.setattr(recording.Recording, "__call__", count)
    monkeypatch.setattr(compiling.Replayed, "eager_calls", 1)
    return calls


def train(gan, **options):
    gan.compile(**options)
    gan.fit(POINTS, batch_size=8, epochs=2, verbose=0, shuffle=False)
    return gan.get_weights()


def test_all_calls_but_the_first_are_replayed(replayed):
    train(model())
    assert len(replayed) == 7
    assert len(set(replayed)) == 1


@pytest.mark.parametrize("options", [{"jit_compile": False}, {"run_eagerly": True}])
def test_nothing_is_replayed_if_it_is_not_wanted(replayed, options):
    train(model(), **options)
    assert not replayed


def test_what_reads_a_value_on_the_host_runs_eagerly(replayed):
    class Deciding(layers.Layer):
        def call(self, x):
            return x if self.built and ops.max(x) > 0 else -x

        def compute_output_shape(self, shape):
            return shape

    expected = train(model(Deciding()), jit_compile=False)
    for one, other in zip(train(model(Deciding())), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not replayed


def test_hooks_are_called_in_each_step(replayed):
    gan, seen = model(), []
    gan.generator.layers[0].register_forward_hook(lambda *_: seen.append(1))
    train(gan)
    assert len(seen) == 8
    assert not replayed


def test_a_graph_with_other_layouts_than_recorded_is_not_used(replayed, monkeypatch):
    monkeypatch.setattr(recording.Recording, "is_laid_out_as_recorded", lambda *_: False)
    train(model())
    assert not replayed


def test_other_layouts_are_found():
    gan = model()
    gan.compile()
    graph = recording.Recording(
        lambda x: ops.transpose(x) + 1.0, gan.variables, (torch.ones(2, 3),), [], formulas=False
    )
    assert graph.is_laid_out_as_recorded([torch.ones(2, 3)], [])
    assert not graph.is_laid_out_as_recorded([torch.ones(3, 2).T], [])


def test_sampling_is_replayed_and_draws_the_same(replayed):
    one, other = model(), model()
    one.compile()
    other.compile(jit_compile=False)
    samples = one.generate(24, batch_size=8, seed=1)
    assert len(replayed) == 2
    np.testing.assert_array_equal(samples, other.generate(24, batch_size=8, seed=1))


def test_samples_can_be_drawn_while_a_step_is_recorded(replayed, monkeypatch):
    def make(jit_compile):
        gan = zoo.DCGAN((16, 16, 1), base_filters=2, latent_dim=3, seed=0)
        gan.compile(jit_compile=jit_compile)
        return gan

    expected, drawn = make(False).generate(4, seed=1), []
    record = compiling.Replayed.record

    def record_beside(self, data, inputs):
        over = threading.Event()

        def sample():
            other = make(False)
            while not over.is_set():
                drawn.append(other.generate(4, seed=1))

        beside = threading.Thread(target=sample)
        beside.start()
        try:
            return record(self, data, inputs)
        finally:
            over.set()
            beside.join()

    monkeypatch.setattr(compiling.Replayed, "record", record_beside)
    images = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 1), "uint8")
    trained = []
    for jit_compile in ("auto", False):
        gan = make(jit_compile)
        gan.fit(images, batch_size=4, epochs=2, verbose=0, shuffle=False)
        trained.append(gan.get_weights())
    assert drawn
    for samples in drawn:
        np.testing.assert_array_equal(samples, expected)
    assert replayed
    for one, other in zip(*trained, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_simplified_graph_computes_the_same_with_less():
    def function(x):
        turned = x.t().t()
        twice = torch.tensor(2.0) * turned.detach()
        x.t().add_(1.0)
        return twice + x.t().t(), x.view(6), x.view(6)

    graph = make_fx(function, tracing_mode="fake")(torch.ones(2, 3))
    before = len(graph.graph.nodes)
    arguments = torch.arange(6.0).view(2, 3), torch.arange(6.0).view(2, 3)
    expected = function(arguments[0])
    simplifying.simplify(graph)
    for one, other in zip(graph(arguments[1]), expected, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(*arguments)
    names = [str(node.target) for node in graph.graph.nodes if node.op == "call_function"]
    assert len(graph.graph.nodes) < before
    assert "aten.detach.default" not in names
    assert names.count("aten.t.default") == 1
    assert names.count("aten.view.default") == 1


def test_a_constant_that_is_written_to_stays_a_copy():
    def function(x):
        return torch.tensor(2.0).add_(x)

    graph = make_fx(function, tracing_mode="fake")(torch.ones([]))
    simplifying.simplify(graph)
    assert [float(graph(torch.ones([]))) for _ in range(2)] == [3.0, 3.0]


def draw(generator):
    return keras.random.normal((3,), seed=generator).numpy()


def test_seeds_that_are_known_draw_the_same():
    one, other = keras.random.SeedGenerator(5), keras.random.SeedGenerator(5)
    expected = [draw(one) for _ in range(4)]
    drawn = [draw(other)]
    with randomness.seeds_known():
        drawn += [draw(other) for _ in range(2)]
    drawn += [draw(other)]
    np.testing.assert_array_equal(drawn, expected)
    assert torch.equal(one.state.value, other.state.value)


def test_a_seed_is_read_again_where_something_else_wrote_it():
    generator, other = keras.random.SeedGenerator(5), keras.random.SeedGenerator(7)
    with randomness.seeds_known():
        draw(generator)
        generator.state.assign(other.state)
        np.testing.assert_array_equal(draw(generator), draw(other))


def test_a_seed_that_is_known_is_not_read_on_the_device(monkeypatch):
    generator = keras.random.SeedGenerator(5)
    with randomness.seeds_known():
        draw(generator)
        monkeypatch.setattr(torch.Tensor, "tolist", None)
        draw(generator)
