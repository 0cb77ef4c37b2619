"""Running the examples of documents, docstrings and notebooks in seconds."""

import json
import re
import warnings
from importlib.util import find_spec

from tests.processes import ROOT

NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))
CHEAPER = {
    r"epochs=\d+": "epochs=1",
    r'"epochs": \d+': '"epochs": 1',
    r"size=100_000": "size=512",
    r"\(2048, 16": "(128, 16",
    r"generate\(64": "generate(4",
    r"every=2,": "every=2, count=64,",
    r"limit=\d+": "limit=8",
    r"20_000": "200",
    r"768_000": "512",
    r"\brange\(2000\)": "range(60)",
    r"sample_latent\(256": "sample_latent(32",
    r"\brange\(7\)": "range(2)",
    r"sample_latent\(5000": "sample_latent(50",
    r"invert\((\w+), images\[:8\]\)": r"invert(\1, images[:8], steps=2)",
    r'train\("gan_mnist_small"': 'train(registry.find("gan_mnist_small").with_recipe(epochs=1)',
    r'((?<!def )\bevaluate\(\w+, "\w+"|\bevaluate\(zoo\.load\("\w+"\), "\w+")': r"\1, count=64",
}
"""What is replaced in an example, so that it takes seconds."""
PACKAGES = {"TensorBoardLogger(": "tensorboard", "WandbLogger(": "wandb"}
"""Without these packages, examples of them are left out."""


def cheap(code):
    """Returns an example with fewer images and epochs."""
    for pattern, replacement in CHEAPER.items():
        code = re.sub(pattern, replacement, code)
    return code


def run(code, file, names):
    """Runs an example with the names of a session, and adds its own to them."""
    if any(name in code and find_spec(package) is None for name, package in PACKAGES.items()):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as outside of the tests
        exec(compile(cheap(code), file, "exec"), names)


def python_blocks(text):
    """Returns the blocks of Python in a Markdown text."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def cells(notebook, cell_type):
    """Returns the sources of a notebook's cells of a type, `"code"` or `"markdown"`, by id."""
    return {
        cell["id"]: "".join(cell["source"])
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == cell_type
    }
