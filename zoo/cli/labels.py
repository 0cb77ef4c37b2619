"""Reads classes from a command line: numbers or names, separated by commas."""

from zoo.errors import InvalidInputError


def parse_labels(text, spec):
    """Returns the labels of classes given by number or name.

    Args:
        text: str, class numbers or names in the model's data set, in upper or lower case:
            `"7,7,3"` or `"cat, dog"`.
        spec: `zoo.hub.registry.ModelSpec`.

    Returns:
        list of int, from 0 to the model's number of classes - 1.

    Raises:
        InvalidInputError: if the model isn't class-conditional, or has no such class.

    Example:

    >>> from zoo.cli.labels import parse_labels
    >>> from zoo.hub import registry
    >>> parse_labels("cat, 3, Dog", registry.find("cdcgan_cifar10"))
    [3, 3, 5]
    """
    if not spec.conditional:
        raise InvalidInputError(
            f"--labels is for class-conditional models: {', '.join(_conditional_names())}. "
            f"Received: {spec.name}, which has no classes"
        )
    classes = spec.config["classes"]
    names = spec.class_names
    # A number takes precedence over a name that looks like one.
    label_of = {name.casefold(): label for label, name in enumerate(names)}
    label_of |= {str(label): label for label in range(classes)}
    items = [item.strip() for item in text.split(",")]
    unknown = [item for item in items if item.casefold() not in label_of]
    if unknown:
        known = f"numbers from 0 to {classes - 1}"
        # The names of digits are their numbers.
        if names and names != tuple(map(str, range(classes))):
            known += " or names, " + ", ".join(f"{i} {name}" for i, name in enumerate(names))
        raise InvalidInputError(
            f"`--labels` must be classes of {spec.name}, separated by commas: {known}. "
            f"Received: {', '.join(map(repr, unknown))}"
        )
    return [label_of[item.casefold()] for item in items]


def repeat_labels(labels, count):
    """Returns `count` labels, repeating the given ones in order."""
    return [labels[index % len(labels)] for index in range(count)]


def _conditional_names():
    from zoo.hub import registry

    return [name for name in registry.names() if registry.find(name).conditional]
