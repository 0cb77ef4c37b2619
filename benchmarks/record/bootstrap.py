"""Confidence interval of a ratio of two medians, from the spread of the windows behind them."""

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
FEWEST = 3
"""Windows below which resampled medians say nothing about the spread."""


def ratio_interval(a: list[float], b: list[float]) -> tuple[float, float] | None:
    """Estimates the 95% interval of median(b) / median(a) by the percentile bootstrap.

    Resamples both lists independently, with replacement, 10,000 times (they come from different
    runs), and takes the middle 95% of the ratios of medians. No distribution of the windows is
    assumed, and a single slow window hardly moves a median. With few windows the interval spans
    nearly their whole range, which is conservative. It covers the noise within the two runs, but
    not a machine that was in another state on another day.

    Args:
        a: positive floats, one per window.
        b: positive floats, one per window.

    Returns:
        `(low, high)`, the same for the same lists; None if a list has fewer than 3 windows.
    """
    if min(len(a), len(b)) < FEWEST:
        return None
    generator = np.random.default_rng(0)

    def medians(windows):
        chosen = generator.integers(len(windows), size=(RESAMPLES, len(windows)))
        return np.median(np.asarray(windows)[chosen], axis=1)

    ratios = medians(b) / medians(a)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return float(low), float(high)
