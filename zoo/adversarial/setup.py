"""How the two networks of a model are set to train: loss, optimizers, penalties, average."""

import keras

from zoo import losses
from zoo.adversarial.average import copy_network
from zoo.adversarial.diff_augment import DiffAugment
from zoo.adversarial.instance_noise import InstanceNoise
from zoo.adversarial.optimizers import PairedOptimizer
from zoo.checks import check_count, check_fraction, check_weight
from zoo.errors import InvalidInputError


class CompiledPair(keras.Model):
    """`compile` of a model with two networks, and its configuration for `.keras` files.

    Expects the attributes `generator`, `discriminator` and `sample_shape`, `symbolic_inputs()`, and
    of images `low` and `high`, the generator's range.
    """

    def __init__(self, name=None):
        super().__init__(name=name)
        self.diff_augment = self.instance_noise = None  # both are what `compile` sets
        self.average_generator = None
        self._average = None  # kept when off: Keras forgets no layer it has seen

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss="non_saturating",
        *,
        discriminator_steps=1,
        gradient_penalty=0.0,
        r1_penalty=0.0,
        average_decay=None,
        diff_augment=None,
        instance_noise=0.0,
        instance_noise_steps=None,
        skip_nonfinite=True,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Sets how the two networks train.

        Args:
            generator_optimizer: Keras optimizer, its name or its configuration; by default
                `Adam(2e-4, beta_1=0.5)` (Radford et al. 2015). May hold its own schedule.
            discriminator_optimizer: likewise, another object.
            loss: name in `zoo.losses.LOSSES`, or an object with its two methods.
            discriminator_steps: discriminator updates per generator update, k of Algorithm 1. All
                see the batch that `fit` hands over, each with fresh latents. 0 trains the
                generator alone against the discriminator as it stands.
            gradient_penalty: weight of the WGAN-GP penalty; 10 in its paper. Goes with any loss.
            r1_penalty: weight gamma of the R1 penalty on real samples. Goes with any loss.
            average_decay: decay of an exponential moving average of the generator's weights, 0.999
                for example. `generate` then samples from the average. `None` keeps none.
            diff_augment: augmentations applied to every image that the discriminator sees, real and
                generated (`DiffAugment`): some of `("color", "translation", "cutout")`, or a str
                with commas. Helps where images are few. `None`
                augments none. Images of networks of your own are taken to be in [-1, 1].
            instance_noise: standard deviation of the Gaussian noise on all samples that the
                discriminator sees, in the generator's range; see
                `zoo.adversarial.instance_noise.InstanceNoise`.
            instance_noise_steps: generator updates over which that noise falls to 0. `None` keeps
                it as it is.
            skip_nonfinite: bool, leave out steps with NaN or infinity in a loss or a gradient; the
                logs count them as `skipped_steps`. `zoo.HealthCallback` acts on them.
            run_eagerly: run the step without compilation, to debug it.
            steps_per_execution: steps per call of the compiled function (not on torch).
            jit_compile: `True`, `False` or `"auto"`, as in `keras.Model.compile`.

        Raises:
            InvalidInputError: for an unknown loss or augmentation, a number out of range, or
                `diff_augment` of samples that aren't images.
        """
        self.loss_object = losses.get(loss)
        check_count("discriminator_steps", discriminator_steps, minimum=0)
        check_weight("gradient_penalty", gradient_penalty)
        check_weight("r1_penalty", r1_penalty)
        if average_decay is not None:
            check_fraction("average_decay", average_decay)
        augment, noise = None, InstanceNoise(instance_noise, instance_noise_steps)
        if diff_augment is not None:
            low, high = getattr(self, "low", -1.0), getattr(self, "high", 1.0)
            augment = DiffAugment(diff_augment, self.sample_shape, low, high)
        self.diff_augment = augment
        self.instance_noise = noise if instance_noise else None
        self.discriminator_steps = discriminator_steps
        self.gradient_penalty = gradient_penalty
        self.r1_penalty = r1_penalty
        self.average_decay = average_decay
        self.skip_nonfinite = bool(skip_nonfinite)
        if average_decay is not None and self._average is None:
            self._average = copy_network(self.generator, self.symbolic_inputs())
        elif average_decay is not None and self.average_generator is None:
            self._average.set_weights(self.generator.get_weights())
        self.average_generator = None if average_decay is None else self._average

        optimizer = PairedOptimizer(
            self._prepare_optimizer(generator_optimizer),
            self._prepare_optimizer(discriminator_optimizer),
        )
        if optimizer.generator_optimizer is optimizer.discriminator_optimizer:
            raise InvalidInputError(
                "Each network needs an optimizer of its own, with its own slots. Received the "
                "same object as `generator_optimizer` and `discriminator_optimizer`."
            )
        optimizer.build_pair(
            self.generator.trainable_variables, self.discriminator.trainable_variables
        )
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            # Keras would wrap the pair; each half has its own scale (`_prepare_optimizer`).
            auto_scale_loss=False,
        )
        self._settings = {
            "discriminator_steps": discriminator_steps,
            "gradient_penalty": gradient_penalty,
            "r1_penalty": r1_penalty,
            "average_decay": average_decay,
            "diff_augment": None if augment is None else list(augment.policy),
            "instance_noise": instance_noise,
            "instance_noise_steps": instance_noise_steps,
            "skip_nonfinite": self.skip_nonfinite,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }

    def _prepare_optimizer(self, optimizer):
        if optimizer is None:
            optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        optimizer = keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if self.dtype_policy.compute_dtype == "float16" and not scaled:
            # Gradients of float16 underflow without it.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        return optimizer

    def sampling_network(self):
        """The generator to sample from: the moving average, if one is kept."""
        return self.generator if self.average_generator is None else self.average_generator

    def inference_jit(self):
        """`jit_compile` for drawing samples: as the step was compiled, "auto" before."""
        if not self.compiled:
            return "auto"
        return not self.run_eagerly and self._settings["jit_compile"]

    def get_compile_config(self):
        """How the model was compiled, for `.keras` files."""
        if not self.compiled:
            return {}
        return {
            "optimizer": keras.optimizers.serialize(self.optimizer),
            "loss": keras.saving.serialize_keras_object(self.loss_object),
            **self._settings,
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` tells."""
        config = dict(config)
        pair = keras.optimizers.deserialize(config.pop("optimizer"))
        loss = keras.saving.deserialize_keras_object(config.pop("loss"))
        self.compile(pair.generator_optimizer, pair.discriminator_optimizer, loss, **config)
