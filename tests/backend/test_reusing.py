"""Memory of a recorded graph, on PyTorch: what is written over, and what never is."""

import keras
import pytest

if keras.backend.backend() != "torch":
    pytest.skip("graphs of PyTorch", allow_module_level=True)

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from zoo.backend.torch.reusing import reuse_memory
from zoo.backend.torch.simplifying import simplify


def reused(function, *arguments):
    """Returns a function's graph after the change, which must give the same for other numbers."""
    graph = make_fx(function, tracing_mode="fake")(*arguments)
    simplify(graph)
    reuse_memory(graph)
    arguments = [x.detach().add(0.5).requires_grad_(x.requires_grad) for x in arguments]
    before = [x.detach().clone() for x in arguments]
    for _ in range(2):
        results = graph(*(x.detach() for x in arguments))
        for one, other in zip(results, function(*arguments), strict=True):
            assert torch.equal(one, other)
    assert all(map(torch.equal, arguments, before))
    return graph


def written_over(graph):
    """Returns the names of the nodes over which results are written."""
    kwargs = [node.kwargs for node in graph.graph.nodes]
    return [str(item[name]) for item in kwargs for name in ("out", "grad_input") if name in item]


def test_a_result_takes_the_memory_of_what_is_read_no_more():
    graph = reused(lambda x: [torch.tanh((x @ x) * 2.0 + 1.0)], torch.ones(2, 2))
    assert written_over(graph) == ["mm", "mul", "add"]


def test_also_through_a_view_with_the_same_layout():
    graph = reused(lambda x: [torch.sigmoid((x @ x).t())], torch.ones(2, 2))
    assert written_over(graph) == ["t"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x * 2.0],  # the caller's
        lambda x: [torch.tanh(x[:1].expand(2, 2))],  # one number in several places
        lambda x: [(y := x @ x) * 2.0, y],  # returned, too
        lambda x: [(y := x @ x) * 2.0 + y.t()],  # read later, through a view
        lambda x: [torch.cat([(y := x @ x) * 2.0, y])[0]],
        lambda x: [torch.add(y := x @ x, y.t())],  # read in another order meanwhile
        lambda x: [torch.tensor([2.0, 3.0]) * x[0]],  # a constant
        lambda x: [torch.unbind(y := x @ x)[0] * y],  # a part of it
        lambda x: [(x @ x).double() * (x @ x)],  # of another type
    ],
)
def test_nothing_is_written_over_that_is_needed(function):
    overwritten = written_over(reused(function, torch.ones(2, 2)))
    assert not {"x_1", "mm", "t", "expand", "getitem", "_tensor_constant0"} & set(overwritten)


@pytest.mark.parametrize("slope", [0.2, 0.0])
def test_a_gradient_of_leaky_relu_reads_the_result(slope):
    def function(x):
        y = torch.nn.functional.leaky_relu(x @ x, slope)
        return torch.autograd.grad(y.square().sum(), x)

    graph = reused(function, torch.tensor([[1.0, -2.0], [-3.0, 4.0]], requires_grad=True))
    assert "mm" in written_over(graph)


def test_unless_the_result_is_changed_afterwards_or_has_other_signs():
    x = torch.tensor([[1.0, -2.0], [-3.0, 4.0]], requires_grad=True)

    def changed(x):
        y = torch.nn.functional.leaky_relu(x @ x, 0.2)
        gradients = torch.autograd.grad(y.sum(), x)
        y.detach().t().neg_()
        return [*gradients, y.detach()]

    def turned(x):
        return torch.autograd.grad(torch.nn.functional.leaky_relu(x @ x, -0.2).sum(), x)

    for function in (changed, turned):
        reused(function, x)
