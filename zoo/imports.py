"""Imports Keras on an installed backend, and optional packages; errors say what to install."""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from zoo.errors import InvalidInputError, MissingDependencyError

PACKAGES = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}
"""Backend -> the package to install; the first installed one is the default."""
KERAS_DEFAULT = next(iter(PACKAGES))
KERAS_CV = '"keras-gan-zoo[cv]"'
LOGGERS = {"tensorboard": '"keras-gan-zoo[tensorboard]"', "wandb": '"keras-gan-zoo[wandb]"'}
"""What `zoo train --log` takes: the module that it needs -> the package to install."""


def import_keras() -> Any:
    """Imports and returns `keras`, on the backend that `choose_backend` finds.

    Raises:
        InvalidInputError: If `KERAS_BACKEND` isn't one of the zoo's backends.
        MissingDependencyError: If the backend isn't installed.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = choose_backend()
    import keras

    if keras.backend.backend() not in PACKAGES:
        raise InvalidInputError(
            f"The zoo runs on the backends {', '.join(PACKAGES)}. Keras is imported on "
            f"{keras.backend.backend()}"
        )
    return keras


def prefer_installed_backend() -> None:
    """Makes a later `import keras` run on an installed backend.

    Without a choice of the user's, Keras takes TensorFlow, whether it is installed or not.
    """
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    with contextlib.suppress(MissingDependencyError):  # using Keras will tell
        backend = choose_backend()
        if backend != (_configured_backend() or KERAS_DEFAULT):
            os.environ["KERAS_BACKEND"] = backend


SAVED_CLASSES = {
    "zoo.adversarial.optimizers": ("PairedOptimizer", "ScaledSchedule"),
    "zoo.layers.fast": ("BatchNormalization", "Conv2D", "Conv2DTranspose", "Dropout"),
    "zoo.layers.gated": ("GatedConv2D",),
    "zoo.layers.initializers": ("Constant", "GlorotUniform", "Normal"),
    "zoo.layers.pull_push": ("PullPush",),
    "zoo.layers.spectral": ("SpectralConv2D", "SpectralDense"),
    "zoo.models.conditional": ("ConditionalModel",),
    "zoo.models.conditional_dcgan": ("ConditionalDCGAN",),
    "zoo.models.dcgan": ("DCGAN",),
    "zoo.models.inpainting_gan": ("InpaintingGAN",),
    "zoo.models.unconditional": ("AdversarialModel",),
    "zoo.models.vanilla_gan": ("VanillaGAN",),
    "zoo.losses": ("Hinge", "LeastSquares", "Minimax", "NonSaturating", "Wasserstein"),
}
"""Module -> its classes that `.keras` files name."""


def register_stand_ins() -> None:
    """Lets `keras.models.load_model` find the zoo's classes, now or once Keras is imported.

    Keras finds only classes that are registered, which importing them does. Until then a stand-in
    is registered in place of each.
    """
    if "keras" not in sys.modules:
        sys.meta_path.insert(0, _KerasFinder())
        return
    import keras

    registered = keras.saving.get_custom_objects()
    for module, names in SAVED_CLASSES.items():
        for name in names:
            registered.setdefault(f"zoo>{name}", _StandIn(module, name))


class _StandIn:
    """Imports a class when a file names it."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def from_config(self, config):
        import_keras()  # on one of the zoo's backends, or an error
        return getattr(importlib.import_module(self.module), self.name).from_config(config)


class _KerasFinder:
    """A finder of `sys.meta_path` that finds `keras` as usual, to register once it is imported."""

    def find_spec(self, name, path=None, target=None):
        del target
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "keras" else None
        if spec is not None and spec.loader is not None:
            execute: Any = spec.loader.exec_module

            def execute_and_register(module):
                execute(module)
                register_stand_ins()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def choose_backend() -> str:
    """Returns the backend: `KERAS_BACKEND`, else Keras' configured one, else an installed one.

    Keras writes "tensorflow" into its configuration by itself, so only the environment variable
    counts as the user's choice.

    Raises:
        InvalidInputError: If `KERAS_BACKEND` isn't one of the zoo's backends.
        MissingDependencyError: If it isn't installed, or none is.
    """
    wish = os.environ.get("KERAS_BACKEND")
    if wish and wish not in PACKAGES:
        raise InvalidInputError(
            f"The zoo runs on the backends {', '.join(PACKAGES)}. Received: KERAS_BACKEND={wish}"
        )
    installed = [name for name in PACKAGES if importlib.util.find_spec(name)]
    if wish and wish not in installed:
        other = f" Or use an installed one: KERAS_BACKEND={installed[0]}." if installed else ""
        raise MissingDependencyError(
            f"KERAS_BACKEND={wish}, but {wish} isn't installed. Run: pip install "
            f"{PACKAGES[wish]}.{other}"
        )
    if not installed:
        raise MissingDependencyError(
            "Keras needs a backend, and none is installed. Run one of: "
            + ", ".join(f"pip install {package}" for package in PACKAGES.values())
        )
    configured = _configured_backend()
    return wish or (configured if configured in installed else installed[0])


def _configured_backend():
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        return json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None


def import_optional(module: str, package: str) -> Any:
    """Imports and returns a module of a package that `zoo` doesn't require.

    Args:
        module: str, `"skimage.metrics"` for example.
        package: str, its name on PyPI.

    Raises:
        MissingDependencyError: If it can't be imported.

    Example:

    >>> import_optional("PIL.Image", "pillow").__name__
    'PIL.Image'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        # With the cause: an installed package can lack a library of the system.
        raise MissingDependencyError(
            f"This takes {package}, and importing {module} failed: {error}. "
            f"Run: pip install {package}"
        ) from error


def import_keras_cv() -> Any:
    """Imports and returns `keras_cv`, which takes seconds and imports TensorFlow on every backend.

    Raises:
        MissingDependencyError: If keras-cv, or what it needs, isn't installed.

    Example:

    ```python
    cutout = import_keras_cv().layers.RandomCutout(0.3, 0.3)
    ```
    """
    import_keras()  # on the zoo's choice of a backend, before keras-cv does it
    with warnings.catch_warnings():
        # keras-cv is no longer maintained, and what it imports moves on.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        keras_cv = import_optional("keras_cv", KERAS_CV)
    from zoo.backend.tensorflow.beside import keep_tensorflow_off_gpus

    keep_tensorflow_off_gpus()
    return keras_cv
