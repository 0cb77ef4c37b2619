"""PyTorch: what is called again and again with data of one shape, as one graph.

Dynamo reads Python code, of which a step has a lot: Keras' layers, two optimizers, metrics,
gradients of gradients. A recorded graph has no Python left in it to break it, and is what
`torch.compile` gets. Replayed as it is, it spares a step what Keras does around each operation.
"""

import contextlib
import logging

import torch

from zoo.backend.torch import eager, randomness
from zoo.backend.torch.recording import Recording, tensors_in
from zoo.backend.torch.reusing import reuse_memory
from zoo.backend.torch.simplifying import bind, simplify

EAGER_CALLS = 50
"""Calls with data of a shape that run eagerly before their graph is recorded.

Recording takes as much time of the host as replaying spares it in 300 to 600 steps (measured on the
benchmarks' four models, 0.6 to 3 s on one core).
"""

logger = logging.getLogger(__name__)


def step_of(model, name, jit_compile):
    """Returns the function of Keras' trainer for "train", "test" or "predict", as a graph."""

    def variables():
        groups = (model.variables, model.optimizer.variables, model.metrics_variables)
        return list({id(v): v for group in groups for v in group}.values())

    step = graph_of(getattr(model, f"{name}_step"), variables, model, jit_compile)

    def run(batches):
        with contextlib.nullcontext() if name == "train" else torch.no_grad():
            return step(batches[0])

    return run


def graph_of(function, variables, network, jit_compile):
    """Returns a function as `Compiled` with `jit_compile=True`, as `Replayed` with "auto"."""
    if jit_compile is True:
        return Compiled(function, variables)
    return Replayed(function, variables, network._flatten_layers)


class Compiled:
    """Calls a function, compiled for a batch whose shapes come for the second time in a row.

    The first call of a shape runs eagerly, and so does an epoch's last, smaller batch each time:
    running it is faster than compiling it. Random numbers are drawn ahead of the graph, by the
    eager functions in the eager order, so that compiled and eager steps are the same to rounding.

    Args:
        function: as of `zoo.backend.torch.recording.Recording`.
        variables: function that returns all variables that `function` may read or assign.

    Raises:
        InvalidInputError: if the function reads a tensor's value on the host, to decide by it.
    """

    eager_calls = 1

    def __init__(self, function, variables):
        self.function, self.variables = function, variables
        self.graphs, self.calls = {}, {}
        self.last, self.draws = None, []

    def __call__(self, *data):
        inputs = tensors_in(data)
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        last, self.last = self.last, shapes
        if shapes not in self.graphs:
            calls = self.calls[shapes] = self.calls.get(shapes, 0) + 1
            if calls > self.eager_calls and shapes == last:
                self.graphs[shapes] = self.record(data, inputs)
                self.draws = []
        if shapes in self.graphs:
            graph = self.graphs[shapes]
            return self.function(*data) if graph is None else graph(inputs)
        self.draws = []
        with randomness.drawn_by(self._note):
            return self.function(*data)

    def record(self, data, inputs):
        """Returns a function of a list of tensors like these."""
        del inputs
        recording = Recording(self.function, self.variables(), data, self.draws, formulas=True)
        run = torch.compile(recording.graph, fullgraph=True, dynamic=False)
        return lambda inputs: recording(inputs, run)

    def _note(self, function, arguments, options):
        numbers = function(*arguments, **options)
        self.draws.append((function, arguments, options, numbers))
        return numbers


class Replayed(Compiled):
    """Calls a function eagerly at first, and replays its graph after `EAGER_CALLS` calls.

    Both give the same numbers, to the last bit. Measured as the host's time of a step of the
    benchmarks' models over that of the same step by hand, eager: 1.7 to 2.3, replayed 0.9 to 1.1.

    A function that can't be recorded runs eagerly, and so does one whose layers call hooks.

    Args:
        function: as of `Compiled`.
        variables: as of `Compiled`.
        layers: function that returns the layers that it calls.
    """

    eager_calls = EAGER_CALLS

    def __init__(self, function, variables, layers):
        super().__init__(function, variables)
        self.layers = layers

    def record(self, data, inputs):
        """Returns a function of a list of tensors like these, or `None`."""
        if any(map(eager.is_hooked, self.layers())):
            return _eagerly("hooks of PyTorch")
        try:
            recording = Recording(self.function, self.variables(), data, self.draws, formulas=False)
        except Exception as error:  # whatever can't be recorded has run eagerly
            return _eagerly(error)
        simplify(recording.graph)
        reuse_memory(recording.graph)
        if not recording.is_laid_out_as_recorded(inputs, [drawn for *_, drawn in self.draws]):
            return _eagerly("tensors with other layouts than recorded")
        bind(recording.graph)
        return recording


def _eagerly(reason):
    logger.debug("A step is not replayed, but runs eagerly each time, for %s", reason)
