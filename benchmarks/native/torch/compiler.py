"""`torch.compile`, or a clear error where it can't work."""

import importlib.util
import os
import shutil

import torch


def compile_function(function):
    """Returns `function`, compiled as one graph for each shape of its inputs.

    Raises:
        RuntimeError: if the compiler for the device isn't installed.
    """
    if torch.cuda.is_available():
        missing = None if importlib.util.find_spec("triton") else "the package triton"
    else:
        compiler = os.environ.get("CXX", "g++")
        missing = None if shutil.which(compiler) else f"a C++ compiler ({compiler}, see CXX)"
    if missing:
        raise RuntimeError(
            f"torch.compile needs {missing}, and it was not found. Install it, or run the variant "
            "'eager'."
        )
    return torch.compile(function, fullgraph=True, dynamic=False)
