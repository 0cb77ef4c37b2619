"""What `compile` was given: a record that the step reads and that `.keras` files keep."""

from dataclasses import dataclass

import keras

from zoo import losses
from zoo.adversarial.diff_augment import DiffAugment
from zoo.adversarial.instance_noise import InstanceNoise
from zoo.adversarial.optimizers import PairedOptimizer
from zoo.checks import check_count, check_fraction, check_weight
from zoo.errors import InvalidInputError


@dataclass(frozen=True, kw_only=True)
class TrainingSetup:
    """How the two networks of a model train, checked; see `BaseGAN.compile` for each field.

    Raises:
        InvalidInputError: for a number out of range.
    """

    loss: losses.AdversarialLoss
    discriminator_steps: int
    gradient_penalty: float
    r1_penalty: float
    average_decay: float | None
    diff_augment: DiffAugment | None
    instance_noise: InstanceNoise
    skip_nonfinite: bool
    run_eagerly: bool
    steps_per_execution: int
    jit_compile: bool | str

    def __post_init__(self):
        check_count("discriminator_steps", self.discriminator_steps, minimum=0)
        check_weight("gradient_penalty", self.gradient_penalty)
        check_weight("r1_penalty", self.r1_penalty)
        if self.average_decay is not None:
            check_fraction("average_decay", self.average_decay)

    def get_config(self) -> dict:
        """Returns the arguments of `compile` as plain values, all but the optimizers."""
        augment, noise = self.diff_augment, self.instance_noise
        return {
            **vars(self),
            "loss": losses.serialize(self.loss),
            "diff_augment": None if augment is None else list(augment.policy),
            "instance_noise": noise.stddev,
            "instance_noise_steps": noise.steps,
        }


def pair_optimizers(generator_optimizer, discriminator_optimizer, policy):
    """Returns the `PairedOptimizer` of what `compile` was given.

    Args:
        generator_optimizer: Keras optimizer, its name, its configuration, or `None`.
        discriminator_optimizer: likewise.
        policy: `keras.DTypePolicy`; computing in float16, each optimizer scales its own loss.

    Raises:
        InvalidInputError: for one object given twice.
    """
    given = (generator_optimizer, discriminator_optimizer)
    if isinstance(given[0], keras.optimizers.Optimizer) and given[0] is given[1]:
        raise InvalidInputError(
            "Each network needs an optimizer of its own, with its own slots. Received: the same "
            "object as `generator_optimizer` and `discriminator_optimizer`"
        )
    return PairedOptimizer(*(_prepare(optimizer, policy) for optimizer in given))


def _prepare(optimizer, policy):
    if optimizer is None:
        beta_2 = 0.99 if policy.variable_dtype == "bfloat16" else 0.999  # which would be 1 there
        optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=beta_2)
    optimizer = keras.optimizers.get(optimizer)
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if policy.compute_dtype == "float16" and not scaled:
        # Gradients of float16 underflow without it.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


class AddedLosses:
    """Refuses losses of the networks' own, which the step would ignore.

    Regularizers are there from the start. Which other layers call `add_loss` shows in a call only.

    Args:
        *networks: built `keras.Model`s.

    Raises:
        InvalidInputError: for a weight or activity regularizer, or an added loss.
    """

    def __init__(self, *networks):
        layers = [layer for network in networks for layer in network._flatten_layers()]
        weights = [
            variable.path
            for network in networks
            for variable in network.variables
            if getattr(variable, "regularizer", None) is not None
        ]
        if weights:
            raise InvalidInputError(
                "Networks must have no weight regularizers, which the step would ignore; give the "
                f"optimizers a `weight_decay` instead. Received: regularizers of {_list(weights)}"
            )
        active = [layer.name for layer in layers if layer.activity_regularizer is not None]
        if active:
            raise InvalidInputError(
                "Networks must have no activity regularizers, which the step would ignore; put "
                "them into a loss of your own (`compile(loss=...)`) instead. Received: "
                f"regularizers of {_list(active)}"
            )
        # Keras' own layers add none.
        self._candidates = [
            layer for layer in layers if not type(layer).__module__.startswith(("keras.", "zoo."))
        ]
        self.refuse()

    def refuse(self):
        """Raises `InvalidInputError` if a layer added a loss in its last call."""
        added = [layer.name for layer in self._candidates if layer._losses or layer._loss_ids]
        if added:
            raise InvalidInputError(
                "The networks' layers must not call `add_loss`, which the step would ignore; put "
                "the term into a loss of your own (`compile(loss=...)`) or override "
                f"`generator_loss`. Received: losses of {_list(added)}"
            )


def _list(names):
    return ", ".join(sorted(set(names)))
