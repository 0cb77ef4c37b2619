"""PyTorch: a scope in which variables are given tensors, written in place."""

import keras
import torch
from keras.src.backend.torch import core as keras_core

from zoo.backend.replacing import replaced


class Writing(keras.StatelessScope):
    """Has variables read and write given tensors in place, in this thread alone."""

    def add_update(self, update):
        variable, value = update
        with torch.no_grad():
            self.get_current_value(variable).copy_(value)

    def deciding(self):
        """Within the block, `keras.ops.cond` computes both branches, and takes one."""
        return replaced(keras_core, "cond", self._choose)

    def _choose(self, condition, true_fn, false_fn):
        with _Branch(self) as ones, ones.deciding():
            one = true_fn()
        with _Branch(self) as others, others.deciding():
            other = false_fn()
        for variable in {**ones.seen, **others.seen}.values():
            values = (scope.get_current_value(variable) for scope in (ones, others))
            self.add_update((variable, torch.where(condition, *values)))
        if one is None:
            return None
        return keras.tree.map_structure(lambda x, y: torch.where(condition, x, y), one, other)


class _Branch(Writing):
    """Has variables read and write copies of the tensors of another scope."""

    def __init__(self, outer):
        super().__init__()
        self.outer, self.seen = outer, {}

    def get_current_value(self, variable):
        if id(variable) not in self.state_mapping:
            # At the first look: Keras' optimizers write into what they read.
            self.seen[id(variable)] = variable
            self.state_mapping[id(variable)] = self.outer.get_current_value(variable).clone()
        return self.state_mapping[id(variable)]
