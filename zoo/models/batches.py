"""Many samples, batch by batch."""


def batch_slices(count, batch_size):
    """Slices of equal length that cover `count` samples.

    The last one overlaps the one before it: one shape, one compilation.
    """
    batch_size = max(1, min(count, batch_size))
    for start in range(0, count, batch_size):
        stop = min(start + batch_size, count)
        yield slice(stop - batch_size, stop)
