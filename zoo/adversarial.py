"""The adversarial step, written once: for any two Keras networks, on any backend."""

import inspect

import keras
import numpy as np
from keras import ops

from zoo import backend, losses, penalties
from zoo.average import copy_network, update_average
from zoo.checks import check_count, check_fraction, check_seed, check_weight
from zoo.errors import InvalidInputError
from zoo.generative import GenerativeModel
from zoo.optimizers import PairedOptimizer


@keras.saving.register_keras_serializable("zoo")
class AdversarialModel(GenerativeModel):
    """A generator and a discriminator that train against each other (Goodfellow et al. 2014).

    Takes anybody's Keras networks, on data of any shape. Everything of `fit` works: callbacks,
    `validation_data`, `jit_compile`, mixed precision, NumPy arrays, `tf.data`, torch `DataLoader`
    and `PyDataset` inputs.

    Args:
        generator: `keras.Model`, latents (batch, latent_dim) -> samples (batch, ...).
        discriminator: `keras.Model`, samples (batch, ...) -> logits (batch, ...), real over fake.
            No sigmoid at its end: the losses are written on logits.
        latent_dim: number of latent variables, drawn from N(0, 1).
        seed: int, for the latents drawn during training. `None` draws one.

    Raises:
        InvalidInputError: if the networks don't fit each other.

    Example:

    ```python
    layers = keras.layers
    generator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(128, "relu"), layers.Dense(1)])
    gan = zoo.AdversarialModel(generator, discriminator, latent_dim=2)
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    gan.fit(points, batch_size=256, epochs=10)      # points: float32 (N, 2)
    gan.generate(1000, seed=0)                      # float32 (1000, 2)
    ```
    """

    def __init__(self, generator, discriminator, latent_dim, seed=None, name=None):
        check_seed(seed)
        super().__init__(generator, latent_dim, name=name)
        self.seed = seed
        self.discriminator = discriminator
        self._average = None  # kept when off: Keras forgets no layer it has seen
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._trackers = [
            keras.metrics.Mean(name)
            for name in ("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        ]
        self._build_networks()

    def _build_networks(self):
        """Creates all variables now: a step that is traced must find them."""
        # Symbolic, so that nothing is computed, nor compiled.
        latents = keras.KerasTensor((None, self.latent_dim))
        try:
            samples = self.generator(latents)
            logits = self.discriminator(samples)
        except Exception as error:
            raise InvalidInputError(
                "`generator` must take latents of shape (batch, latent_dim) and `discriminator` "
                f"what it returns. With latent_dim={self.latent_dim} they failed with: {error}"
            ) from error
        self.sample_shape = tuple(samples.shape[1:])
        if None in self.sample_shape or logits.shape[:1] != (None,):
            raise InvalidInputError(
                "`generator` must make samples of one fixed shape, and `discriminator` keep the "
                f"batch axis. Received: samples {samples.shape}, logits {logits.shape}"
            )
        regularized = [
            variable.path
            for variable in (*self.generator.variables, *self.discriminator.variables)
            if getattr(variable, "regularizer", None) is not None
        ]
        if regularized:
            raise InvalidInputError(
                "The step knows no regularizers of weights: give the optimizers a `weight_decay` "
                f"instead. Received: regularizers of {', '.join(regularized)}"
            )
        self.built = True

    # ---------------------------------------------------------------- compile

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
            run_eagerly: run the step without compilation, to debug it.
            steps_per_execution: steps per call of the compiled function (not on torch).
            jit_compile: `True`, `False` or `"auto"`, as in `keras.Model.compile`.

        Raises:
            InvalidInputError: for an unknown loss, or a number out of range.
        """
        self.loss_object = losses.get(loss)
        check_count("discriminator_steps", discriminator_steps, minimum=0)
        check_weight("gradient_penalty", gradient_penalty)
        check_weight("r1_penalty", r1_penalty)
        if average_decay is not None:
            check_fraction("average_decay", average_decay)
        self.discriminator_steps = discriminator_steps
        self.gradient_penalty = gradient_penalty
        self.r1_penalty = r1_penalty
        self.average_decay = average_decay
        if average_decay is not None and self._average is None:
            self._average = copy_network(self.generator, self.latent_dim)
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
        validation = arguments.get("validation_data")
        for data in (x, keras.utils.unpack_x_y_sample_weight(validation)[0]):
            if isinstance(data, np.ndarray):
                self.check_array(data)
        with backend.state_kept(self):
            return super().fit(x, *args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """`keras.Model.evaluate`; an error in it leaves the model as it was."""
        self._assert_compile_called("evaluate")
        with backend.state_kept(self):
            return super().evaluate(*args, **kwargs)

    # ------------------------------------------------------------------- step

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
        real = self.prepare_batch(data)
        for _ in range(self.discriminator_steps - 1):
            self._update_discriminator(real, self._generate_like(real))
        fake, pullback = backend.forward_and_pullback(
            lambda: self._generate_like(real), self.generator.trainable_variables
        )
        if self.discriminator_steps > 0:
            self._update_discriminator(real, fake)
        self._update_generator(fake, pullback)
        return self._logs(self.discriminator_steps > 0)

    def _generate_like(self, real, training=True):
        """As many generated samples as there are real ones, from fresh latents."""
        latents = self.draw_latents(ops.shape(real)[0])
        return self.generator(latents, training=training)

    def _update_discriminator(self, real, fake):
        """Descends the discriminator's loss; the generator's variables are not its own."""
        fake = ops.stop_gradient(fake)
        optimizer = self.optimizer.discriminator_optimizer

        def objective():
            penalty = 0.0
            if self.r1_penalty:
                # The penalty's gradient and the loss share one forward pass on real samples.
                real_logits, gradient = penalties.logits_and_gradient(self._logits, real)
                penalty += self.r1_penalty * penalties.r1_penalty(gradient)
            else:
                real_logits = self._logits(real)
            fake_logits = self._logits(fake)
            if self.gradient_penalty:
                penalty += self.gradient_penalty * penalties.unit_norm_penalty(
                    self._logits, real, ops.cast(fake, real.dtype), self.seed_generator
                )
            loss = self.loss_object.discriminator(real_logits, fake_logits) + penalty
            return optimizer.scale_loss(loss), (loss, real_logits, fake_logits)

        variables = self.discriminator.trainable_variables
        (_, outcome), gradients = backend.value_and_gradients(objective, variables)
        backend.apply_gradients(optimizer, gradients, variables)
        self._track_discriminator(*outcome)

    def _update_generator(self, fake, pullback):
        """Descends the generator's loss through the discriminator, which stays as it is."""
        optimizer = self.optimizer.generator_optimizer

        def objective(fake):
            loss = self.loss_object.generator(self._logits(fake))
            return optimizer.scale_loss(loss), loss

        (_, loss), fake_gradients = backend.input_gradient(objective, fake)
        variables = self.generator.trainable_variables
        backend.apply_gradients(optimizer, pullback(fake_gradients), variables)
        if self.average_generator is not None:
            update_average(
                self.average_generator, self.generator, self.average_decay, optimizer.iterations
            )
        self._track_generator(loss, fake)

    def _evaluation_step(self, data):
        """Losses (without penalties) and accuracies in inference mode."""
        real = self.prepare_batch(data)
        fake = self._generate_like(real, training=False)
        real_logits = self._logits(real, training=False)
        fake_logits = self._logits(fake, training=False)
        loss = self.loss_object.discriminator(real_logits, fake_logits)
        self._track_discriminator(loss, real_logits, fake_logits)
        self._track_generator(self.loss_object.generator(fake_logits), fake)
        return self._logs()

    # -------------------------------------------------- what a subclass may change

    def prepare_batch(self, data):
        """Real samples of a batch of `fit`, as a float32 tensor (batch, *sample_shape).

        Labels and sample weights that come along are dropped.
        """
        samples, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.check_samples(samples)
        return ops.cast(self.encode(samples), "float32")

    def draw_latents(self, batch_size):
        """Latents of a training step: float32 tensor (batch_size, latent_dim) from N(0, 1)."""
        return keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)

    def encode(self, samples):
        """What `fit` is given -> what the generator makes; the identity here."""
        return samples

    def check_samples(self, samples):
        """Raises `InvalidInputError` unless `samples` is a batch of `sample_shape`."""
        shape = tuple(getattr(samples, "shape", ()))
        if shape[1:] != self.sample_shape:
            expected = ", ".join(["batch", *map(str, self.sample_shape)])
            raise InvalidInputError(
                f"Training data must be one array of shape ({expected}), as the generator makes "
                f"it. Received: {f'shape {shape}' if shape else type(samples).__name__}"
            )

    def check_array(self, samples):
        """`check_samples` for an ndarray, and its values: at least one sample, all finite."""
        self.check_samples(samples)
        if len(samples) == 0:
            raise InvalidInputError("There are no samples: the array's first axis has length 0.")
        if samples.dtype.kind == "f" and not np.isfinite(samples.sum(dtype="float64")):
            raise InvalidInputError("Training data must be finite. Received: nan or infinity")

    # ---------------------------------------------------------------- metrics

    @property
    def metrics(self):
        """Losses and accuracies: what the progress bar shows."""
        return self._trackers

    def _logits(self, samples, training=True):
        return ops.cast(self.discriminator(samples, training=training), "float32")

    def _track_discriminator(self, loss, real_logits, fake_logits):
        threshold = getattr(self.loss_object, "threshold", 0.0)
        discriminator_loss, _, real_accuracy, fake_accuracy = self._trackers
        # Weighted, as Keras does: an odd last batch counts for its samples.
        discriminator_loss.update_state(loss, sample_weight=ops.shape(real_logits)[0])
        real_accuracy.update_state(ops.cast(real_logits > threshold, "float32"))
        fake_accuracy.update_state(ops.cast(fake_logits <= threshold, "float32"))

    def _track_generator(self, loss, fake):
        self._trackers[1].update_state(loss, sample_weight=ops.shape(fake)[0])

    def _logs(self, discriminator_trained=True):
        trackers = self._trackers if discriminator_trained else self._trackers[1:2]
        return {tracker.name: tracker.result() for tracker in trackers}

    # ----------------------------------------------------------------- saving

    def get_config(self):
        """Both networks, for `.keras` files."""
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent_dim": self.latent_dim,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("generator", "discriminator"):
            if key in config:
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects=custom_objects
                )
        return cls(**config)

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
