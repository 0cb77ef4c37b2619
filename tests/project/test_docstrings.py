"""Examples in docstrings hold: `>>>` as doctests, and blocks of Python as programs."""

import ast
import doctest
import importlib
import textwrap

import numpy as np
import pytest

import zoo
from tests.processes import ROOT
from tests.project.examples import python_blocks, run

pytestmark = pytest.mark.cross_backend

PARSER = doctest.DocTestParser()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def docstrings():
    """Yields the path, name, line and text of every docstring of the package with an example."""
    for path in sorted((ROOT / "zoo").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>> " in text or python_blocks(text):
                    file = path.relative_to(ROOT).as_posix()
                    line = node.body[0].lineno
                    yield pytest.param(file, line, text, id=f"{file}:{line}")


EXAMPLES = list(docstrings())


def stage(file):
    """Returns the names that an example can use: those of its module, and a model and images."""
    module = importlib.import_module(
        file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    )
    import keras

    images = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1), "uint8")
    model = zoo.VanillaGAN(image_shape=(28, 28, 1), hidden_units=(16,), latent_dim=8, seed=0)
    model.compile()
    return {
        "zoo": zoo,
        "np": np,
        "keras": keras,
        "images": images,
        "model": model,
        **vars(module),
        "__name__": "example",
    }


@pytest.mark.parametrize(("file", "line", "text"), EXAMPLES)
def test_examples_hold(file, line, text, workplace, own_registry):
    names = stage(file)
    names["model"].save_weights("run.weights.h5")
    for block in python_blocks(text):
        run(textwrap.dedent(block), f"{file}:{line}", dict(names))
    example = PARSER.get_doctest(text, names, f"{file}:{line}", file, line)
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    said = []
    runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.no_backend
def test_there_are_examples():
    assert len(EXAMPLES) > 60
