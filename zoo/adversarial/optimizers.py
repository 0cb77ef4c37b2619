"""The optimizers of both networks, which Keras' trainer sees as one."""

import warnings

import keras
from keras import ops

from zoo.errors import InvalidInputError


@keras.saving.register_keras_serializable("zoo")
class PairedOptimizer(keras.optimizers.Optimizer):
    """Holds the generator's and the discriminator's optimizer.

    Keras' trainer packs `model.optimizer` into a step's state and saves it; a second optimizer
    beside it would be left out (on JAX its updates silently vanish). So there is one, whose
    `variables` are those of both. It takes no gradients itself: the step applies each half to its
    own network.

    Args:
        generator_optimizer: `keras.optimizers.Optimizer`.
        discriminator_optimizer: `keras.optimizers.Optimizer`, another object.
    """

    def __init__(self, generator_optimizer, discriminator_optimizer, name="paired"):
        super().__init__(learning_rate=0.0, name=name)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self._rate_ratio = None
        self._rate_scale = 1.0

    def build_pair(self, generator_variables, discriminator_variables):
        """Creates the slots of both, so that a step creates no variable."""
        self._generator_variables = list(generator_variables)
        self._discriminator_variables = list(discriminator_variables)
        for name, optimizer, variables in (
            ("generator", self.generator_optimizer, self._generator_variables),
            ("discriminator", self.discriminator_optimizer, self._discriminator_variables),
        ):
            _check_precision(name, _innermost(optimizer), variables)
            if not optimizer.built:
                optimizer.build(variables)
            elif list(map(id, optimizer._trainable_variables)) != list(map(id, variables)):
                raise InvalidInputError(
                    f"`{name}_optimizer` must be a new optimizer, or the one that trained this "
                    "network before. Received: one with the slots of other variables."
                )
        self.built = True
        # Where `keras.callbacks.SwapEMAWeights` looks for averaged weights.
        halves = map(_innermost, (self.generator_optimizer, self.discriminator_optimizer))
        averaging = [half for half in halves if half.use_ema]
        for name in ("_trainable_variables", "_model_variables_moving_average"):
            if averaging:
                setattr(self, name, [v for half in averaging for v in getattr(half, name)])

    def build(self, variables):
        """Does nothing: Keras passes all variables at once, `build_pair` takes them apart."""

    @property
    def variables(self):
        """Slots, iteration counts and rates of both optimizers."""
        return self.generator_optimizer.variables + self.discriminator_optimizer.variables

    @property
    def iterations(self):
        """The generator's updates so far."""
        return self.generator_optimizer.iterations

    @property
    def batches(self):
        """The generator's batches so far: more than updates if gradients are accumulated."""
        return _innermost(self.generator_optimizer)._iterations

    @property
    def learning_rate(self):
        """The generator's rate. Setting it scales the discriminator's by the same factor.

        So `ReduceLROnPlateau` and `LearningRateScheduler` keep the ratio of a two-time-scale rule.
        """
        return self.generator_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
            raise TypeError(
                "A schedule belongs to one network's optimizer: pass it to `generator_optimizer` "
                "or `discriminator_optimizer` in `compile()`."
            )
        pair = (self.generator_optimizer, self.discriminator_optimizer)
        rates = [float(optimizer.learning_rate) for optimizer in pair]
        if rates[0] > 0.0:  # else it was set to 0, and the earlier ratio holds
            self._rate_ratio = rates[1] / rates[0]
        ratio = 1.0 if self._rate_ratio is None else self._rate_ratio
        # The other one first: if it follows a schedule and refuses, neither has changed.
        self.discriminator_optimizer.learning_rate = float(value) * ratio
        try:
            self.generator_optimizer.learning_rate = value
        except TypeError:
            self.discriminator_optimizer.learning_rate = rates[1]
            raise

    @property
    def rate_scale(self):
        """The factor on the rates' schedules: under 1 once `lower_rates` was called.

        A function that was compiled before it is set must be compiled again.
        """
        return self._rate_scale

    @rate_scale.setter
    def rate_scale(self, scale):
        for optimizer in map(_innermost, (self.generator_optimizer, self.discriminator_optimizer)):
            rate = optimizer._learning_rate
            if isinstance(rate, ScaledSchedule):
                rate = rate.schedule
            if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
                optimizer._learning_rate = ScaledSchedule(rate, scale) if scale != 1.0 else rate
        self._rate_scale = scale

    def lower_rates(self, factor):
        """Multiplies both rates by a factor, whether they follow schedules or not.

        Args:
            factor: float.
        """
        for optimizer in map(_innermost, (self.generator_optimizer, self.discriminator_optimizer)):
            if isinstance(optimizer._learning_rate, keras.Variable):
                optimizer._learning_rate.assign(optimizer._learning_rate * factor)
        self.rate_scale = self._rate_scale * factor

    def finalize_variable_values(self, var_list):
        """At the end of `fit`: lets each optimizer that averages weights write its average."""
        del var_list
        self.generator_optimizer.finalize_variable_values(self._generator_variables)
        self.discriminator_optimizer.finalize_variable_values(self._discriminator_variables)

    def save_own_variables(self, store):
        """Saves nothing of its own: Keras' saving walks into both optimizers by itself."""

    def load_own_variables(self, store):
        """Loads nothing of its own, see `save_own_variables`."""

    def get_config(self):
        serialize = keras.optimizers.serialize
        return {
            "generator_optimizer": serialize(self.generator_optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("generator_optimizer", "discriminator_optimizer"):
            config[key] = keras.optimizers.deserialize(config[key], custom_objects)
        return cls(**config)


@keras.saving.register_keras_serializable("zoo")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate schedule multiplied by a factor.

    Args:
        schedule: `keras.optimizers.schedules.LearningRateSchedule`.
        scale: float.
    """

    def __init__(self, schedule, scale):
        self.schedule, self.scale = schedule, scale

    def __call__(self, step):
        return self.schedule(step) * self.scale

    def get_config(self):
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "scale": self.scale}

    @classmethod
    def from_config(cls, config):
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["scale"])


def _check_precision(name, optimizer, variables):
    """Warns of weights that lose small updates, and refuses an Adam that would make none at all."""
    halves = {v.dtype for v in variables} & {"float16", "bfloat16"}
    for dtype in sorted(halves):
        for option in ("beta_1", "beta_2"):
            beta = getattr(optimizer, option, 0.0)
            if beta < 1.0 == float(ops.cast(ops.cast(beta, dtype), "float32")):
                raise InvalidInputError(
                    f"`{name}_optimizer` computes in {dtype} like its weights, where {option} is "
                    f"1: no weight would ever move. Use the policy 'mixed_{dtype}', or "
                    f"{option}=0.99. Received: {option}={beta}"
                )
        warnings.warn(
            f"the {name}'s weights are {dtype}: updates much smaller than a weight are rounded "
            f"away. The policy 'mixed_{dtype}' computes in {dtype} and keeps weights in float32",
            stacklevel=4,
        )


def _innermost(optimizer):
    """Returns the optimizer that holds the rate: under loss scaling, the inner one."""
    return getattr(optimizer, "inner_optimizer", optimizer)
