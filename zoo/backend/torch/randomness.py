"""PyTorch: random numbers of a function, drawn ahead of it."""

import contextlib
import weakref

import keras
import torch
from keras.src.backend.torch import random as keras_random

from zoo import backend
from zoo.backend.replacing import replaced
from zoo.errors import InvalidInputError

DRAWS = [
    (keras_random, "normal"),
    (keras_random, "uniform"),
    (keras_random, "truncated_normal"),
    (keras_random, "randint"),
    (backend, "random_bits"),
]
"""Functions of numbers and a seed: what they draw does not depend on what is computed."""


@contextlib.contextmanager
def drawn_by(take):
    """Within the block, has `take(function, arguments, options)` draw random numbers."""
    with contextlib.ExitStack() as stack:
        for owner, name in DRAWS:
            stack.enter_context(replaced(owner, name, _taken_by(take, getattr(owner, name))))
        stack.enter_context(replaced(keras_random, "dropout", _drop_by(take, keras_random.dropout)))
        yield


def seeds_known():
    """Within the block, seeds come without a look at the device, which would be waited for.

    The host counts along with the state of a `keras.random.SeedGenerator`, and reads it only where
    something else wrote to it.
    """
    slow = keras.random.SeedGenerator.next

    def draw(generator, ordered=True):
        state = generator.state.value
        if not ordered or state.is_inference() or state.device.type == "meta":
            return slow(generator, ordered)
        written, seed = _known.get(generator, (None, None))
        if written != (state.data_ptr(), state._version):
            seed = state.tolist()
        with torch.no_grad():
            state[1].add_(1)
        _known[generator] = (state.data_ptr(), state._version), [seed[0], seed[1] + 1]
        return torch.tensor(seed, dtype=state.dtype)

    return replaced(keras.random.SeedGenerator, "next", draw)


_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
"""Of each seed generator: its tensor's place and count of writes, and the numbers in it."""


def none_drawn():
    """Within the block, refuses what draws random numbers in another way."""
    return replaced(keras_random, "torch_seed_generator", _refuse)


def _taken_by(take, function):
    return lambda *arguments, **options: take(function, arguments, options)


def _drop_by(take, dropout):
    """Returns Keras' dropout in two parts: the mask, which is drawn, and its use."""

    def drop(inputs, rate, noise_shape=None, seed=None):
        ones = torch.ones([], dtype=inputs.dtype, device=inputs.device).expand(inputs.shape)
        kept = take(dropout, (ones, rate, noise_shape, seed), {})
        # As Keras rounds: it divides by the share that is kept, PyTorch multiplies by its inverse.
        is_generator = isinstance(seed, keras.random.SeedGenerator)
        is_seeded = seed is not None and not (is_generator and seed._initial_seed is None)
        if (is_seeded or noise_shape is not None) and 0.0 < rate < 1.0:
            return torch.where(kept != 0, inputs / (1.0 - rate), torch.zeros_like(inputs))
        return inputs * kept

    return drop


def _refuse(seed):
    raise InvalidInputError(
        "`jit_compile=True` makes one graph of a whole step, with random numbers of "
        "`keras.random.normal`, `uniform`, `truncated_normal`, `randint` and `dropout` only. "
        f"Received: a model that draws others, from {seed}. Compile it with `jit_compile=False`"
    )
