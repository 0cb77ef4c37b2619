"""How large a model may be whose configuration a stranger wrote, before memory is taken for it."""

import contextlib
import contextvars
import math

from zoo.errors import InvalidInputError

MAX_PARAMETERS = 100_000_000
"""Twenty times the largest model that ships; 400 MB in float32."""

_left = contextvars.ContextVar("parameters that may still be made", default=None)


@contextlib.contextmanager
def limited_parameters(limit=MAX_PARAMETERS):
    """Within this block, initializing more numbers than this in all is an error.

    Args:
        limit: int.

    Raises:
        InvalidInputError: from the initializer of the weight that is too much.
    """
    token = _left.set(limit)
    try:
        yield
    finally:
        _left.reset(token)


def count_parameters(shape):
    """Tells of a weight that is about to be made."""
    left = _left.get()
    if left is None:
        return
    left -= math.prod(int(side) for side in shape)
    if left < 0:
        raise InvalidInputError(
            "The card's configuration, which isn't the registered one, asks for a model of more "
            f"than {MAX_PARAMETERS:,} weights. Received: a weight of shape {tuple(shape)}. Build "
            "it yourself if you trust it: zoo.load(NAME, weights=PATH, **configuration)"
        )
    _left.set(left)
