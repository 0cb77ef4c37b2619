"""PyTorch: a function of a model's variables and a batch, recorded as one graph.

The function is run once on tensors without values, which records what it computes, first and second
derivatives included, and what it writes to which variable. No Python of Keras' layers, optimizers
and metrics is left in that graph.
"""

import contextlib
import itertools
import operator
import threading

import keras
import torch
from torch._subclasses import fake_tensor
from torch.fx.experimental.proxy_tensor import make_fx

from zoo.backend.torch import eager, randomness
from zoo.backend.torch.scope import Writing
from zoo.errors import InvalidInputError

_here = threading.local()
_ON_THE_HOST = (
    fake_tensor.DataDependentOutputException,
    fake_tensor.DynamicOutputShapeException,
    torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode,
)


def takes_formulas():
    """Returns whether this thread records for a compiler, which fuses formulas by itself."""
    return getattr(_here, "takes_formulas", False)


class Recording:
    """What a function computes from data of one shape, as a graph.

    Random numbers are drawn ahead of the graph, by the eager functions in the eager order.

    Args:
        function: takes nested tensors, returns nested tensors or numbers. It may assign variables
            and draw random numbers from Keras' functions.
        variables: list of all variables that `function` may read or assign.
        data: its arguments.
        draws: list of (function, arguments, options, numbers), what an eager call drew, in order.
        formulas: bool, whether the graph has the formulas of updates instead of kernels in place.

    Attributes:
        graph: `torch.fx.GraphModule` of tensors: the variables' values, the data, and the numbers
            drawn.

    Raises:
        InvalidInputError: if the function reads a tensor's value on the host, to decide by it.
    """

    def __init__(self, function, variables, data, draws, formulas):
        self.variables, self.outputs = variables, None
        self.draws = [draw for *draw, _ in draws]
        numbers = [drawn for *_, drawn in draws]
        groups = [[value.detach() for value in self._values()], tensors_in(data), numbers]

        def run(*tensors):
            rest = iter(tensors)
            values, inputs, waiting = ([next(rest) for _ in group] for group in groups)
            pairs = list(zip(variables, map(_leaf, variables, values), strict=True))
            with (
                Writing(pairs) as scope,
                scope.deciding(),
                randomness.drawn_by(lambda *_: waiting.pop(0)),
            ):
                self.outputs = function(*_like(data, inputs))
            return tensors_in(self.outputs)

        _here.takes_formulas = formulas
        try:
            with randomness.none_drawn(), _explained():
                self.graph = make_fx(run, tracing_mode="fake")(*itertools.chain(*groups))
        finally:
            _here.takes_formulas = False

    def __call__(self, inputs, run=None):
        """Returns what the function returns for a list of tensors, by the graph or `run` for it."""
        numbers = []
        if self.draws:
            with eager.known_device(), randomness.seeds_known():
                numbers = [function(*args, **options) for function, args, options in self.draws]
        run = self.graph if run is None else run  # a compiled one has no truth value
        with torch.no_grad():
            outputs = run(*self._values(), *inputs, *numbers)
        return _like(self.outputs, outputs)

    def is_laid_out_as_recorded(self, inputs, numbers):
        """Returns whether all tensors of the graph lie in memory as they were taken to.

        Tensors without values have their layouts from rules, which kernels needn't follow. Computes
        the graph once, on copies of the variables.
        """
        check = _LayoutCheck(self.graph)
        with torch.no_grad():
            values = [value.detach().clone() for value in self._values()]
            check.run(*values, *inputs, *numbers)
        return check.agrees

    def _values(self):
        # Not `value`, which looks for scopes each time: there are none here.
        return [v._value for v in self.variables]


class _LayoutCheck(torch.fx.Interpreter):
    """Compares each tensor with what was recorded of it."""

    agrees = True

    def run_node(self, n):
        result = super().run_node(n)
        recorded = n.meta.get("val")
        if isinstance(result, torch.Tensor) and isinstance(recorded, torch.Tensor):
            self.agrees &= layout(result) == layout(recorded)
            # Statistics that a kernel keeps for its gradient can be of another type than recorded.
            self.agrees &= result.dtype == recorded.dtype or n.target is operator.getitem
        return result


def layout(tensor):
    """Returns what a tensor's place in its memory follows from."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    strides = [step if size > 1 else 0 for size, step in steps]
    return tuple(tensor.shape), strides, tensor.storage_offset()


def tensors_in(nested):
    """Returns what is in a nested structure as tensors, without `None`."""
    return [keras.ops.convert_to_tensor(x) for x in keras.tree.flatten(nested) if x is not None]


@contextlib.contextmanager
def _explained():
    """Says of a function that can't be recorded what in it can't."""
    try:
        yield
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


def _leaf(variable, value):
    """Returns a value as the variable holds it: gradients begin there."""
    return value.detach().requires_grad_(variable.value.requires_grad)


def _like(nested, tensors):
    """Returns a structure in which these tensors take the places of all but `None`."""
    rest = iter(tensors)
    filled = [None if x is None else next(rest) for x in keras.tree.flatten(nested)]
    return keras.tree.pack_sequence_as(nested, filled)
