"""Names of the differentiable augmentations, readable before Keras is imported."""

from zoo.errors import InvalidInputError

POLICIES = ("color", "translation", "cutout")


def read_policy(value):
    """Which augmentations are meant, in the order in which they are applied.

    Args:
        value: str of names between commas, "color,translation" for example; or a tuple or a list of
            them.

    Returns:
        tuple of str, at least one.

    Raises:
        InvalidInputError: for anything else.
    """
    names = value.split(",") if isinstance(value, str) else value
    if isinstance(names, (tuple, list)) and names and all(isinstance(n, str) for n in names):
        names = tuple(name.strip() for name in names)
        if set(names) <= set(POLICIES) and len(set(names)) == len(names):
            return names
    raise InvalidInputError(
        f"`diff_augment` must be some of {', '.join(map(repr, POLICIES))}, each once: a tuple, or "
        f'a str with commas, "color,translation,cutout" for example. '
        f"Received: diff_augment={value!r}"
    )
