"""How sure a ratio of two medians is, judged by the spread of the windows behind them."""

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
FEWEST = 3
"""With fewer windows than this a resampled median tells nothing of the spread."""


def ratio_interval(a, b):
    """The 95% interval of median(b) / median(a), by the percentile bootstrap.

    Both lists are resampled with replacement, independently (they come from different runs), and
    the ratio of the medians taken anew, 10,000 times; the interval is what the middle 95% of
    these span. Nothing is assumed of the windows' distribution, and a single slow window moves a
    median little. With few windows it reaches from the lowest to the highest and is cautious.
    It knows the noise within the two runs only: not that the machine was in another state on
    another day.

    Args:
        a: list of n positive floats, n windows.
        b: list of m positive floats.

    Returns:
        `(low, high)`, the same for the same lists; None if a list has fewer than 3 windows.
    """
    if min(len(a), len(b)) < FEWEST:
        return None
    generator = np.random.default_rng(0)
    ratios = _medians(b, generator) / _medians(a, generator)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return float(low), float(high)


def _medians(windows, generator):
    """Medians of resampled windows, (10000,)."""
    chosen = generator.integers(len(windows), size=(RESAMPLES, len(windows)))
    return np.median(np.asarray(windows)[chosen], axis=1)
