"""A Keras 3 model zoo of generative adversarial networks: one training step, three backends.

The public names are those of `__init__.pyi`. Each is imported when it is first used: `import zoo`
imports neither Keras nor a backend.
"""

import ast
import importlib
from pathlib import Path

from zoo.imports import prefer_installed_backend, register_stand_ins

prefer_installed_backend()
register_stand_ins()
__version__ = "0.1.0"

_NEEDS_KERAS = (
    "zoo.adversarial",
    "zoo.distribution",
    "zoo.exporting",
    "zoo.losses",
    "zoo.models",
    "zoo.training",
)


def _read_stub():
    """Maps each public name to the module it is imported from and its name there."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    return {
        alias.asname: (f"zoo.{node.module}" if node.module else "zoo", alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


_HOMES = _read_stub()
__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    home, attribute = _HOMES[name]
    from zoo.interrupts import held_back

    with held_back():
        if f"{home}.{attribute}".startswith(_NEEDS_KERAS):
            from zoo.imports import import_keras

            import_keras()
        module = importlib.import_module(home)
    if hasattr(module, "__path__"):  # a package: the name is that of a module in it
        value = importlib.import_module(f"{home}.{attribute}")
    else:
        value = getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
