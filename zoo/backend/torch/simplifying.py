"""PyTorch: a recorded graph, made fast to replay."""

import re

import torch

from zoo.backend.torch.recording import layout

_OPERATION = type(torch.ops.aten.detach.default)
_ALIASES = {torch.ops.aten.detach.default, torch.ops.aten.alias.default}
_COPY_OF_CONSTANT = torch.ops.aten.lift_fresh_copy.default
_PATH = re.compile(r"torch\.ops\.(\w+\.\w+\.\w+)\(")
"""How an operation is called in the code of a graph."""


def simplify(module):
    """Removes from a `torch.fx.GraphModule`, in place, what changes none of its results.

    No gradient is taken of it any more, so that a detached tensor is the tensor. A view that lies
    in memory as what it views is that, and of two equal views one will do: they see what is
    written to the tensor in between. A constant that nobody writes to needs no copy.
    """
    graph = module.graph
    views = {}
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        same = None
        if node.target in _ALIASES:
            same = node.args[0]
        elif node.target is _COPY_OF_CONSTANT:
            same = None if any(map(_may_write, node.users)) else node.args[0]
        elif _is_view(node):
            same = _laid_out_alike(node) or views.setdefault(_key(node), node)
        if same is not None and same is not node:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    graph.eliminate_dead_code()
    module.recompile()


def bind(module):
    """Has the code of a `torch.fx.GraphModule` look its operations up once, not in each call.

    Replaying narrow networks of the benchmark `inpaint64` takes 0.82 times the host's time, of
    `gan28` 0.80 times: each operation is called through a function in Python otherwise.
    """
    operations = {
        str(node.target): node.target
        for node in module.graph.nodes
        if isinstance(node.target, _OPERATION)
    }
    names = {name: name.replace(".", "_") for name in operations}

    def transform(lines):
        return [_PATH.sub(lambda match: f"bound.{names[match[1]]}(", line) for line in lines]

    bound = type("Bound", (), {names[name]: op.op for name, op in operations.items()})
    module.graph.set_codegen(_Code({"bound": bound}))
    module.graph.on_generate_code(lambda _: transform)
    module.recompile()


class _Code(torch.fx.graph.CodeGen):
    """Code with further names that are known in it."""

    def __init__(self, names):
        super().__init__()
        self.names = names

    def additional_globals(self):
        return list(self.names.items())


def _may_write(node):
    """Returns whether a node can write to what it takes, or hands it on."""
    return node.op != "call_function" or node.is_impure() or getattr(node.target, "is_view", False)


def _is_view(node):
    """Returns whether an operation only looks at its first argument's memory."""
    return getattr(node.target, "is_view", False) and isinstance(node.meta.get("val"), torch.Tensor)


def _key(node):
    return node.target, str(node.args), str(node.kwargs)


def _laid_out_alike(node):
    """Returns what is viewed, through however many views, if it has the view's layout."""
    view, viewed = node.meta["val"], node.args[0]
    wanted = view.dtype, layout(view)
    while True:
        value = viewed.meta.get("val")
        if isinstance(value, torch.Tensor) and (value.dtype, layout(value)) == wanted:
            return viewed
        if viewed.op != "call_function" or not _is_view(viewed):
            return None
        viewed = viewed.args[0]
