"""Search for the largest batch that fits: doubling until one doesn't, then bisecting."""

from collections.abc import Callable

LIMIT = 2**17
PRECISION = 16
"""Bisecting ends when the largest that fits is within a 16th of the smallest that doesn't."""


def largest_batch(fits: Callable[[int], bool], start: int, limit: int = LIMIT) -> int:
    """Returns the largest batch size found to fit into memory, 0 if not even one image does.

    Args:
        fits: whether a batch size fits; called at most once for each.
        start: first size to try.
        limit: largest size to try.
    """
    low, high = 0, None
    size = start
    while high is None and size <= limit:
        if fits(size):
            low, size = size, 2 * size
        else:
            high = size
    while high is not None and high - low > max(1, low // PRECISION):
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
