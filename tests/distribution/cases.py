"""Short trainings that one device and several must end alike: `{name: function -> model}`."""

import contextlib
import json
import os
import time
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import ops
from PIL import Image

import zoo
from tests.cli import commands
from zoo.adversarial.feeding import StreamBatches
from zoo.hub import registry
from zoo.training.state import capture_state

BATCH, STEPS = 8, 20


def adam(**options):
    # Rounding decides the sign of a gradient that is nearly 0, which Adam's epsilon must outweigh.
    return keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-3, **options)


def compiled(model, options=None, **settings):
    model.compile(adam(**(options or {})), adam(**(options or {})), **settings)
    return model


class Poisoned(zoo.VanillaGAN):
    """Sees NaN where an image is white: one on the last replica in step 10."""

    def prepare_batch(self, data, training=True):
        batch = super().prepare_batch(data, training)
        white = ops.all(batch.real >= 1.0, axis=(1, 2, 3), keepdims=True)
        return batch._replace(real=ops.where(white, np.nan, batch.real))


def vanilla(kind=zoo.VanillaGAN, **settings):
    return compiled(kind((8, 8, 1), latent_dim=4, hidden_units=(16,), seed=1), **settings)


def dcgan(**settings):
    return compiled(
        zoo.DCGAN((16, 16, 1), latent_dim=4, base_filters=4, dropout=0.0, seed=1), **settings
    )


def conditional(**settings):
    model = zoo.ConditionalDCGAN(
        (16, 16, 1), classes=3, latent_dim=4, base_filters=4, dropout=0.0, seed=1
    )
    return compiled(model, **settings)


def inpainting(**settings):
    return compiled(
        zoo.InpaintingGAN((16, 16, 1), base_filters=4, dilations=(1,), seed=1), **settings
    )


CASES = {
    "vanilla": lambda: vanilla(kind=Poisoned),
    "vanilla, WGAN-GP": lambda: vanilla(
        loss="wasserstein", gradient_penalty=10.0, options={"gradient_accumulation_steps": 2}
    ),
    "dcgan": lambda: dcgan(average_decay=0.9),
    "conditional": lambda: conditional(
        r1_penalty=1.0, diff_augment="translation", options={"global_clipnorm": 1.0}
    ),
    "inpainting": lambda: inpainting(flip=True),
}


def data(model, steps=STEPS):
    """Returns the arrays that `fit` takes, the same ones everywhere."""
    rng = np.random.default_rng(3)
    count = steps * BATCH
    images = rng.integers(0, 256, (count, *model.sample_shape), "uint8")
    if isinstance(model, Poisoned):
        images[10 * BATCH - 1] = 255
    if isinstance(model, zoo.ConditionalDCGAN):
        return images, rng.integers(0, 3, count)
    if isinstance(model, zoo.InpaintingGAN):
        return images, rng.random((count, *model.sample_shape[:2])) < rng.random((count, 1, 1))
    return (images,)


def train(name):
    """Returns the state of a training run, and its logs: dict name -> ndarray."""
    keras.utils.set_random_seed(0)
    model = CASES[name]()
    arrays = data(model)
    history = model.fit(
        *arrays,
        batch_size=BATCH,
        verbose=0,
        shuffle=False,
        validation_data=tuple(array[: 2 * BATCH] for array in arrays),
    ).history
    logs = {f"log {key}": np.array(values) for key, values in history.items()}
    return {**capture_state(model), **logs}


def differences(one, other):
    """Returns dict name -> difference of arrays, relative to the largest number of `one`.

    Of weights and logs: some slots of optimizers hold rounding errors, squared.
    """
    assert one.keys() == other.keys()
    return {
        name: float(np.abs(one[name] - other[name]).max() / (np.abs(one[name]).max() + 1e-12))
        for name in one
        if not name.startswith(("generator_optimizer", "discriminator_optimizer"))
    }


PICTURES = 48


def save_pictures(folder):
    """Writes pictures that tell their number: all of one shade of gray each."""
    folder.mkdir()
    for number in range(PICTURES):
        image = Image.fromarray(np.full((8, 8), 5 * number, "uint8"))
        image.save(folder / f"{number:02}.png")


@contextlib.contextmanager
def noted_reads(path):
    """Writes down which pictures this process reads: a line of JSON for each batch.

    It takes its time over each, so that a test can end a process in the middle of a run.
    """
    read = StreamBatches.read

    def read_and_note(batches, index):
        time.sleep(0.02)
        images, *_ = outputs = read(batches, index)
        if batches.seed:  # within an epoch, which begins after so many updates
            with open(path, "a") as file:
                line = [batches.seed[-1], index, (images[:, 0, 0, 0] // 5).tolist()]
                file.write(json.dumps(line) + "\n")
        return outputs

    with mock.patch.object(StreamBatches, "read", read_and_note):
        yield


def reads(folder):
    """Returns what processes read into a batch: `(updates before its epoch, index)` -> numbers."""
    batches = {}
    for path in folder.glob("reads-*.jsonl"):
        for line in path.read_text().splitlines():
            updates, index, numbers = json.loads(line)
            batches.setdefault((updates, index), []).extend(numbers)
        path.unlink()
    return {key: sorted(numbers) for key, numbers in batches.items()}


def train_into(folder, epochs, *options):
    """Trains by the command on the pictures beside a run's folder, or goes on with the run."""
    if "squares" not in registry.names():
        zoo.register(
            "squares",
            config={"image_shape": (8, 8, 1), "hidden_units": (8, 8), "latent_dim": 4},
            recipe={"batch_size": 16, "average_decay": 0.9},
        )(squares)
    folder = Path(folder)
    with noted_reads(folder.parent / f"reads-{os.getpid()}.jsonl"):
        return commands.run(
            *("train", "squares", "--data", folder.parent / "pictures", "--stream"),
            *("--epochs", epochs, "--resume", folder),
            *options,
        )


def squares(**config):
    return zoo.VanillaGAN(**config)
