"""The largest batch that fits: doubling until one doesn't, then bisecting."""

LIMIT = 2**17
PRECISION = 16
"""Bisecting ends when what fits and what doesn't are less than a 16th apart."""


def largest_batch(fits, start, limit=LIMIT):
    """Searches for the largest batch that fits into memory.

    Args:
        fits: batch size -> bool; called at most once for each.
        start: int, the first to try.
        limit: int, the largest to try.

    Returns:
        The largest size that was found to fit, 0 if not even one image does.
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
