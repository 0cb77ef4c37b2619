"""Figures as a reader likes them: three digits, thousands apart."""

NONE = "-"
"""Stands where nothing was measured."""


def figure(value):
    """A positive number to three digits, or to the last whole: 0.123, 1.23, 12.3, 1,234."""
    if value is None:
        return NONE
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 9.995 else 2 if abs(value) >= 0.9995 else 3
    return f"{value:.{digits}f}"


def spread(summary, form=figure):
    """A `summarize`: "median [p10, p90]"."""
    if summary is None:
        return NONE
    median, low, high = (form(summary[key]) for key in ("median", "p10", "p90"))
    return f"{median} [{low}, {high}]"


def ratio(value):
    """A ratio to two decimals; a smaller one than 0.1 to three."""
    return NONE if value is None else f"{value:.{2 if value >= 0.0995 else 3}f}"


def percent(value):
    return NONE if value is None else f"{value:.1%}"


def memory(size):
    """A size in bytes, in units of 1000."""
    if size is None:
        return NONE
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
