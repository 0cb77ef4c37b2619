"""PyTorch: what Keras does around each operation, fast in a step that runs eagerly."""

import contextlib
import functools

import keras
import torch
from keras.src.backend.common import global_state
from keras.src.backend.torch import core as keras_core
from keras.src.ops import core, math, nn, numpy

from zoo.backend.replacing import replaced
from zoo.backend.torch import randomness

MODULES = (core, math, nn, numpy)
"""Keras' modules of operations, each of which looks for symbolic tensors first."""
CONCRETE = {torch.Tensor, torch.nn.Parameter, keras.Variable, int, float, bool, str, type(None)}


@contextlib.contextmanager
def fast():
    """Spares each operation within the block work that leads to nothing.

    Keras flattens every argument as a tree, to look for symbolic tensors in it. And it compares a
    tensor's device with the name of the current one, to which it is never equal, and moves the
    tensor to where it is.
    """
    with contextlib.ExitStack() as stack:
        for module in MODULES:
            slow = module.any_symbolic_tensors
            stack.enter_context(replaced(module, "any_symbolic_tensors", _fast(slow)))
        stack.enter_context(known_device())
        stack.enter_context(randomness.seeds_known())
        yield


def _fast(slow):
    def any_symbolic_tensors(args=None, kwargs=None):
        for items in (args or (), kwargs.values() if kwargs else ()):
            for x in items:
                if type(x) not in CONCRETE and slow((x,)):
                    return True
        return False

    return any_symbolic_tensors


class _Device(str):
    """The name of a tensor's device, equal to that device too."""

    def __new__(cls, device):
        name = super().__new__(cls, str(device))
        name.device = device
        return name

    def __eq__(self, other):
        return self.device == other if isinstance(other, torch.device) else super().__eq__(other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


@contextlib.contextmanager
def known_device():
    """Within the block, the name of the current device equals the device of its tensors."""
    before = global_state.get_global_attribute("torch_device")
    # As tensors have it: with its number.
    device = torch.empty(0, device=keras_core.get_device()).device
    global_state.set_global_attribute("torch_device", _Device(device))
    try:
        yield
    finally:
        global_state.set_global_attribute("torch_device", before)


def is_plain(layer):
    """Returns whether calling this layer is its `call` in float32, and nothing else."""
    policy = layer.dtype_policy
    return (
        _has_plain_call(type(layer))
        and policy.compute_dtype == policy.variable_dtype == "float32"
        and policy.quantization_mode is None
        and layer.activity_regularizer is None
        and not is_hooked(layer)
    )


@functools.lru_cache(256)
def _has_plain_call(kind):
    makes_masks = issubclass(kind, (keras.layers.Embedding, keras.layers.Masking))
    return kind.__module__.startswith(("keras.src.layers.", "zoo.")) and not makes_masks


def is_hooked(layer):
    """Returns whether calling this layer or network also calls hooks of PyTorch."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks)
