"""What the type checker checks (`mypy`, in `.ci/run`) covers the public surface."""

import ast

import pytest

import zoo
from tests.processes import ROOT

pytestmark = pytest.mark.no_backend


def test_the_typed_example_uses_every_public_name():
    tree = ast.parse((ROOT / "tests/project/typed_usage.py").read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "zoo"
    }
    assert used - {"__version__"} == set(zoo.__all__)


def test_every_public_name_is_there():
    assert {"pictures", "picture_files", "load"} <= set(zoo.__all__)
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)
