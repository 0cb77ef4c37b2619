"""The backend's functions against closed forms."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.helpers import array
from zoo import backend
from zoo.layers.initializers import Normal
from zoo.layers.spectral import SpectralConv2D


def variable(values):
    return keras.Variable(np.asarray(values, "float32"))


def network():
    """Layers whose state changes in a forward pass: batch statistics and a random seed."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, kernel_initializer=Normal(stddev=0.5, seed=1)),
            layers.BatchNormalization(momentum=0.5, epsilon=1e-5),
            layers.Dropout(0.5, seed=2),
            layers.Dense(2, kernel_initializer=Normal(stddev=0.5, seed=3)),
        ]
    )


SAMPLES = np.random.default_rng(0).normal(1.0, 2.0, (8, 3)).astype("float32")


# -------------------------------------------------------------------- value_and_gradients


def test_value_and_gradients_of_a_closed_form():
    # loss = sum(a b^2): d a = b^2, d b = 2 a b
    a, b = variable([1.0, 2.0]), variable([3.0, -4.0])

    def function():
        return ops.sum(a * ops.square(b)), {"twice": 2.0 * a}

    (loss, aux), gradients = backend.value_and_gradients(function, [a, b])
    assert array(loss) == pytest.approx(1 * 9 + 2 * 16)
    np.testing.assert_allclose(array(aux["twice"]), [2.0, 4.0])
    np.testing.assert_allclose(array(gradients[0]), [9.0, 16.0])
    np.testing.assert_allclose(array(gradients[1]), [6.0, -16.0])


def test_only_the_asked_variables_get_gradients_in_the_asked_order():
    a, b, c = variable([1.0, 2.0]), variable([3.0]), variable([5.0])
    function = lambda: (ops.sum(a) * ops.sum(b) * ops.sum(c), None)  # noqa: E731
    _, gradients = backend.value_and_gradients(function, [c, a])
    assert [array(gradient).tolist() for gradient in gradients] == [[9.0], [15.0, 15.0]]


def test_unused_variables_get_zeros():
    used, unused = variable([2.0]), variable([[1.0, 2.0]])
    _, gradients = backend.value_and_gradients(
        lambda: (ops.sum(ops.square(used)), None), [unused, used]
    )
    assert [array(gradient).tolist() for gradient in gradients] == [[[0.0, 0.0]], [4.0]]


def test_values_stay_what_they_were():
    a, b = variable([1.0, 2.0]), variable([3.0, 4.0])
    backend.value_and_gradients(lambda: (ops.sum(a * b), None), [a])
    assert array(a).tolist() == [1.0, 2.0]
    assert array(b).tolist() == [3.0, 4.0]


def test_no_gradient_is_left_behind_on_variables():
    """`backward()` would fill `.grad` of the other network too."""
    a, b = variable([1.0]), variable([2.0])
    backend.value_and_gradients(lambda: (ops.sum(a * b), None), [a])
    outputs, pullback = backend.forward_and_pullback(lambda: a * b, [a])
    pullback(ops.ones_like(outputs))
    backend.input_gradient(lambda x: (ops.sum(a * x), None), ops.ones((1,)))
    assert getattr(a.value, "grad", None) is None
    assert getattr(b.value, "grad", None) is None


# ------------------------------------------------------------------- forward_and_pullback


def test_pullback_of_a_closed_form():
    # outputs = x w: pulls g back to x^T g
    w = variable([[1.0], [2.0], [3.0]])
    outputs, pullback = backend.forward_and_pullback(lambda: ops.matmul(SAMPLES, w), [w])
    np.testing.assert_allclose(array(outputs), SAMPLES @ [[1.0], [2.0], [3.0]], rtol=1e-5)
    g = np.arange(8, dtype="float32")[:, None]
    (gradient,) = pullback(ops.convert_to_tensor(g))
    np.testing.assert_allclose(array(gradient), SAMPLES.T @ g, rtol=1e-5)


def test_pullback_gives_zeros_to_unused_variables():
    w, unused = variable([2.0]), variable([1.0, 1.0, 1.0])
    outputs, pullback = backend.forward_and_pullback(lambda: 3.0 * w, [unused, w])
    gradients = pullback(ops.ones_like(outputs))
    assert [array(gradient).tolist() for gradient in gradients] == [[0.0, 0.0, 0.0], [3.0]]


def test_pullback_through_a_second_network_is_the_full_chain():
    """As in the step: generator forward, discriminator on stopped and on live fakes, pullback."""
    rng = np.random.default_rng(4)
    generator, critic = variable(rng.normal(size=(3, 5))), variable(rng.normal(size=(5, 1)))

    def generate():
        return ops.tanh(ops.matmul(SAMPLES, generator))

    def judge(fake):
        return ops.mean(ops.softplus(-ops.matmul(fake, critic)))

    fake, pullback = backend.forward_and_pullback(generate, [generator])
    # An update of the critic between must neither disturb the pullback nor reach the generator.
    stopped = ops.stop_gradient(fake)
    _, (critic_gradient,) = backend.value_and_gradients(lambda: (judge(stopped), None), [critic])
    (loss, _), fake_gradient = backend.input_gradient(lambda fake: (judge(fake), None), fake)
    (gradient,) = pullback(fake_gradient)

    (full_loss, _), full = backend.value_and_gradients(
        lambda: (judge(generate()), None), [generator, critic]
    )
    assert array(loss) == pytest.approx(array(full_loss), rel=1e-6)
    np.testing.assert_allclose(array(gradient), array(full[0]), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(array(critic_gradient), array(full[1]), rtol=1e-5, atol=1e-7)


# ------------------------------------------------------------------------- input_gradient


def test_input_gradient_of_a_closed_form():
    inputs = ops.convert_to_tensor(SAMPLES)
    (value, aux), gradient = backend.input_gradient(lambda x: (ops.sum(x**3), x + 1.0), inputs)
    assert array(value) == pytest.approx(np.sum(SAMPLES.astype("float64") ** 3), rel=1e-5)
    np.testing.assert_allclose(array(aux), SAMPLES + 1.0, rtol=1e-6)
    np.testing.assert_allclose(array(gradient), 3.0 * SAMPLES**2, rtol=1e-5)


def test_input_gradient_is_zeros_where_the_inputs_are_not_used():
    w = variable([2.0])
    inputs = ops.convert_to_tensor(SAMPLES)
    _, gradient = backend.input_gradient(lambda x: (ops.sum(w * w), None), inputs)
    np.testing.assert_array_equal(array(gradient), np.zeros_like(SAMPLES))


def test_differentiable_input_gradient_inside_value_and_gradients():
    """|d f / d x|^2 for f = sum(a x^2): (2 a x)^2, and its derivative at a, 8 a x^2."""
    a = variable([3.0])
    inputs = ops.convert_to_tensor(np.array([1.0, -2.0], "float32"))

    def function():
        (value, aux), slope = backend.input_gradient(
            lambda x: (ops.sum(a * x * x), a * x), inputs, differentiable=True
        )
        return ops.sum(ops.square(slope)) + value, aux

    (loss, aux), (gradient,) = backend.value_and_gradients(function, [a])
    assert array(loss) == pytest.approx(4 * 9 * 5 + 3 * 5)
    np.testing.assert_allclose(array(aux), [3.0, -6.0])
    np.testing.assert_allclose(array(gradient), [8 * 3 * 5 + 5], rtol=1e-6)


def test_differentiable_input_gradient_reaches_what_the_inputs_were_made_of():
    """x = 2a, f = x^3: d f / d x = 12 a^2, and its derivative at a is 24 a."""
    a = variable([3.0])

    def function():
        _, slope = backend.input_gradient(
            lambda x: (ops.sum(x * x * x), None), 2.0 * a, differentiable=True
        )
        # The second term keeps `a` in the loss whatever becomes of the first.
        return ops.sum(slope) + ops.sum(a), None

    _, (gradient,) = backend.value_and_gradients(function, [a])
    np.testing.assert_allclose(array(gradient), [24 * 3 + 1], rtol=1e-6)


# --------------------------------------------------------------------------------- state


def moving_mean_after(updates, model):
    """0.5^n 0 + (1 - 0.5^n) mean: what `updates` identical batches leave, momentum 0.5."""
    dense = model.layers[0]
    mean = np.mean(SAMPLES @ array(dense.kernel) + array(dense.bias), axis=0)
    return (1.0 - 0.5**updates) * mean


def in_value_and_gradients(model):
    function = lambda: (ops.mean(model(SAMPLES, training=True)), None)  # noqa: E731
    backend.value_and_gradients(function, model.trainable_variables)


def in_forward_and_pullback(model):
    backend.forward_and_pullback(lambda: model(SAMPLES, training=True), model.trainable_variables)


def in_input_gradient(model):
    backend.input_gradient(
        lambda samples: (ops.sum(model(samples, training=True)), None),
        ops.convert_to_tensor(SAMPLES),
    )


def in_a_nested_gradient(model):
    def function():
        _, slope = backend.input_gradient(
            lambda samples: (ops.sum(model(samples, training=True)), None),
            ops.convert_to_tensor(SAMPLES),
            differentiable=True,
        )
        return ops.sum(ops.square(slope)), None

    backend.value_and_gradients(function, model.trainable_variables)


WAYS = [in_value_and_gradients, in_forward_and_pullback, in_input_gradient, in_a_nested_gradient]


@pytest.mark.parametrize("way", WAYS)
def test_batch_statistics_and_seeds_advance_inside_gradients(way):
    model = network()
    normalization, dropout = model.layers[1], model.layers[2]
    seeds = [array(dropout.seed_generator.state)]
    for updates in (1, 2):
        way(model)
        # Reading it fails if a tracer of the differentiated function was stored.
        found = array(normalization.moving_mean)
        np.testing.assert_allclose(found, moving_mean_after(updates, model), rtol=1e-4, atol=1e-5)
        seeds.append(array(dropout.seed_generator.state))
    assert len({tuple(seed.tolist()) for seed in seeds}) == 3
    assert np.isfinite(array(model(SAMPLES))).all()


def test_state_that_two_calls_change_ends_with_both_changes():
    counter, weight = keras.Variable(0.0, trainable=False), variable([2.0])

    def count(inputs):
        counter.assign(counter + 1.0)
        return ops.sum(weight * inputs), None

    def function():
        inputs = ops.ones((1,))
        (first, _), _ = backend.input_gradient(count, inputs, differentiable=True)
        (second, _), _ = backend.input_gradient(count, inputs, differentiable=True)
        counter.assign(counter * 10.0)
        return first + second, None

    _, gradients = backend.value_and_gradients(function, [weight])
    assert array(counter) == 20.0
    assert array(gradients[0]).tolist() == [2.0]


# ----------------------------------------------------------------------- apply_gradients


def test_apply_gradients_takes_the_loss_scale_away_again():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=8.0)
    w = variable([3.0])
    optimizer.build([w])

    def function():
        return optimizer.scale_loss(ops.sum(ops.square(w))), None

    (loss, _), gradients = backend.value_and_gradients(function, [w])
    assert array(loss) == 8 * 9
    backend.apply_gradients(optimizer, gradients, [w])
    assert array(w).tolist() == [0.0]  # 3 - 0.5 * 6


def test_an_overflow_skips_the_update_and_halves_the_loss_scale():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), initial_scale=8.0)
    w = variable([3.0])
    optimizer.build([w])
    backend.apply_gradients(optimizer, [ops.convert_to_tensor([np.inf])], [w])
    assert array(w).tolist() == [3.0]
    assert array(optimizer.dynamic_scale) == 4.0
    assert array(optimizer.inner_optimizer.iterations) == 0


# ------------------------------------------------------------------- in the trainers' step


def tiny_model(**compile_options):
    def dense(units, seed, **kwargs):
        return keras.layers.Dense(units, kernel_initializer=Normal(0.0, 0.5, seed), **kwargs)

    generator = keras.Sequential(
        [
            keras.Input((2,)),
            dense(4, seed=1, use_bias=False),
            keras.layers.BatchNormalization(),
            dense(3, seed=2),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((3,)),
            dense(4, seed=3, activation="tanh"),
            keras.layers.Dropout(0.1, seed=0),
            dense(1, seed=4),
        ]
    )
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=0)
    model.compile(**compile_options)
    return model


class Watch(keras.callbacks.Callback):
    """Reads the generator's first kernel after each step, as a callback in mid-epoch may."""

    def on_train_begin(self, logs=None):
        self.kernels = []

    def on_train_batch_end(self, batch, logs=None):
        self.kernels.append(array(self.model.generator.layers[0].kernel).copy())


def test_a_compiled_step_moves_all_state():
    model, watch = tiny_model(gradient_penalty=1.0), Watch()
    state = [*model.variables, *model.optimizer.variables]
    before = [array(v).copy() for v in state]
    model.fit(SAMPLES, batch_size=4, epochs=2, verbose=0, callbacks=[watch])
    still = [v.path for v, old in zip(state, before, strict=True) if np.array_equal(old, array(v))]
    assert [path for path in still if not path.endswith("learning_rate")] == []
    for half in (model.optimizer.generator_optimizer, model.optimizer.discriminator_optimizer):
        assert array(half.iterations) == 4
    # One kernel after each of the four steps, the last of them the one that is left.
    assert len(np.unique(watch.kernels, axis=0)) == 4
    np.testing.assert_array_equal(watch.kernels[-1], array(model.generator.layers[0].kernel))


def test_a_compiled_step_runs_optimizers_that_branch_on_the_gradients():
    """A `LossScaleOptimizer` doubles its scale after so many finite updates."""
    optimizers = [
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(0.01), initial_scale=scale, dynamic_growth_steps=2
        )
        for scale in (16.0, 32.0)
    ]
    model = tiny_model(generator_optimizer=optimizers[0], discriminator_optimizer=optimizers[1])
    kernels = [network.layers[-1].kernel for network in (model.generator, model.discriminator)]
    before = [array(kernel).copy() for kernel in kernels]
    model.fit(SAMPLES, batch_size=4, epochs=2, verbose=0)
    assert [array(optimizer.dynamic_scale) for optimizer in optimizers] == [64.0, 128.0]
    assert [array(optimizer.iterations) for optimizer in optimizers] == [4, 4]
    for kernel, old in zip(kernels, before, strict=True):
        # Adam's first steps are as long as its rate, whatever the gradient's scale.
        assert 0.001 < np.abs(array(kernel) - old).max() < 0.05


def test_evaluation_leaves_weights_statistics_and_slots_alone():
    model = tiny_model()
    state = [*model.weights, *model.optimizer.variables]
    before = [array(v).copy() for v in state]
    logs = model.evaluate(SAMPLES, batch_size=4, verbose=0, return_dict=True)
    for v, old in zip(state, before, strict=True):
        np.testing.assert_array_equal(array(v), old, err_msg=v.path)
    assert len(logs) == 5
    assert all(np.isfinite(value) for value in logs.values())


# ----------------------------------------------------------------------- calling networks


def small_network(**kwargs):
    layers = [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5, seed=0)]
    return keras.Sequential([*layers, keras.layers.Dense(2, **kwargs)])


def functional_network():
    x = keras.Input((3,))
    y = keras.layers.Dense(3)(x)
    y = keras.layers.Add()([x, keras.ops.tanh(y)])
    return keras.Model(x, keras.layers.BatchNormalization()(y))


def spectral_network():
    x = keras.Input((4, 3, 1))
    y = SpectralConv2D(2, 2, kernel_initializer=Normal(0.0, 1.0, seed=1))(x)
    return keras.Model(x, y)


def test_training_reaches_every_layer_of_a_graph():
    """`SpectralConv2D` takes a step of its power iteration, in training only."""
    network, inputs = spectral_network(), ops.ones((2, 4, 3, 1))
    direction = network.layers[-1].direction
    before = array(direction).copy()
    backend.call_network(network, inputs, False)
    np.testing.assert_array_equal(array(direction), before)
    backend.call_network(network, inputs, True)
    assert abs(array(direction) - before).max() > 1e-3


@pytest.mark.parametrize("make", [small_network, functional_network])
def test_a_call_of_a_network_is_its_own(make):
    network = make()
    inputs = ops.convert_to_tensor(np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3))
    found = array(backend.call_network(network, inputs, False))
    np.testing.assert_allclose(found, array(network(inputs, training=False)), rtol=1e-6)
    trained = array(backend.call_network(network, inputs, True))
    assert abs(trained - found).max() > 1e-3  # dropout, or the batch's own statistics


def test_what_surrounds_a_call_is_kept():
    """Precision, nested networks and layers of one's own go through Keras' own call."""

    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    inputs = ops.ones((4, 3))
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    plain = array(backend.call_network(network, inputs, False))
    nested = keras.Sequential([keras.Input((3,)), network, Doubled()])
    np.testing.assert_allclose(array(backend.call_network(nested, inputs, False)), 2 * plain)
    half = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])
    outputs = backend.call_network(half, inputs, False)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
