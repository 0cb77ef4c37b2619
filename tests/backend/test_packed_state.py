"""JAX: the state of a step enters and leaves it as few arrays, and comes back as it was."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

if keras.backend.backend() != "jax":
    pytest.skip("a state of arrays", allow_module_level=True)

import zoo
from zoo.backend.jax.packing import Group, Packed, map_packed

POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
TYPES = ("float32", "bfloat16", "int32", "uint32")


def arrays(seed=0):
    """Two groups of scalars, vectors and matrices, some of them empty."""
    rng = np.random.default_rng(seed)
    shapes = [(), (3,), (2, 3), (0,), (1,), (2, 1, 4), ()]
    drawn = [
        ops.cast(rng.integers(0, 100, shape), TYPES[i % 4]) for i, shape in enumerate(shapes * 4)
    ]
    return drawn[:5], drawn[5:], []


def assert_same(packed, state):
    for group, expected in zip(packed.groups(), state, strict=True):
        for array, other in zip(group, expected, strict=True):
            assert (array.shape, array.dtype) == (other.shape, other.dtype)
            np.testing.assert_array_equal(array, other)


def test_a_state_comes_back_as_it_was():
    state = arrays()
    packed = Packed.of(state)
    matrices = [x for group in state for x in group if x.ndim > 1]
    assert len(packed.arrays) == len(TYPES) + len(matrices)
    assert_same(packed, state)
    assert Packed.of(packed.groups()) is packed


def test_groups_of_different_steps_are_packed_anew():
    first, second = arrays(0), arrays(1)
    groups = [Packed.of(first).groups()[0], *Packed.of(second).groups()[1:]]
    assert_same(Packed.of(groups), [first[0], *second[1:]])
    assert_same(Packed.of([groups[0], second[1], []]), [first[0], second[1], []])


def test_states_of_equal_shapes_share_a_compiled_program():
    assert Packed.of(arrays(0)).layout is Packed.of(arrays(1)).layout


def test_a_function_is_mapped_as_over_each_array():
    left, right = [[x for group in arrays(seed) for x in group] for seed in (0, 1)]
    sums, products = map_packed(lambda x, y: (x + y, x * y), left, right)
    for x, y, added, multiplied in zip(left, right, sums, products, strict=True):
        assert added.shape == x.shape
        np.testing.assert_array_equal(added, x + y)
        np.testing.assert_array_equal(multiplied, x * y)


class Watch(keras.callbacks.Callback):
    """Looks at the trainer's state after each step, without unpacking it."""

    def __init__(self):
        super().__init__()
        self.states, self.alive = [], []

    def on_train_batch_end(self, batch, logs=None):
        state = self.model._jax_state
        assert type(state) is dict  # as Keras sets it: not searched for layers
        assert all(isinstance(group, Group) for group in state.values())
        packed = state["trainable_variables"].packed
        self.alive.append(sum(earlier() is not None for earlier in self.states))
        self.states.append(weakref.ref(packed))
        self.number, self.count = len(packed.arrays), len(self.model.trainable_variables)


def test_fit_holds_few_arrays_and_no_earlier_state():
    model = zoo.AdversarialModel(
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)]),
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(4), keras.layers.Dense(1)]),
        latent_dim=3,
        seed=0,
    )
    model.compile()
    watch = Watch()
    model.fit(POINTS, batch_size=2, verbose=0)
    gc.disable()
    try:
        model.fit(POINTS, batch_size=2, verbose=0, callbacks=[watch])
    finally:
        gc.enable()
    # Four kernels, each with two moments, and packs of three types.
    assert (watch.number, watch.count) == (4 * 3 + 3, 8)
    # Keras' loop holds the state that a step took until the next one begins.
    assert max(watch.alive) <= 1
