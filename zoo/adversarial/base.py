"""The base of all families: two networks, the hooks of their step, `compile` and `fit`."""

import contextlib
import json
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend, distribution, interrupts, losses
from zoo.adversarial.average import LeftByTraining, copy_network, stand_in
from zoo.adversarial.diff_augment import DiffAugment
from zoo.adversarial.epochs import UnreadLogs, warn_of_refused, watched
from zoo.adversarial.feeding import (
    BATCH_SIZE,
    EpochBatches,
    EpochOrder,
    StreamBatches,
    array_batches,
    check_first_batch,
    is_stream,
    refuse_weights,
    to_host,
)
from zoo.adversarial.guard import Statistics
from zoo.adversarial.instance_noise import InstanceNoise
from zoo.adversarial.means import Means, Skipped
from zoo.adversarial.setup import AddedLosses, TrainingSetup, pair_optimizers
from zoo.adversarial.step import Batch, adversarial_step, evaluation_step, is_samplewise
from zoo.checks import check_seed
from zoo.errors import BusyError, InvalidInputError
from zoo.layers.spectral import Normalizations

DISCRIMINATOR_LOGS = ("discriminator_loss", "real_accuracy", "fake_accuracy")
RANDOM_STATE = "random_state.json"
"""What a `.keras` file calls the state of the model's seed generator."""


class Coding:
    """How samples look outside of a model and inside of its step: alike, here.

    Args:
        shape: tuple, of one sample.
    """

    low, high = -1.0, 1.0
    """The generator's range, as far as `diff_augment` has to know it."""
    rule = "finite samples"
    """What a model trains on, in words."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = tuple(shape)

    def encode(self, samples):
        """Turns what `fit` is given into what the generator makes."""
        return samples

    def decode(self, samples):
        """Turns what the generator makes into what is handed out."""
        return samples

    def check(self, samples):
        """Raises `InvalidInputError` unless `samples` is a batch of `shape`."""
        shape = tuple(getattr(samples, "shape", ()))
        if shape[1:] != self.shape:
            expected = ", ".join(["batch", *map(str, self.shape)])
            raise InvalidInputError(
                f"Training data must be one array of shape ({expected}), as the generator makes "
                f"it. Received: {f'shape {shape}' if shape else type(samples).__name__}"
            )

    def in_range(self, samples):
        """Returns whether a tensor's values are in range; `None`, here: there is none."""
        del samples

    def check_range(self, samples: np.ndarray):
        """Raises `InvalidInputError` for finite values out of range: there is none, here."""


class SeedGenerator(keras.random.SeedGenerator):
    """Keras' own, but each seed has draws of its own."""

    def next(self, ordered=True):
        return backend.draw_apart(super().next(ordered))


class BaseGAN(keras.Model):
    """A generator and a discriminator that train against each other (Goodfellow et al. 2014).

    The step itself is `zoo.adversarial.step`; a family overrides the hooks below where it differs.

    Args:
        generator: built `keras.Model`.
        discriminator: built `keras.Model`.
        sample_shape: tuple, of one sample.
        seed: int, for what is drawn during training. `None` draws one.
        name: str.
    """

    extra_losses: tuple[str, ...] = ()
    """Names of what `generator_loss` returns beside the loss."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        sample_shape: tuple[int, ...],
        seed: int | None = None,
        name: str | None = None,
    ):
        check_seed(seed)
        super().__init__(name=name)
        self.seed = seed
        self.generator = generator
        self.discriminator = discriminator
        self.coding = Coding(sample_shape)
        self.config: dict[str, Any] | None = None  # a family's arguments, of `own_arguments`
        self.setup: Any = None  # a `TrainingSetup`, from `compile` on
        self.drawing = None  # a `zoo.models.drawing.Drawing`, from the first sample on
        self.average_generator = None
        self._left = LeftByTraining()
        self.seed_generator = SeedGenerator(seed)
        self.discriminator_means = Means(DISCRIMINATOR_LOGS)
        self.generator_means = Means(["generator_loss", *self.extra_losses, "diversity"])
        self.skipped_steps = Skipped()
        self.samplewise = is_samplewise(discriminator)
        self.statistics = Statistics(generator, discriminator)
        self.added_losses = AddedLosses(generator, discriminator)
        self._entered = threading.RLock()
        self._looked_at: weakref.WeakSet = weakref.WeakSet()  # data sets that were checked
        self.normalizations = Normalizations(generator, discriminator)
        self.logs_are_read = True  # by callbacks, at the end of each batch
        distribution.watch(generator, discriminator)
        # All variables are there: a step that is traced must find them.
        self.built = True

    def __repr__(self):
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        counts = [f"{name} {network.count_params():,}" for name, network in networks.items()]
        return (
            f"<{type(self).__name__} {self.name}: samples {self.sample_shape}, parameters "
            f"{', '.join(counts)}, on {keras.backend.backend()}>"
        )

    def __setattr__(self, name, value):
        if name in backend.UNTRACKED:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    # ------------------------------------------------------------------------ hooks

    def prepare_batch(self, data, training: bool = True) -> Batch:
        """Returns the `Batch` of what `fit` or `evaluate` hands over; labels are dropped here."""
        del training
        samples, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse_weights(sample_weight)
        self.coding.check(samples)
        real = ops.cast(self.coding.encode(samples), "float32")
        return Batch(real, sound=self.coding.in_range(samples))

    @property
    def data_rule(self) -> str:
        """What the model trains on, in words, as `Batch.sound` and `check_arrays` have it."""
        return self.coding.rule

    def check_arrays(self, samples, labels):
        """Checks the arrays that an entrance is given, or a batch; labels are of no use here."""
        del labels
        samples = to_host(samples)
        self.coding.check(samples)
        if len(samples) == 0:
            raise InvalidInputError("There are no samples: the array's first axis has length 0.")
        if samples.dtype.kind == "f" and not np.isfinite(samples.sum(dtype="float64")):
            raise InvalidInputError("Training data must be finite. Received: nan or infinity")
        self.coding.check_range(samples)

    def generator_input(self, batch: Batch):
        """Returns what the generator takes for a batch, ahead of its condition."""
        raise NotImplementedError

    def composite(self, fake, batch: Batch):
        """Returns what the discriminator sees of the generator's outputs: all of it, here."""
        del batch
        return fake

    def generator_loss(
        self, fake, batch: Batch, adversarial_loss: Callable, training: bool = True
    ) -> tuple[Any, dict]:
        """Returns what the generator minimizes, and further scalars for the logs.

        Args:
            fake: the generator's outputs.
            batch: `Batch` that they were generated for.
            adversarial_loss: function of nothing; runs the discriminator on the composited outputs.
            training: bool, of the discriminator.

        Returns:
            A scalar, and a dict name in `extra_losses` -> scalar.
        """
        del fake, batch, training
        return adversarial_loss(), {}

    def symbolic_inputs(self):
        """Returns `keras.KerasTensor`s of the generator's inputs."""
        raise NotImplementedError

    def draw_batch(self, *inputs):
        """Returns a batch of what the model hands out, from tensors of what it is asked for."""
        raise NotImplementedError

    # ---------------------------------------------------------------------- compile

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str | Mapping | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | str | Mapping | None = None,
        loss: str | losses.AdversarialLoss = "non_saturating",
        *,
        discriminator_steps: int = 1,
        gradient_penalty: float = 0.0,
        r1_penalty: float = 0.0,
        average_decay: float | None = None,
        diff_augment: str | tuple[str, ...] | None = None,
        instance_noise: float = 0.0,
        instance_noise_steps: int | None = None,
        skip_nonfinite: bool = True,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
    ):
        """Sets how the two networks train.

        Args:
            generator_optimizer: Keras optimizer, its name or its configuration; by default
                `Adam(2e-4, beta_1=0.5)` (Radford et al. 2015), for bfloat16 weights with
                `beta_2=0.99`. It can have its own schedule.
            discriminator_optimizer: likewise, another object.
            loss: name in `zoo.losses.LOSSES`, or an object with its two methods.
            discriminator_steps: discriminator updates per generator update, k of Algorithm 1. All
                see the batch that `fit` hands over, each with fresh latents. 0 trains the
                generator alone against the discriminator as it stands.
            gradient_penalty: weight of the WGAN-GP penalty, 10 in its paper. Combines with any
                loss.
            r1_penalty: weight gamma of the R1 penalty on real samples. Combines with any loss.
            average_decay: decay of an exponential moving average of the generator's weights, 0.999
                for example. `generate` then samples from the average. `None` keeps none. Compiling
                again continues the average, or starts it from the generator's weights if something
                other than training has changed them.
            diff_augment: augmentations applied to every image that the discriminator sees, real and
                generated (`DiffAugment`): some of `("color", "translation", "cutout")`, or a str
                with commas. Helps with few images. `None` applies none. Images of your own networks
                are assumed to be in [-1, 1].
            instance_noise: standard deviation of the Gaussian noise on all samples that the
                discriminator sees, in the generator's range; see
                `zoo.adversarial.instance_noise.InstanceNoise`.
            instance_noise_steps: generator updates over which that noise falls to 0. `None` keeps
                it constant.
            skip_nonfinite: bool, skip steps with NaN or infinity in a loss or a gradient; the logs
                count them as `skipped_steps`. `zoo.HealthCallback` acts on them.
            run_eagerly: bool, run the step without compilation, to debug it.
            steps_per_execution: int, steps per call of the compiled function (not on torch).
            jit_compile: `True`, `False` or `"auto"`, as in `keras.Model.compile`. On PyTorch,
                "auto" runs 50 steps eagerly, then records one and replays its operations: as on the
                other backends, Python code of layers runs no more. Networks that decide by a value,
                or have hooks, go on eagerly, as all do with `False`; `True` compiles the record.

        Raises:
            InvalidInputError: for an unknown loss or augmentation, a number out of range, or
                `diff_augment` with samples that aren't images.
        """
        coding = self.coding
        if diff_augment is not None:
            diff_augment = DiffAugment(diff_augment, coding.shape, coding.low, coding.high)
        setup = TrainingSetup(
            loss=losses.get(loss),
            discriminator_steps=discriminator_steps,
            gradient_penalty=gradient_penalty,
            r1_penalty=r1_penalty,
            average_decay=average_decay,
            diff_augment=diff_augment,
            instance_noise=InstanceNoise(instance_noise, instance_noise_steps),
            skip_nonfinite=bool(skip_nonfinite),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        optimizer = pair_optimizers(generator_optimizer, discriminator_optimizer, self.dtype_policy)
        optimizer.build_pair(
            self.generator.trainable_variables, self.discriminator.trainable_variables
        )
        self.setup = setup
        self._keep_average(average_decay is not None)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            # Keras would wrap the pair; each half scales its own loss (`pair_optimizers`).
            auto_scale_loss=False,
        )
        self._left.note(self)

    def _keep_average(self, wanted):
        average = self.average_generator
        if average is None and wanted:
            self.average_generator = copy_network(self.generator, self.symbolic_inputs())
            self.average_generator.name = f"average_{self.generator.name}"  # in `summary`
        elif average is not None and not wanted:
            self._tracker.untrack(average)  # Keras would go on saving it
            self.average_generator = None
        elif average is not None and self._left.is_changed(self):
            average.set_weights(self.generator.get_weights())

    def load_own_variables(self, store):
        """Prepares the file that Keras' loaders read: all that they load comes after this.

        A file's moving average is what `generate` drew from. A model that keeps none takes it for
        the generator's weights, as `zoo.load` does; and the average of a model that keeps one
        starts from the generator's weights if the file has none.
        """
        super().load_own_variables(store)
        self._left.state = None
        saved = store.has_path("average_generator")
        if saved and self.average_generator is None:
            stand_in(store, "average_generator", "generator")
        elif not saved and self.average_generator is not None:
            stand_in(store, "generator", "average_generator")

    def save_assets(self, folder):
        """Writes how far the model has drawn, for `.keras` files: Keras saves no random states."""
        state = ops.convert_to_numpy(self.seed_generator.state)
        Path(folder, RANDOM_STATE).write_text(json.dumps(state.tolist()), encoding="utf-8")

    def load_assets(self, folder):
        """Goes on drawing where the saved model stopped; files of earlier versions don't say."""
        path = Path(folder, RANDOM_STATE)
        if path.is_file():
            state = np.array(json.loads(path.read_text(encoding="utf-8")), "int64")
            self.seed_generator.state.assign(state.astype(self.seed_generator.state.dtype))

    def save(self, filepath, *args, **kwargs):
        """Saves as `keras.Model.save` does, to a `.keras` file.

        Raises:
            InvalidInputError: for Keras' older `.h5` files, which hold no model with two networks.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise InvalidInputError(
                "A model is saved to a `.keras` file, its weights alone to a `.weights.h5` file by "
                f"`save_weights`. Received: filepath={str(filepath)!r}"
            )
        super().save(filepath, *args, **kwargs)

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """Exports what the model draws with as `keras.Model.export` does, for any batch size."""
        if input_signature is None:  # Keras would look for the shapes of a first call
            inputs = keras.tree.map_structure(
                lambda tensor: keras.InputSpec(dtype=tensor.dtype, shape=tensor.shape),
                self.symbolic_inputs(),
            )
            input_signature = [inputs]
        return super().export(filepath, format, verbose, input_signature, **kwargs)

    def get_compile_config(self) -> dict:
        """Returns how the model was compiled, for `.keras` files."""
        if not self.compiled:
            return {}
        optimizer = keras.optimizers.serialize(self.optimizer)
        return {"optimizer": optimizer, **self.setup.get_config()}

    def compile_from_config(self, config: dict):
        """Compiles as `get_compile_config` says."""
        config = dict(config)
        pair = keras.optimizers.deserialize(config.pop("optimizer"))
        loss = losses.deserialize(config.pop("loss"))
        self.compile(pair.generator_optimizer, pair.discriminator_optimizer, loss, **config)

    # -------------------------------------------------------------------------- fit

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks=None,
        validation_split: float = 0.0,
        validation_data=None,
        shuffle: bool = True,
        class_weight=None,
        sample_weight=None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq=1,
    ):
        """Trains as `keras.Model.fit` does, with the same arguments; checks the data first.

        Arrays are checked as a whole. Of other data the first batch is; a later one with values out
        of range, or labels that are no classes, is left out, and a warning ends its epoch.

        Args:
            x: samples (N, *sample_shape): an array or tensor, a `zoo.datasets.stream`, a
                `tf.data.Dataset`, a torch `DataLoader`, a `PyDataset`, a grain data set or a
                generator. Image models take uint8 in 0..255 (scaled inside the step) or float in
                the generator's range.
            y: labels (N,) of a class-conditional model, masks (N, H, W) of an inpainting one;
                others drop it, so that labeled data trains any model.
            batch_size: int, of arrays and streams; 32 by default.
            epochs: int.
            verbose: as in `keras.Model.fit`, like all that follow.
            callbacks: list of `keras.callbacks.Callback`.
            validation_split: float.
            validation_data: like `x`, or a pair of `x` and `y`.
            shuffle: bool, of arrays and streams; the order of an epoch follows from the model's
                state at its start. Data sets have an order of their own.
            class_weight: must be `None`: the step weights no samples.
            sample_weight: likewise.
            initial_epoch: int.
            steps_per_epoch: int.
            validation_steps: int.
            validation_batch_size: int.
            validation_freq: int.

        Returns:
            `keras.callbacks.History`.

        Raises:
            InvalidInputError: for samples of another shape, empty, not finite or out of range,
                labels that are no classes, or weights of samples.
            BusyError: while another thread trains or evaluates the model.
        """
        self._assert_compile_called("fit")
        refuse_weights(sample_weight, class_weight)
        x = self._look_at(x, y, batch_size, shuffle=shuffle)
        if validation_data is not None:
            given = keras.utils.unpack_x_y_sample_weight(validation_data)
            refuse_weights(given[2])
            size = validation_batch_size or batch_size if is_stream(given[0]) else None
            validation = self._look_at(given[0], given[1], size, ahead=True)
            validation_data = (validation,) if given[1] is None else (validation, given[1])
        batches = x if isinstance(x, EpochBatches) else None
        if isinstance(x, StreamBatches) and steps_per_epoch:
            raise InvalidInputError(
                "A stream's epoch is all of its pictures: `steps_per_epoch` must be None. Pass "
                f"`limit` to `zoo.datasets.stream`. Received: steps_per_epoch={steps_per_epoch!r}"
            )
        if batches is None and not (steps_per_epoch or validation_split):
            batches = array_batches(self, x, y, batch_size, shuffle)
        self._refuse_undivided(x, batches)
        if batches is not None:
            x, y, batch_size = backend.feed(batches), None, None
            validation_batch_size = validation_batch_size or batches.batch_size
            shuffle = False
        if backend.shares() > 1 and validation_data is not None:
            divided = self._divide(*validation_data, batch_size=validation_batch_size)
            validation_data = validation_data if divided is None else divided
        entrance = self._entrance("fit")
        # What each process drew for itself, for want of a seed.
        backend.share([*self.variables, *self.optimizer.variables])
        watching = watched(self, callbacks, batches, verbose)
        with entrance, self._left.noted_after(self), watching as callbacks:
            return super().fit(
                x=x,
                y=y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle and hasattr(x, "shape"),  # Keras would warn of the default
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
            )

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight=None,
        steps: int | None = None,
        callbacks=None,
        return_dict: bool = False,
        **kwargs,
    ):
        """Evaluates as `keras.Model.evaluate` does, on data as `fit` takes it."""
        self._assert_compile_called("evaluate")
        refuse_weights(sample_weight)
        within_fit = "_use_cached_eval_dataset" in kwargs  # which has looked at the data
        x = x if within_fit else self._look_at(x, y, batch_size)
        batch_size = None if isinstance(x, EpochBatches) else batch_size
        divided = None if within_fit else self._divide(x, y, batch_size=batch_size)
        if divided is not None:
            x, y, batch_size = divided, None, None
        with self._entrance("evaluate"):
            results = super().evaluate(
                x, y, batch_size, verbose, None, steps, callbacks, return_dict, **kwargs
            )
            warn_of_refused(self, self.skipped_steps.refused())
            return results

    def train_on_batch(
        self, x, y=None, sample_weight=None, class_weight=None, return_dict: bool = False
    ):
        """Trains on one batch as `keras.Model.train_on_batch` does; checks it first."""
        self._assert_compile_called("train_on_batch")
        refuse_weights(sample_weight, class_weight)
        self.check_arrays(x, y)
        with self._entrance("train_on_batch"):
            return super().train_on_batch(x, y, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False):
        """Evaluates one batch as `keras.Model.test_on_batch` does; checks it first."""
        self._assert_compile_called("test_on_batch")
        refuse_weights(sample_weight)
        self.check_arrays(x, y)
        with self._entrance("test_on_batch"):
            return super().test_on_batch(x, y, return_dict=return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Calls the model as `keras.Model.predict` does, on what its generator takes."""
        if hasattr(x, "shape") or isinstance(x, (list, tuple)):
            self._check_inputs(x)
        else:
            x = check_first_batch(x, lambda batch: self._check_inputs(batch[0]))
        with self._entrance("predict"):
            return super().predict(x, batch_size, verbose, steps, callbacks)

    def predict_on_batch(self, x):
        """Calls the model on one batch as `keras.Model.predict_on_batch` does."""
        self._check_inputs(x)
        with self._entrance("predict_on_batch"):
            return super().predict_on_batch(x)

    def _check_inputs(self, x):
        """Raises `InvalidInputError` unless `x` has the shapes that the generator takes."""
        given = [tuple(np.shape(item)) for item in keras.tree.flatten(x)]
        inputs = getattr(self.sampling_network(), "inputs", None)  # a class of one's own has none
        expected = [tuple(item.shape) for item in inputs or ()]
        fits = [
            len(shape) == len(other)
            and all(n in (None, m) for n, m in zip(shape, other, strict=True))
            for shape, other in zip(expected, given, strict=False)
        ]
        if expected and not (len(given) == len(expected) and all(fits)):
            raise InvalidInputError(
                f"The generator takes arrays of the shapes {expected}, None for any number. "
                f"Received: {given}"
            )

    def _divide(self, x, y=None, *, batch_size):
        """Returns arrays to evaluate in batches that several devices share; on one, `None`."""
        if backend.shares() == 1 or not hasattr(x, "shape"):
            return None
        y = None if y is None else to_host(y)
        batches = array_batches(self, to_host(x), y, batch_size, shuffle=False)
        self._refuse_undivided(x, batches)
        return backend.feed(batches)

    def _refuse_undivided(self, x, batches):
        """Raises `InvalidInputError` for arrays whose batches Keras makes, for several devices."""
        if backend.shares() > 1 and batches is None and hasattr(x, "shape"):
            raise InvalidInputError(
                "Several devices share the batches of NumPy arrays, in whole epochs: split them "
                "ahead, and pass `validation_data`. Received: arrays of another kind, "
                "`steps_per_epoch`, `validation_split`, or a `shuffle` that is no bool"
            )

    def _look_at(self, x, y=None, batch_size=None, ahead=False, shuffle=False):
        """Checks the data that an entrance is given; returns what to hand on for `x`."""
        if hasattr(x, "shape"):
            self.check_arrays(x, y)
            return x
        if is_stream(x):
            self.check_stream(x, y)
            return StreamBatches(x, batch_size or BATCH_SIZE, EpochOrder(self, len(x), shuffle))
        if batch_size is not None:
            raise InvalidInputError(
                "`batch_size` is for arrays; data sets make their own batches. "
                f"Received: batch_size={batch_size!r} with a {type(x).__name__}"
            )
        if x is not None and not isinstance(x, EpochBatches) and x not in self._looked_at:
            x = check_first_batch(x, self._check_batch, ahead)
            with contextlib.suppress(TypeError):  # of what can't be referred to weakly
                self._looked_at.add(x)
        return x

    def check_stream(self, stream, labels=None):
        """Checks the first sample of a `zoo.datasets.Stream`; later batches are checked in it."""
        if labels is not None:
            raise InvalidInputError(
                "A stream brings its labels along: `zoo.datasets.stream(..., labels=True)`. "
                f"Received: labels of type {type(labels).__name__} beside it"
            )
        self._check_batch(stream.first(1))

    def _check_batch(self, batch):
        samples, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        refuse_weights(sample_weight)
        self.check_arrays(samples, labels)

    @contextlib.contextmanager
    def _entrance(self, name):
        """For a call of Keras' trainer: one thread at a time, and no error costs the weights."""
        if not self._entered.acquire(blocking=False):
            raise BusyError(
                f"`{name}` can't run while another thread trains or evaluates this model; wait for "
                "it. Samples can be drawn at any time."
            )
        try:
            with interrupts.held_back(), backend.state_kept(self):
                yield
        finally:
            self._entered.release()

    train_function: Any  # Keras makes it
    test_function: Any
    predict_function: Any

    def make_train_function(self, force: bool = False):
        """Makes what `fit` calls: `steps_per_execution` steps, in one compiled loop."""
        if self.train_function is None or force:
            super().make_train_function(force)
            function = backend.keep_arrays(self, "train", self.train_function)
            function = _interruptible(backend.fuse_steps(self, function))
            self.train_function = self._hiding_unread_logs(function)

    def _hiding_unread_logs(self, function):
        """Returns a trainer's function of steps, which returns logs, on JAX with a new state."""

        def call(*args):
            results = function(*args)
            if self.logs_are_read:
                return results
            if isinstance(results, tuple):
                return UnreadLogs(results[0]), *results[1:]
            return UnreadLogs(results)

        return call

    def make_test_function(self, force: bool = False):
        """Makes what `evaluate` calls."""
        if self.test_function is None or force:
            super().make_test_function(force)
            function = backend.keep_arrays(self, "test", self.test_function)
            self.test_function = _interruptible(function)

    def make_predict_function(self, force: bool = False):
        """Makes what `predict` calls."""
        if self.predict_function is None or force:
            super().make_predict_function(force)
            function = backend.keep_arrays(self, "predict", self.predict_function)
            self.predict_function = _interruptible(function)
        return self.predict_function

    def train_step(self, *args):
        """Runs one step of `fit`, in the signature that the backend's trainer calls."""

        def step(data):
            with distribution.synchronized():
                return adversarial_step(self, self.prepare_batch(data))

        return backend.run_step(self, step, *args)

    def test_step(self, *args):
        """Runs one step of `evaluate`, in the signature that the backend's trainer calls."""

        def step(data):
            return evaluation_step(self, self.prepare_batch(data, training=False))

        return backend.run_step(self, step, *args)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Losses, accuracies and signs of health: what the progress bar shows."""
        means = [*self.discriminator_means.metrics, *self.generator_means.metrics]
        return [*means, self.skipped_steps]

    # --------------------------------------------------------- sampling, configuration

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.coding.shape

    def sampling_network(self) -> keras.Model:
        """Returns the generator to sample from: the moving average, if one is kept."""
        return self.generator if self.average_generator is None else self.average_generator

    def inference_jit(self) -> bool | str:
        """Returns `jit_compile` for drawing samples: as the step was compiled, "auto" before."""
        if not self.compiled:
            return "auto"
        return not self.run_eagerly and self.setup.jit_compile

    def get_config(self) -> dict:
        """Returns a family's arguments, or both networks, for `.keras` files."""
        config = self.config or {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
        }
        return {**config, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """Builds a model from what `get_config` returns."""
        config = dict(config)
        for key in ("generator", "discriminator"):
            if key in config:
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects=custom_objects
                )
        return cls(**config)


def _interruptible(function):
    """Returns what Keras' trainer calls for a step, which ends with what Ctrl-C asked for."""

    def call(*args):
        results = function(*args)
        interrupts.check()
        return results

    return call


def own_arguments(scope: dict) -> dict:
    """Returns a family's own arguments from the `locals()` of its constructor's first line.

    Without seed and name, which every model has.
    """
    shared = ("self", "__class__", "seed", "name")
    return {name: value for name, value in scope.items() if name not in shared}
