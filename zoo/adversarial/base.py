"""The adversarial step, written once: for any two Keras networks, on any backend."""

import inspect

import keras
from keras import ops

from zoo import backend
from zoo.adversarial import penalties
from zoo.adversarial.average import update_average
from zoo.adversarial.family import Family
from zoo.adversarial.feeding import feed_arrays
from zoo.adversarial.guard import Statistics, StepGuard, relative_diversity
from zoo.adversarial.means import Means
from zoo.adversarial.samplewise import is_samplewise
from zoo.checks import check_seed
from zoo.errors import InvalidInputError

DISCRIMINATOR_LOGS = ("discriminator_loss", "real_accuracy", "fake_accuracy")


class AdversarialPair(Family):
    """A generator and a discriminator that train against each other (Goodfellow et al. 2014).

    The base of all families: fitting, and the step. What a family is made of lies in the methods of
    `zoo.adversarial.family.Family`.

    Args:
        generator: built `keras.Model`.
        discriminator: built `keras.Model`.
        sample_shape: tuple, of one sample.
        seed: int, for what is drawn during training. `None` draws one.
        name: str.
    """

    def __init__(self, generator, discriminator, sample_shape, seed=None, name=None):
        check_seed(seed)
        super().__init__(name=name)
        self.seed = seed
        self.generator = generator
        self.discriminator = discriminator
        self.sample_shape = sample_shape
        self.drawing = None  # `zoo.models.drawing.Drawing`, from the first sample on
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._discriminator_means = Means(DISCRIMINATOR_LOGS)
        self._generator_means = Means(["generator_loss", *self.extra_losses(), "diversity"])
        self._skipped_steps = keras.metrics.Sum("skipped_steps")
        self._samplewise = is_samplewise(discriminator)
        self._statistics = Statistics(generator, discriminator)
        _refuse_regularizers([*generator.variables, *discriminator.variables])
        # All variables are there: a step that is traced must find them.
        self.built = True

    # -------------------------------------------------------------- fit, evaluate

    def fit(self, x=None, *args, **kwargs):
        """`keras.Model.fit`, with arrays checked before training starts.

        Args:
            x: samples (N, *sample_shape): an ndarray, a `tf.data.Dataset`, a torch `DataLoader` or
                a `PyDataset`. Image models take uint8 in 0..255 (scaled inside the step) or float
                in the generator's range.
            *args: as in `keras.Model.fit`.
            **kwargs: as in `keras.Model.fit`.

        Raises:
            InvalidInputError: for samples of another shape, empty, not finite or out of range.
        """
        self._assert_compile_called("fit")
        arguments = inspect.signature(keras.Model.fit).bind(self, x, *args, **kwargs).arguments
        del arguments["self"]
        validation = arguments.get("validation_data")
        self.check_arrays(x, arguments.get("y"))
        self.check_arrays(*keras.utils.unpack_x_y_sample_weight(validation)[:2])
        with backend.state_kept(self):
            return super().fit(**feed_arrays(arguments, self))

    def evaluate(self, *args, **kwargs):
        """`keras.Model.evaluate`; an error in it leaves the model as it was."""
        self._assert_compile_called("evaluate")
        with backend.state_kept(self):
            return super().evaluate(*args, **kwargs)

    # ------------------------------------------------------------------- step

    def make_train_function(self, force=False):
        """What `fit` calls: `steps_per_execution` steps, in one compiled loop."""
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = backend.fuse_steps(self, self.train_function)

    def train_step(self, *args):
        """One step of `fit`, in the signature that the backend's trainer calls it with."""
        return backend.run_step(self, self._adversarial_step, *args)

    def test_step(self, *args):
        """One step of `evaluate`, in the signature that the backend's trainer calls it with."""
        return backend.run_step(self, self._evaluation_step, *args)

    def _adversarial_step(self, data):
        """Algorithm 1 of Goodfellow et al. 2014, for one minibatch of real samples.

        The generator's update uses the fake samples of the last discriminator update: one forward
        pass of the generator serves both.
        """
        batch = self.prepare_batch(data)
        guard = StepGuard(self._statistics, self.skip_nonfinite)
        for _ in range(self.discriminator_steps - 1):
            self._update_discriminator(batch, self.generate_like(batch), guard)
        fake, pullback = backend.forward_and_pullback(
            lambda: self.generate_like(batch), self.generator.trainable_variables
        )
        if self.discriminator_steps > 0:
            self._update_discriminator(batch, fake, guard)
        self._update_generator(batch, fake, pullback, guard)
        return self._logs(guard)

    def _update_discriminator(self, batch, fake, guard):
        """Descends the discriminator's loss; the generator's variables are not its own."""
        fake = ops.stop_gradient(self.present(fake, batch))
        optimizer = self.optimizer.discriminator_optimizer

        def discriminate(samples):
            return self._logits(samples, batch)

        def objective():
            penalty = 0.0
            if self.r1_penalty:
                # The penalty's gradient and the loss share one forward pass on real samples.
                real_logits, gradient = penalties.logits_and_gradient(discriminate, batch.real)
                penalty += self.r1_penalty * penalties.r1_penalty(gradient)
                fake_logits = discriminate(fake)
            else:
                real_logits, fake_logits = self._judge_both(batch, fake)
            if self.gradient_penalty:
                penalty += self.gradient_penalty * penalties.unit_norm_penalty(
                    discriminate, batch.real, ops.cast(fake, "float32"), self.seed_generator
                )
            loss = self.loss_object.discriminator(real_logits, fake_logits) + penalty
            return optimizer.scale_loss(loss), (loss, real_logits, fake_logits)

        variables = self.discriminator.trainable_variables
        (_, outcome), gradients = backend.value_and_gradients(objective, variables)
        guard.apply_gradients(optimizer, gradients, variables, loss=outcome[0])
        self._track_discriminator(*outcome, guard.sound)

    def _update_generator(self, batch, fake, pullback, guard):
        """Descends the generator's loss through the discriminator, which stays as it is."""
        optimizer = self.optimizer.generator_optimizer

        def objective(fake):
            loss, extras = self.generator_loss(fake, batch)
            return optimizer.scale_loss(loss), (loss, extras)

        (_, outcome), fake_gradients = backend.input_gradient(objective, fake)
        variables = self.generator.trainable_variables
        guard.apply_gradients(optimizer, pullback(fake_gradients), variables, loss=outcome[0])
        guard.keep_statistics()
        if self.average_generator is not None:
            update_average(
                self.average_generator,
                self.generator,
                self.average_decay,
                optimizer.iterations,
                guard.sound,
            )
        self._track_generator(batch, fake, *outcome, guard.sound)

    def _evaluation_step(self, data):
        """Losses (without penalties) and accuracies in inference mode."""
        batch = self.prepare_batch(data, training=False)
        fake = self.generate_like(batch, training=False)
        real_logits = self._logits(batch.real, batch, training=False)
        fake_logits = self._logits(self.present(fake, batch), batch, training=False)
        loss = self.loss_object.discriminator(real_logits, fake_logits)
        self._track_discriminator(loss, real_logits, fake_logits)
        self._track_generator(batch, fake, *self.generator_loss(fake, batch, training=False))
        return {**self._discriminator_means.results(), **self._generator_means.results()}

    def _judge_both(self, batch, fake):
        """Logits of real and of fake samples; in one pass, if the network can't tell."""
        if batch.condition is not None or not self._samplewise:
            return self._logits(batch.real, batch), self._logits(fake, batch)
        both = ops.concatenate([batch.real, ops.cast(fake, batch.real.dtype)])
        return ops.split(self._logits(both, batch), 2)

    def _logits(self, samples, batch, training=True):
        if training:
            samples, batch = self._perturb(samples, batch)
        return ops.cast(self.judge(samples, batch, training=training), "float32")

    def _perturb(self, samples, batch):
        """What the discriminator sees in training: augmented, noisy, if `compile` was told so."""
        if self.diff_augment is not None:
            samples, condition = self.diff_augment(samples, batch.condition, self.seed_generator)
            batch = batch._replace(condition=condition)
        if self.instance_noise is not None:
            samples = self.instance_noise(samples, self.optimizer.iterations, self.seed_generator)
        return samples, batch

    # ---------------------------------------------------------------- metrics

    @property
    def metrics(self):
        """Losses, accuracies and signs of health: what the progress bar shows."""
        means = [*self._discriminator_means.metrics, *self._generator_means.metrics]
        return [*means, self._skipped_steps]

    def _track_discriminator(self, loss, real_logits, fake_logits, sound=None):
        threshold = getattr(self.loss_object, "threshold", 0.0)
        values = {
            "discriminator_loss": loss,
            "real_accuracy": ops.mean(ops.cast(real_logits > threshold, "float32")),
            "fake_accuracy": ops.mean(ops.cast(fake_logits <= threshold, "float32")),
        }
        self._discriminator_means.update(values, ops.shape(real_logits)[0], sound)

    def _track_generator(self, batch, fake, loss, extras, sound=None):
        diversity = relative_diversity(fake, batch.real)
        values = {"generator_loss": loss, **extras, "diversity": diversity}
        self._generator_means.update(values, ops.shape(batch.real)[0], sound)

    def _logs(self, guard):
        logs = self._generator_means.results()
        if self.discriminator_steps > 0:
            logs = {**self._discriminator_means.results(), **logs}
        if guard.active:
            self._skipped_steps.update_state(guard.skipped())
            logs["skipped_steps"] = self._skipped_steps.result()
        return logs


def _refuse_regularizers(variables):
    regularized = [v.path for v in variables if getattr(v, "regularizer", None) is not None]
    if regularized:
        raise InvalidInputError(
            "The step knows no regularizers of weights: give the optimizers a `weight_decay` "
            f"instead. Received: regularizers of {', '.join(regularized)}"
        )
