"""The models of a page: each is loaded when it is first used, and kept."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from zoo.errors import InvalidInputError
from zoo.hub import loading
from zoo.hub.specs import ModelSpec


class Models:
    """Models by their names, of which one request at a time uses some.

    Args:
        names: registered models, paths of runs' folders, or addresses on the hub.

    Raises:
        UnknownModelError: If a name isn't registered.
        CardError: If there is no sound card at a path.

    Example:

    >>> from zoo.demo.models import Models
    >>> Models(["dcgan_mnist", "inpaint_mnist"]).names(restoring=True)
    ['inpaint_mnist']
    """

    def __init__(self, names: Sequence[str]):
        self._specs = {name: loading.find_spec(name) for name in names}
        self._loaded: dict[str, Any] = {}
        # Keras' models compile and cache when they are called, which no two threads may do at once.
        self._lock = threading.Lock()

    def spec(self, name: str) -> ModelSpec:
        """Returns what a model is.

        Raises:
            InvalidInputError: If it isn't one of the page's models.
        """
        # Requests can hold any text: none of them may load what lies at a path of their choice.
        if not isinstance(name, str) or name not in self._specs:
            raise InvalidInputError(
                f"The model must be one of {', '.join(self._specs)}. Received: {name!r}"
            )
        return self._specs[name]

    def names(self, restoring: bool) -> list[str]:
        """Returns the names of the models that restore, or of those that draw."""
        return [name for name in self._specs if self.restores(name) is restoring]

    def restores(self, name: str) -> bool:
        """Returns whether a model restores pictures, and draws none.

        Raises:
            InvalidInputError: If it isn't one of the page's models.
        """
        task = self.spec(name).task
        if task is not None:
            return task == "restore"
        with self.use(name) as (model,):  # a family of the user's: only the built model tells
            return hasattr(model, "inpaint")

    @contextlib.contextmanager
    def use(self, *names: str) -> Iterator[list[Any]]:
        """Yields models, loaded, while no other thread uses any.

        Args:
            *names: str, of the page's models.

        Raises:
            ZooError: As `zoo.load` raises them.
        """
        for name in names:
            self.spec(name)
        with self._lock:
            for name in names:
                if name not in self._loaded:
                    self._loaded[name] = loading.load(name)
            yield [self._loaded[name] for name in names]
