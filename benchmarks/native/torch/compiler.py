"""`torch.compile`, or one clear error where it cannot work."""

import importlib.util
import os
import shutil

import torch


def compile_function(function):
    """`function` compiled as one graph for each shape that it is called with.

    Raises:
        RuntimeError: without the compiler that the device needs.
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
