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
from keras.src.backend.common import stateless_scope
from keras.src.backend.torch import core as keras_core
from keras.src.backend.torch import random as keras_random
from torch._subclasses import fake_tensor
from torch.fx.experimental.proxy_tensor import make_fx

from zoo import backend
from zoo.backend.replacing import replaced
from zoo.errors import InvalidInputError

_here = threading.local()
_ON_THE_HOST = (
    fake_tensor.DataDependentOutputException,
    fake_tensor.DynamicOutputShapeException,
    torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode,
)


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

    def __call__(self, data):
        inputs = _tensors(data)
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        graph = self.graphs.get(shapes)
        if graph is None and shapes != self.last:
            self.last, self.draws = shapes, []
            with _draws_by(self._note):
                return self.function(data)
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
            with _Writing(pairs), _draws_by(lambda *_: waiting.pop(0)):
                self.outputs = function(_like(data, inputs))
            return _tensors(self.outputs)

        self.numbers = self._draw()  # by which the shapes are known
        inputs = _tensors(data)
        values = [v._value.detach() for v in variables]
        _here.recording = True
        try:
            with replaced(keras_core, "cond", _cond), replaced(keras_random, _SEEDING, _refuse):
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
            outputs = self.run([v._value for v in self.variables], inputs, numbers)
        return _like(self.outputs, outputs)

    def _draw(self):
        return [function(*arguments, **options) for function, arguments, options in self.draws]


class _Writing(keras.StatelessScope):
    """Has variables read and write given tensors in place, in this thread alone."""

    def add_update(self, update):
        variable, value = update
        with torch.no_grad():
            self.get_current_value(variable).copy_(value)


class _Branch(_Writing):
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


def _cond(condition, true_fn, false_fn):
    """`keras.ops.cond` without a decision on the host: computes both, and takes one."""
    scope = stateless_scope.get_stateless_scope()
    with _Branch(scope) as ones:
        one = true_fn()
    with _Branch(scope) as others:
        other = false_fn()
    for variable in {**ones.seen, **others.seen}.values():
        values = (ones.get_current_value(variable), others.get_current_value(variable))
        scope.add_update((variable, torch.where(condition, *values)))
    if one is None:
        return None
    return keras.tree.map_structure(lambda x, y: torch.where(condition, x, y), one, other)


_DRAWS = [
    (keras_random, "normal"),
    (keras_random, "uniform"),
    (keras_random, "truncated_normal"),
    (keras_random, "randint"),
    (backend, "random_bits"),
]
"""Functions of numbers and a seed: what they draw does not depend on the step."""
_SEEDING = "torch_seed_generator"


@contextlib.contextmanager
def _draws_by(take):
    """Lets `take(function, arguments, options)` draw random numbers."""
    with contextlib.ExitStack() as stack:
        for owner, name in _DRAWS:
            stack.enter_context(replaced(owner, name, _taken_by(take, getattr(owner, name))))
        stack.enter_context(replaced(keras_random, "dropout", _drop_by(take, keras_random.dropout)))
        yield


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


def _leaf(variable, value):
    """Returns a value as the variable holds it: gradients begin there."""
    return value.detach().requires_grad_(variable._value.requires_grad)


def _tensors(nested):
    """Returns what is in a nested structure as tensors, without `None`."""
    return [keras.ops.convert_to_tensor(x) for x in keras.tree.flatten(nested) if x is not None]


def _like(nested, tensors):
    """Returns a structure in which these tensors take the places of all but `None`."""
    rest = iter(tensors)
    filled = [None if x is None else next(rest) for x in keras.tree.flatten(nested)]
    return keras.tree.pack_sequence_as(nested, filled)
