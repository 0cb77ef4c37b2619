"""Adversarial losses on logits, of the discriminator and of the generator.

| name             | discriminator                     | generator     | paper                   |
|------------------|-----------------------------------|---------------|-------------------------|
| `minimax`        | sp(-r) + sp(f)                    | -sp(f)        | Goodfellow et al. 2014  |
| `non_saturating` | sp(-r) + sp(f)                    | sp(-f)        | the same, end of sec. 3 |
| `least_squares`  | (r - 1)^2 / 2 + f^2 / 2           | (f - 1)^2 / 2 | Mao et al. 2017         |
| `hinge`          | max(0, 1 - r) + max(0, 1 + f)     | -f            | Lim & Ye 2017           |
| `wasserstein`    | f - r                             | -f            | Arjovsky et al. 2017    |

(r, f: the logits of real and of fake samples, averaged over the batch; sp: softplus. With
D = sigmoid(logit), log D = -sp(-logit) and log(1 - D) = -sp(logit), which never overflow.)
"""

import difflib
from typing import Any

import keras
from keras import ops

from zoo.errors import InvalidInputError


class AdversarialLoss:
    """Base of the losses; any object with these two methods works as well.

    Example:

    ```python
    class Shifted(zoo.losses.NonSaturating):
        def generator(self, fake_logits):
            return super().generator(fake_logits - 0.1)

    model.compile(loss=Shifted())
    ```
    """

    threshold = 0.0
    """A logit above this counts as "real" in the accuracy metrics."""

    def discriminator(self, real_logits: Any, fake_logits: Any) -> Any:
        """Returns what the discriminator minimizes.

        Args:
            real_logits: float32 tensor (batch, ...), on real samples.
            fake_logits: float32 tensor (batch, ...), on generated samples.

        Returns:
            A scalar.
        """
        raise NotImplementedError

    def generator(self, fake_logits: Any) -> Any:
        """Returns what the generator minimizes, from the logits (batch, ...) on its samples."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("zoo")
class NonSaturating(AdversarialLoss):
    """Cross-entropy; the generator maximizes log D(G(z)) (Goodfellow et al. 2014, section 3).

    Args:
        real_label: the discriminator's target on real samples, in (0.5, 1]. Under 1 it is
            one-sided label smoothing (Salimans et al. 2016, section 3.4).
    """

    def __init__(self, real_label: float = 1.0):
        if not 0.5 < real_label <= 1.0:
            raise InvalidInputError(
                f"`real_label` must be over 0.5 and at most 1. Received: real_label={real_label}"
            )
        self.real_label = real_label

    def discriminator(self, real_logits, fake_logits):
        # Cross-entropy against the target t: t sp(-r) + (1 - t) sp(r) = sp(-r) + (1 - t) r.
        real = ops.softplus(-real_logits) + (1.0 - self.real_label) * real_logits
        return ops.mean(real) + ops.mean(ops.softplus(fake_logits))

    def generator(self, fake_logits):
        return ops.mean(ops.softplus(-fake_logits))

    def get_config(self):
        return {"real_label": self.real_label}


@keras.saving.register_keras_serializable("zoo")
class Minimax(NonSaturating):
    """The saturating formula of 2014: the generator minimizes log(1 - D(G(z))).

    Its gradient vanishes where the discriminator is confident, hence `NonSaturating`.
    """

    def generator(self, fake_logits):
        return -ops.mean(ops.softplus(fake_logits))


@keras.saving.register_keras_serializable("zoo")
class LeastSquares(AdversarialLoss):
    """Squared distance to the labels 0 and 1 (Mao et al. 2017, equation 9)."""

    threshold = 0.5

    def discriminator(self, real_logits, fake_logits):
        return 0.5 * (ops.mean(ops.square(real_logits - 1.0)) + ops.mean(ops.square(fake_logits)))

    def generator(self, fake_logits):
        return 0.5 * ops.mean(ops.square(fake_logits - 1.0))


@keras.saving.register_keras_serializable("zoo")
class Hinge(AdversarialLoss):
    """Hinge loss (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17)."""

    def discriminator(self, real_logits, fake_logits):
        return ops.mean(ops.relu(1.0 - real_logits)) + ops.mean(ops.relu(1.0 + fake_logits))

    def generator(self, fake_logits):
        return -ops.mean(fake_logits)


@keras.saving.register_keras_serializable("zoo")
class Wasserstein(AdversarialLoss):
    """The critic's estimate of the Wasserstein-1 distance (Arjovsky et al. 2017).

    Needs a Lipschitz critic: compile with `gradient_penalty=10.0` (Gulrajani et al. 2017).
    """

    def discriminator(self, real_logits, fake_logits):
        return ops.mean(fake_logits) - ops.mean(real_logits)

    def generator(self, fake_logits):
        return -ops.mean(fake_logits)


LOSSES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
}


def get(identifier: str | AdversarialLoss) -> AdversarialLoss:
    """Returns the loss of this name; an object with the two methods is returned unchanged.

    Args:
        identifier: one of `LOSSES`, or an object with `discriminator(real_logits, fake_logits)`
            and `generator(fake_logits)`.

    Raises:
        InvalidInputError: for anything else.

    Example:

    >>> float(get("hinge").generator(ops.convert_to_tensor([1.0, 3.0])))
    -2.0
    """
    if isinstance(identifier, str) and identifier in LOSSES:
        return LOSSES[identifier]()
    methods = (getattr(identifier, name, None) for name in ("discriminator", "generator"))
    if not isinstance(identifier, (str, type)) and all(callable(method) for method in methods):
        return identifier
    closest = difflib.get_close_matches(str(identifier), LOSSES, n=1)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    raise InvalidInputError(
        f"`loss` must be one of {', '.join(map(repr, LOSSES))}, or an object with the methods "
        f"`discriminator(real_logits, fake_logits)` and `generator(fake_logits)`.{hint} "
        f"Received: loss={identifier!r}"
    )


def serialize(loss: AdversarialLoss) -> Any:
    """Returns a loss as plain values; one without `get_config` by the name of its class."""
    if hasattr(loss, "get_config"):
        return keras.saving.serialize_keras_object(loss)
    return {"class_name": type(loss).__name__, "module": type(loss).__module__, "config": None}


def deserialize(config) -> AdversarialLoss:
    """Returns the loss of what `serialize` returned.

    Raises:
        InvalidInputError: for a loss that has no `get_config`.
    """
    if config.get("config", {}) is None:
        raise InvalidInputError(
            f"The model was compiled with a loss that has no `get_config`: {config['class_name']}. "
            "Load it with `compile=False` and compile it, or derive the loss from "
            "`zoo.losses.AdversarialLoss`."
        )
    return keras.saving.deserialize_keras_object(config)
