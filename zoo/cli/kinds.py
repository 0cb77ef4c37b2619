"""Which models draw from nothing, which restore pictures: a command is for one kind."""

from zoo.errors import InvalidInputError

RESTORING = "inpainting_gan"
"""Family of the zoo's own models that restore."""


def check_restores(name, model=None):
    """Raises `InvalidInputError` unless a model is one for `zoo inpaint`.

    Args:
        name: str, a registered model.
        model: what it builds. Without it, a family that isn't the zoo's own is let pass.
    """
    if restores(name, model) is False:
        raise InvalidInputError(
            f"{name!r} draws images and restores none; `zoo sample {name}` draws some. Restoring: "
            f"{', '.join(_names(restoring=True))}."
        )


def check_draws(name, model=None):
    """Raises `InvalidInputError` unless a model is one for `zoo sample`; see `check_restores`."""
    if restores(name, model) is True:
        raise InvalidInputError(
            f"{name!r} restores pictures and draws none from nothing. Write: zoo inpaint {name} "
            f"PICTURE MASK. Drawing: {', '.join(_names(restoring=False))}."
        )


def restores(name, model=None):
    """Whether a model restores pictures; `None` where only building it would tell."""
    from zoo.hub import registry

    if model is not None:
        return hasattr(model, "inpaint")
    task = registry.find(name).task
    return None if task is None else task == "restore"


def _names(restoring):
    from zoo.hub import registry

    return [name for name in registry.names() if restores(name) is restoring]
