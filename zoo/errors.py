"""Errors that `zoo` raises on purpose, one type per cause.

Each derives from `ZooError`, so that `except zoo.ZooError` catches them all, and from the
built-in exception that a caller would expect, so that ordinary handlers work as well.
A message says what was expected, what was received and what to do.
"""


class ZooError(Exception):
    """Base class of all errors that `zoo` raises on purpose."""


class InvalidInputError(ZooError, ValueError):
    """An argument, an image array or a configuration that the function doesn't accept."""


class BusyError(ZooError, RuntimeError):
    """A call on a model that another thread trains or evaluates."""


class UnknownModelError(ZooError, LookupError):
    """A name under which no model is registered."""


class DuplicateModelError(ZooError, ValueError):
    """A name that another registered model has."""


class DatasetError(ZooError, ValueError):
    """A data set that is unknown, empty, or can't be read."""


class WeightsNotFoundError(ZooError, FileNotFoundError):
    """A weights file that isn't where it should be."""


class WeightsFormatError(ZooError, ValueError):
    """A file that isn't an HDF5 weights file, or holds anything but finite arrays."""


class WeightsMismatchError(ZooError, ValueError):
    """A sound weights file of another architecture."""


class ChecksumError(ZooError, ValueError):
    """A file whose sha256 isn't the one on its card."""


class DownloadError(ZooError, OSError):
    """A download that failed after all retries."""


class CardError(ZooError, ValueError):
    """A model card that lacks a field, or has a field of the wrong type or size."""


class MissingDependencyError(ZooError, ImportError):
    """An optional package, a backend for example, that isn't installed."""


class CheckpointError(ZooError, RuntimeError):
    """A checkpoint that can't be written or read, or that belongs to another run."""


class DivergenceError(ZooError, ArithmeticError):
    """Training that yields nothing but NaN or infinity."""


class ReplicaError(ZooError, RuntimeError):
    """Training on several devices whose processes can't go on together."""


class ExportError(ZooError, RuntimeError):
    """A model that can't be converted to a format, or a file that draws something else."""
