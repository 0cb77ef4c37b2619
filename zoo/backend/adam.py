"""When an update may go to the backend's fused Adam kernel: the same formula in one pass."""

from keras import ops

CHANGES = (
    "amsgrad",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "gradient_accumulation_steps",
    "loss_scale_factor",
)
"""Options of Keras' Adam that change the update, or what surrounds it."""


def is_plain(optimizer, variables):
    """Whether an update of the variables is Keras' own Adam, in float32, and nothing else."""
    kind = type(optimizer)
    return (
        kind.__name__ == "Adam"
        and kind.__module__.startswith("keras.")
        and not any(getattr(optimizer, name) for name in CHANGES)
        and all(v.dtype == "float32" and v.constraint is None for v in variables)
        and not any(getattr(v, "overwrite_with_gradient", False) for v in variables)
    )


def slots(optimizer, variables):
    """First and second moments of the variables, as two lists of Keras variables."""
    indices = [optimizer._get_variable_index(v) for v in variables]
    return tuple(
        [moments[i] for i in indices] for moments in (optimizer._momentums, optimizer._velocities)
    )


def powers(optimizer):
    """beta_1^t and beta_2^t of the coming update: float32 scalars."""
    step = ops.cast(optimizer.iterations + 1, "float32")
    return ops.power(optimizer.beta_1, step), ops.power(optimizer.beta_2, step)
