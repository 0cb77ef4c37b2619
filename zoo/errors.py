"""Every error that `zoo` raises on purpose: one type per cause.

Each derives from `ZooError`, so that `except zoo.ZooError` catches them all, and from the
built-in exception that a caller would expect, so that ordinary handlers work as well.
A message says what was expected, what was received and what to do.
"""


class ZooError(Exception):
    """Base of all errors that `zoo` raises on purpose."""


class InvalidInputError(ZooError, ValueError):
    """An argument, an image array or a configuration isn't what the function takes."""


class UnknownModelError(ZooError, LookupError):
    """No model is registered under this name."""


class DuplicateModelError(ZooError, ValueError):
    """The name is taken by another registered model."""


class DatasetError(ZooError, ValueError):
    """A data set is unknown, empty, or can't be read."""


class WeightsNotFoundError(ZooError, FileNotFoundError):
    """No weights file where one was looked for."""


class WeightsFormatError(ZooError, ValueError):
    """The file isn't an HDF5 weights file, or holds something else than finite arrays."""


class WeightsMismatchError(ZooError, ValueError):
    """A sound weights file, but of another architecture."""


class ChecksumError(ZooError, ValueError):
    """A file's sha256 isn't the one its card promises."""


class DownloadError(ZooError, OSError):
    """A download failed, after all retries."""


class CardError(ZooError, ValueError):
    """A model card is missing a field, or a field has the wrong type."""


class MissingDependencyError(ZooError, ImportError):
    """An optional package (a backend, for example) isn't installed."""


class CheckpointError(ZooError, RuntimeError):
    """A checkpoint can't be written, can't be read, or belongs to another run."""


class DivergenceError(ZooError, ArithmeticError):
    """Training gives nothing but NaN or infinity."""
