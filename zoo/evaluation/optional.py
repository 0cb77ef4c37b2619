"""Importing packages that only some measurements need."""

import importlib

from zoo.errors import MissingDependencyError


def import_optional(module, package):
    """Imports and returns a module of a package that `zoo` doesn't require.

    Args:
        module: str, `"skimage.metrics"` for example.
        package: str, the name that pip knows it by.

    Raises:
        MissingDependencyError: If it can't be imported.

    Example:

    >>> import_optional("skimage.metrics", "scikit-image").structural_similarity
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        # The cause is told too: an installed package can lack a library of the system.
        raise MissingDependencyError(
            f"This takes {package}, and importing {module} failed: {error}. "
            f"Run: pip install {package}"
        ) from error
