"""The backend folder is the only code that names a backend, and the same for each of them."""

import ast
import inspect
import re
from pathlib import Path

import keras
import pytest

import zoo
from zoo import backend

PACKAGE = Path(zoo.__file__).parent
BACKENDS = ("jax", "tensorflow", "torch")
FILES = ("{}/step", "{}/layers", "{}/distribution")
"""Of each backend: what the step needs, what layers do, and what several devices take."""
SOURCES = sorted(PACKAGE.rglob("*.py"))
NEUTRAL = [path for path in SOURCES if PACKAGE / "backend" not in path.parents]


@pytest.mark.no_backend
def test_the_sources_are_all_seen():
    names = {path.relative_to(PACKAGE).as_posix() for path in SOURCES}
    assert {"adversarial/base.py", "losses.py", "backend/jax/step.py"} <= names


IMPORTS = re.compile(r"^\s*(?:import|from)\s+(?:torch|jax|jaxlib|tensorflow)\b", re.MULTILINE)


@pytest.mark.no_backend
@pytest.mark.parametrize("path", NEUTRAL, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_backends_are_named_in_their_folder_alone(path):
    source = path.read_text("utf-8")
    assert not IMPORTS.findall(source)
    assert not re.findall(r"import_module\(\s*f?[\"'](?:torch|jax|tensorflow)\b", source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            constants = {x.value for x in ast.walk(node) if isinstance(x, ast.Constant)}
            assert not constants & set(BACKENDS), ast.unparse(node)
        if isinstance(node, ast.MatchValue):
            assert ast.unparse(node).strip("'") not in BACKENDS


@pytest.mark.no_backend
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_is_pickled(path):
    # Unpickling runs whatever code a file brings along.
    source = path.read_text("utf-8")
    assert not re.search(r"^\s*(?:import|from)\s+\w*pickle", source, re.MULTILINE)
    assert "allow_pickle=True" not in source


def definitions(name):
    """Public functions of a backend's file: name -> parameters."""
    tree = ast.parse((PACKAGE / "backend" / f"{name}.py").read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: f.args for f in functions if not f.name.startswith("_")}


def parameters(arguments):
    """Names and defaults."""
    return ast.unparse(arguments)


@pytest.mark.no_backend
@pytest.mark.parametrize("name", BACKENDS[1:])
@pytest.mark.parametrize("file", FILES)
def test_each_backend_has_the_same_functions_and_signatures(file, name):
    reference, other = definitions(file.format("jax")), definitions(file.format(name))
    assert list(other) == list(reference)
    for function in set(reference) - {"run_step"}:
        assert parameters(other[function]) == parameters(reference[function]), function


@pytest.mark.no_backend
def test_run_step_has_the_trainers_own_signature():
    assert parameters(definitions("jax/step")["run_step"]) == "model, step, state, data"
    assert parameters(definitions("tensorflow/step")["run_step"]) == "model, step, data"
    assert parameters(definitions("torch/step")["run_step"]) == "model, step, data"


@pytest.mark.no_backend
@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "backend").rglob("*.py")), ids=lambda path: path.stem
)
def test_each_function_and_backend_is_documented_and_short(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
    # Without docstrings, comments and blank lines.
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    assert len(ast.unparse(tree).splitlines()) < 125


def test_the_package_hands_on_every_function():
    public = {name for name, value in vars(backend).items() if inspect.isfunction(value)}
    files = [file.format(keras.backend.backend()) for file in FILES]
    assert public == {name for file in files for name in definitions(file)}
    table = re.findall(r"^\| `(\w+)`", backend.__doc__, re.MULTILINE)
    assert set(table) == public
