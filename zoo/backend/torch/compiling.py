"""PyTorch: a function of a model's variables and a batch, compiled as one graph.

Dynamo reads Python code, of which a step has a lot: Keras' layers, two optimizers, metrics,
gradients of gradients. Here the function is run once on tensors without values instead, which
records what it computes, first and second derivatives included, and what it writes to which
variable. That graph has no Python left in it to break it, and is what `torch.compile` gets.
"""

import contextlib
import threading

import keras
import torch
from torch._subclasses import fake_tensor
from torch.fx.experimental.proxy_tensor import make_fx

from zoo.backend.torch import randomness
from zoo.backend.torch.scope import Writing
from zoo.errors import InvalidInputError

_here = threading.local()
_ON_THE_HOST = (
    fake_tensor.DataDependentOutputException,
    fake_tensor.DynamicOutputShapeException,
    torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode,
)


def step_of(model, name):
    """Returns the compiled function of Keras' trainer for "train", "test" or "predict"."""

    def variables():
        groups = (model.variables, model.optimizer.variables, model.metrics_variables)
        return list({id(v): v for group in groups for v in group}.values())

    step = Compiled(getattr(model, f"{name}_step"), variables)

    def run(batches):
        with contextlib.nullcontext() if name == "train" else torch.no_grad():
            return step(batches[0])

    return run


def is_recording():
    """Returns whether this thread records a graph: in-place kernels have no place in it."""
    return getattr(_here, "recording", False)


class Compiled:
    """Calls a function, compiled for a batch whose shapes come for the second time in a row.

    The first call of a shape runs eagerly, and so does an epoch's last, smaller batch each time:
    running it is faster than compiling it. Random numbers are drawn ahead of the graph, by the
    eager functions in the eager order, so that compiled and eager steps are the same to rounding.

    Args:
        function: takes nested tensors, returns nested tensors or numbers. It may assign variables
            and draw random numbers from Keras' functions.
        variables: function that returns all variables that `function` may read or assign.

    Raises:
        InvalidInputError: if the function reads a tensor's value on the host, to decide by it.
    """

    def __init__(self, function, variables):
        self.function, self.variables = function, variables
        self.graphs = {}
        self.last, self.draws = None, []

    def __call__(self, *data):
        inputs = _tensors(data)
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        graph = self.graphs.get(shapes)
        if graph is None and shapes != self.last:
            self.last, self.draws = shapes, []
            with randomness.drawn_by(self._note):
                return self.function(*data)
        self.last = shapes
        if graph is None:
            graph = self.graphs[shapes] = _Graph(self.function, self.variables(), data, self.draws)
        return graph(inputs)

    def _note(self, function, arguments, options):
        self.draws.append((function, arguments, options))
        return function(*arguments, **options)


class _Graph:
    """The compiled function for one shape of data."""

    def __init__(self, function, variables, data, draws):
        self.variables, self.draws = variables, draws
        self.outputs = None

        def run(values, inputs, numbers):
            pairs = list(zip(variables, map(_leaf, variables, values), strict=True))
            waiting = list(numbers)
            with (
                Writing(pairs) as scope,
                scope.deciding(),
                randomness.drawn_by(lambda *_: waiting.pop(0)),
            ):
                self.outputs = function(*_like(data, inputs))
            return _tensors(self.outputs)

        self.numbers = self._draw()  # by which the shapes are known
        inputs = _tensors(data)
        values = [v.value.detach() for v in variables]
        _here.recording = True
        try:
            with randomness.none_drawn():
                graph = make_fx(run, tracing_mode="fake")(values, inputs, self.numbers)
        except _ON_THE_HOST as error:
            raise InvalidInputError(
                "`jit_compile=True` makes one graph of a whole step, which must not read a "
                "tensor's value to decide by it. Received: a model that does, by "
                f"{getattr(error, 'func', error)}. Compile it with `jit_compile=False`"
            ) from error
        except AssertionError as error:
            if "FakeTensor" not in str(error):
                raise
            raise InvalidInputError(
                "`jit_compile=True` makes one graph of a whole step, which reads variables of the "
                f"model only. Received: a model that reads other tensors ({error}). Make them "
                "`keras.Variable`s of a layer, or compile it with `jit_compile=False`"
            ) from error
        finally:
            _here.recording = False
        self.run = torch.compile(graph, fullgraph=True, dynamic=False)

    def __call__(self, inputs):
        numbers = self._draw() if self.numbers is None else self.numbers
        self.numbers = None
        with torch.no_grad():
            outputs = self.run([v.value for v in self.variables], inputs, numbers)
        return _like(self.outputs, outputs)

    def _draw(self):
        return [function(*arguments, **options) for function, arguments, options in self.draws]


def _leaf(variable, value):
    """Returns a value as the variable holds it: gradients begin there."""
    return value.detach().requires_grad_(variable.value.requires_grad)


def _tensors(nested):
    """Returns what is in a nested structure as tensors, without `None`."""
    return [keras.ops.convert_to_tensor(x) for x in keras.tree.flatten(nested) if x is not None]


def _like(nested, tensors):
    """Returns a structure in which these tensors take the places of all but `None`."""
    rest = iter(tensors)
    filled = [None if x is None else next(rest) for x in keras.tree.flatten(nested)]
    return keras.tree.pack_sequence_as(nested, filled)
