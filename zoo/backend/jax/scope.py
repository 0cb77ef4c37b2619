"""Imperative code as pure functions: a chain of Keras' scopes, for use inside `jax.grad`."""

import keras


class ChainedScope(keras.StatelessScope):
    """A scope whose reads fall through to the scope around it; Keras' own scope hides that one."""

    def __init__(self, mapping):
        super().__init__(mapping, collect_losses=True)  # so that layers know that they added some

    def __enter__(self):
        super().__enter__()
        self.updated = {}
        return self

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            value = self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update):
        self.updated[id(update[0])] = update[0]
        super().add_update(update)


def purify(function, variables):
    """Makes `function` pure in the values of `variables`.

    What the function assigns on its way (batch statistics, seeds) would leak tracers if it were
    stored at once, so it leaves the differentiated function as an output and is assigned outside.

    Returns:
        `pure(values, *inputs) -> (result, updates)`, and `commit(updates)`.
    """
    updated = []

    def pure(values, *inputs):
        with ChainedScope(zip(variables, values, strict=True)) as scope:
            result = function(*inputs)
            updated[:] = scope.updated.values()
            return result, [scope.get_current_value(v) for v in updated]

    def commit(updates):
        for variable, value in zip(updated, updates, strict=True):
            variable.assign(value)

    return pure, commit
