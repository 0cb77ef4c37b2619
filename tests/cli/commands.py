"""Running commands, in this process and in one of their own, on models made for a test."""

import os
import subprocess
import sys

import numpy as np
from PIL import Image
from typer.testing import CliRunner

import zoo
from tests.processes import ROOT
from zoo.cli import app
from zoo.hub import catalog, registry
from zoo.hub.specs import ModelSpec, Recipe
from zoo.hub.weights import save_weights

CONFIG = {"image_shape": (8, 8, 3), "hidden_units": (4,), "latent_dim": 3}
"""Of the model `tiny`."""
KINDS = {
    "draws": (catalog.VANILLA_GAN, CONFIG),
    "restores": (
        catalog.INPAINTING_GAN,
        {"image_shape": (16, 16, 3), "base_filters": 4, "halvings": 2, "dilations": (1,)},
    ),
    "conditional": (
        catalog.CONDITIONAL_DCGAN,
        {"image_shape": (16, 16, 1), "classes": 10, "base_filters": 4, "latent_dim": 4},
    ),
}
"""Kind -> family, configuration."""
PRINT_WHETHER_KERAS_IS_LOADED = (
    "import atexit, sys\n"
    "atexit.register(lambda: print('keras' in sys.modules))\n"
    "from zoo.cli import main; main()\n"
)


def register(name, kind="draws", dataset="", recipe=None, **changes):
    """Registers a model of a kind; it is gone with the fixture `own_registry`."""
    family, config = KINDS[kind]
    recipe = Recipe(**{"epochs": 1, "batch_size": 16, **(recipe or {})})
    config = {**config, **changes}
    registry.add(ModelSpec(name, **family, config=config, dataset=dataset, recipe=recipe))


def save_fresh_weights(name):
    """Writes weights into the current folder, and returns the file's name."""
    save_weights(zoo.load(name, weights=None, seed=1), f"{name}.weights.h5")
    return f"{name}.weights.h5"


def save_pictures(folder, count, shape):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("uint8")
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{index:02}.png")
    return pixels


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="zoo")


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments, status=2):
    """The error line of a command that must fail with nothing else to say, or to leave behind."""
    before = sorted(os.listdir())
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert [name for name in sorted(os.listdir()) if name != "cache"] == before
    return result.stderr


def run_process(*arguments, code="from zoo.cli import main; main()", **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        text=True,
        timeout=300,
        **options,
    )
