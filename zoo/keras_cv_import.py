"""Importing keras-cv, which is there only for those who ask for it."""

import warnings

from zoo.evaluation.optional import import_optional
from zoo.imports import import_keras

PACKAGE = '"keras-gan-zoo[cv]"'


def import_keras_cv():
    """Imports and returns `keras_cv`: some seconds, and TensorFlow with it on every backend.

    Raises:
        MissingDependencyError: if keras-cv, or what it needs, isn't installed.

    Example:

    ```python
    cutout = import_keras_cv().layers.RandomCutout(0.3, 0.3)
    ```
    """
    import_keras()  # Before keras-cv does it: on the zoo's choice of a backend.
    with warnings.catch_warnings():
        # keras-cv is no longer maintained, and what it imports moves on.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        keras_cv = import_optional("keras_cv", PACKAGE)
    from zoo.backend.tensorflow.beside import keep_tensorflow_off_gpus

    keep_tensorflow_off_gpus()
    return keras_cv
