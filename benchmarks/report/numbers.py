"""Figures for readers: three significant digits, thousands separated."""

from collections.abc import Callable

NONE = "-"
"""Placeholder where nothing was measured."""


def figure(value: float | None) -> str:
    """Formats a positive number to three digits, or to whole ones.

    Example:

    >>> [figure(value) for value in (0.1234, 1.234, 12.34, 1234.5)]
    ['0.123', '1.23', '12.3', '1,234']
    """
    if value is None:
        return NONE
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 9.995 else 2 if abs(value) >= 0.9995 else 3
    return f"{value:.{digits}f}"


def spread(summary: dict | None, form: Callable[[float], str] = figure) -> str:
    """Formats a `summarize` as "median [p10, p90]"."""
    if summary is None:
        return NONE
    median, low, high = (form(summary[key]) for key in ("median", "p10", "p90"))
    return f"{median} [{low}, {high}]"


def ratio(value: float | None) -> str:
    """Formats a ratio to two decimals, or to three below 0.1."""
    return NONE if value is None else f"{value:.{2 if value >= 0.0995 else 3}f}"


def percent(value: float | None) -> str:
    """Formats a share in percent, to one decimal."""
    return NONE if value is None else f"{value:.1%}"


def memory(size: float | None) -> str:
    """Formats a size in bytes in MB or GB, units of 1000."""
    if size is None:
        return NONE
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
