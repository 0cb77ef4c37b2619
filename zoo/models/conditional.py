"""A class-conditional GAN: draws samples from latents and the classes that it is given."""

import keras
import numpy as np
from keras import ops

from zoo.adversarial.feeding import to_host
from zoo.checks import check_count
from zoo.errors import InvalidInputError
from zoo.latents import random_stream
from zoo.models.latent import LatentModel, build_networks


@keras.saving.register_keras_serializable("zoo")
class ConditionalModel(LatentModel):
    """A class-conditional GAN (Mirza & Osindero 2014) of any Keras networks.

    Both networks take the class beside their input, as a one-hot vector. The step is that of
    `zoo.AdversarialModel`; generated samples have the classes of the real ones in their batch.

    Args:
        generator: `keras.Model`, [latents (batch, latent_dim), classes (batch, classes)] ->
            samples (batch, ...).
        discriminator: `keras.Model`, [samples (batch, ...), classes (batch, classes)] -> logits
            (batch, ...), real over fake.
        latent_dim: int, number of latent variables, drawn from N(0, 1).
        classes: int of at least 2, how many there are.
        seed: int, for the latents drawn during training. `None` draws one.
        name: str.

    Raises:
        InvalidInputError: if the networks don't fit each other.

    Example:

    ```python
    layers = keras.layers
    z, y, x = keras.Input((8,)), keras.Input((3,)), keras.Input((2,))
    generator = keras.Model([z, y], layers.Dense(2)(layers.Concatenate()([z, y])))
    discriminator = keras.Model([x, y], layers.Dense(1)(layers.Concatenate()([x, y])))
    gan = zoo.ConditionalModel(generator, discriminator, latent_dim=8, classes=3)
    gan.compile()
    points, labels = np.zeros((64, 2), "float32"), np.arange(64) % 3  # yours
    gan.fit(points, labels, epochs=1)
    samples = gan.generate(labels=[0, 2, 2], seed=0)  # float32 array of shape (3, 2)
    ```
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_dim: int,
        classes: int,
        seed: int | None = None,
        name: str | None = None,
    ):
        check_count("latent_dim", latent_dim)
        check_count("classes", classes, minimum=2)
        latents, condition = (keras.KerasTensor((None, width)) for width in (latent_dim, classes))
        shape = build_networks(generator, discriminator, latents, condition)
        super().__init__(generator, discriminator, shape, latent_dim, seed=seed, name=name)
        self.classes = classes

    # ------------------------------------------------------------------- step

    def check_arrays(self, samples, labels):
        """Checks the arrays that an entrance is given: the samples, and that each has a class."""
        super().check_arrays(samples, labels)
        self._require(labels)
        self.classes_of(to_host(labels), len(samples))

    @property
    def data_rule(self):
        return f"{super().data_rule}, with labels from 0 to {self.classes - 1}"

    def prepare_batch(self, data, training=True):
        """Returns the real samples of a batch of `fit`, and their one-hot classes."""
        _, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        self._require(labels)
        batch = super().prepare_batch(data, training)
        labels = ops.convert_to_tensor(labels)
        if tuple(labels.shape[1:]) == (self.classes,):
            return batch._replace(condition=ops.cast(labels, "float32"))
        if tuple(labels.shape[1:]) not in ((), (1,)):
            raise InvalidInputError(
                f"Labels must have the shape (batch,), (batch, 1) or (batch, {self.classes}). "
                f"Received: shape {tuple(labels.shape)}"
            )
        chosen = ops.clip(ops.cast(labels, "int32"), 0, self.classes - 1)
        sound = ops.all(ops.equal(ops.cast(chosen, labels.dtype), labels))
        if batch.sound is not None:
            sound = ops.logical_and(sound, batch.sound)
        return batch._replace(
            condition=ops.one_hot(ops.reshape(chosen, (-1,)), self.classes, dtype="float32"),
            sound=sound,
        )

    def _require(self, labels):
        if labels is None:
            raise InvalidInputError(
                f"A class-conditional model trains on samples and labels, integers from 0 to "
                f"{self.classes - 1}: fit(samples, labels). Received: samples alone"
            )

    def symbolic_inputs(self):
        return [keras.KerasTensor((None, width)) for width in (self.latent_dim, self.classes)]

    # ---------------------------------------------------------------- drawing

    def sample_labels(self, count: int, seed=None) -> np.ndarray:
        """Draws labels for `generate`, all classes equally likely; the same on every backend.

        Args:
            count: int, how many.
            seed: int, or `None` for fresh ones. A larger count only adds to them. A
                `numpy.random.Generator` continues its stream.

        Returns:
            int64 array of shape `(count,)`, from 0 to `classes` - 1.
        """
        check_count("count", count)
        # Another stream than the latents', which start from the same seed.
        rng = random_stream(seed, 1)
        return (rng.random(count) * self.classes).astype("int64")

    def sample_inputs(self, count: int, seed=None) -> tuple[np.ndarray, ...]:
        labels = self.sample_labels(count, seed)
        return self.sample_latent(count, seed), self.classes_of(labels, count)

    def generate(
        self,
        count: int | None = None,
        seed: int | np.random.Generator | None = None,
        *,
        labels=None,
        latents=None,
        truncation: float | None = None,
        psi: float | None = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Draws samples of the given classes.

        Args:
            count: int, how many; by default as many as there are labels or latents.
            seed: int. The same seed gives the same samples on every backend, and a larger count
                only adds to them. `None` draws fresh ones. A `numpy.random.Generator` continues its
                stream, with the latents first.
            labels: int, the class of all samples; or integers of shape `(count,)`, one for each.
                `None` draws them by the seed, all classes equally likely. A float array of shape
                `(count, classes)` is used unchanged: rows between two one-hot ones interpolate.
            latents: float array of shape `(count, latent_dim)` to use in place of fresh ones.
            truncation: float over 0: latents have no number further from 0, for samples that are
                more alike; see `zoo.latents.sample_latent`. `None` keeps all.
            psi: float in (0, 1]: latents are scaled by it toward their mean, 0, for samples that
                are more alike. `None` leaves them.
            batch_size: int, samples per forward pass.

        Returns:
            Array of shape `(count, *sample_shape)`.

        Raises:
            InvalidInputError: for labels that aren't classes or of another number, a count that
                isn't a positive integer, or wrong latents.

        Example:

        ```python
        model = zoo.load("cdcgan_mnist")
        images = model.generate(labels=[7, 7, 3], seed=0)  # uint8 (3, 28, 28, 1)
        ```
        """
        random_stream(seed)  # a bad one is refused even if nothing is left to draw
        if latents is None:
            if count is None and np.ndim(labels):
                count = len(labels)
            latents = self.latents_for(count, seed, None, truncation=truncation, psi=psi)
        else:
            # The seed is the labels' then.
            latents = self.latents_for(count, None, latents, truncation=truncation, psi=psi)
        if labels is None:
            labels = self.sample_labels(len(latents), seed)
        return self.draw_samples((latents, self.classes_of(labels, len(latents))), batch_size)

    def classes_of(self, labels, count):
        """Returns the one-hot vectors that the networks take of labels, once checked.

        Args:
            labels: int, or an array: see `generate`.
            count: int, how many there must be.

        Returns:
            float32 array of shape `(count, classes)`.

        Raises:
            InvalidInputError: for anything else.
        """
        array = np.asarray(labels)
        numbers = array.dtype.kind in "fiu" and np.isfinite(array).all()
        if numbers and array.shape == (count, self.classes):
            return array.astype("float32")
        single = numbers and array.shape in ((), (count,), (count, 1))
        if single and np.isin(array, np.arange(self.classes)).all():
            one_hot = np.eye(self.classes, dtype="float32")
            return one_hot[np.broadcast_to(array.astype("int64").reshape(-1), (count,))]
        received = f"{labels!r}" if array.size <= 8 else f"{array.dtype} of shape {array.shape}"
        if array.dtype.kind in "fiu" and array.size > 8:
            received += f", from {array.min()} to {array.max()}"
        raise InvalidInputError(
            f"`labels` must be a class from 0 to {self.classes - 1}, or {count} of them. "
            f"Received: labels={received}"
        )

    def preview(self, images, count: int, seed: int | None = 0) -> np.ndarray:
        """Returns samples of one class after another; real `images` are not used."""
        del images
        return self.generate(count, seed, labels=np.arange(count) * self.classes // count)

    def get_config(self) -> dict:
        return {**super().get_config(), "classes": self.classes}
