"""PyTorch: random numbers of a function, drawn ahead of it."""

import contextlib

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


def none_drawn():
    """Within the block, refuses what draws random numbers in another way."""
    return replaced(keras_random, "torch_seed_generator", _refuse)


def _taken_by(take, function):
    return lambda *arguments, **options: take(function, arguments, options)


def _drop_by(take, dropout):
    """Returns Keras' dropout in two parts: the mask, which is drawn, and its use."""

    def drop(inputs, rate, noise_shape=None, seed=None):
        ones = torch.ones([], dtype=inputs.dtype, device=inputs.device).expand(inputs.shape)
        return inputs * take(dropout, (ones, rate, noise_shape, seed), {})

    return drop


def _refuse(seed):
    raise InvalidInputError(
        "`jit_compile=True` makes one graph of a whole step, with random numbers of "
        "`keras.random.normal`, `uniform`, `truncated_normal`, `randint` and `dropout` only. "
        f"Received: a model that draws others, from {seed}. Compile it with `jit_compile=False`"
    )
