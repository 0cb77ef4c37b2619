"""Figures as cards show them."""


def rounded(value, digits):
    """Plain values, with floats of so many significant digits.

    Args:
        value: dicts and lists of plain values.
        digits: int.
    """
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
