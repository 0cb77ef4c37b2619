"""`zoo train`: from a registered model and images to weights, a card and a picture."""

import contextlib
import dataclasses
import datetime
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

from zoo import backend as backend_module
from zoo import digest
from zoo.adversarial.average import refresh_batch_statistics
from zoo.adversarial.feeding import ArrayBatches, EpochOrder
from zoo.errors import CheckpointError, InvalidInputError, ZooError
from zoo.hub.cards import ModelCard
from zoo.hub.checkpoint_files import list_checkpoints
from zoo.hub.download import sha256_of
from zoo.hub.weights import load_weights, save_weights
from zoo.images import grids
from zoo.imports import PACKAGES
from zoo.training.checkpoint_callback import Checkpoint
from zoo.training.health import HealthCallback
from zoo.training.recipes import compile_arguments

GRID_IMAGES = 64
CHECKPOINTS_SHARE = 0.1
"""Of the time of a run, at most: with few images, an epoch is no longer than saving it."""


def train(
    spec,
    images,
    out,
    callbacks=(),
    initial_weights=None,
    labels=None,
    *,
    resume=False,
    augment=None,
    on_nonfinite="skip",
    monitor=None,
):
    """Trains a model by its recipe; the first phase of one in two goes into `out/first`.

    Writes into `out`, each file whole or not at all: a grid of samples from the same latents after
    every epoch (`samples/epoch_0001.png` ...), the weights so far (`NAME.weights.h5`), checkpoints
    of the whole run (`checkpoints`; where epochs are short, not of every one), and at the end the
    card (`NAME.json`) and the picture (`NAME.png`).

    Args:
        spec: `zoo.hub.registry.ModelSpec`.
        images: uint8 ndarray (N, H, W, C).
        out: folder, made if it isn't there.
        callbacks: more Keras callbacks.
        initial_weights: path of a weights file to start from, in place of a fresh initialization
            or the recipe's first phase. Both networks start from it; optimizers and schedules start
            anew.
        labels: integers (N,), the images' classes, for a class-conditional model.
        resume: bool, go on from the last checkpoint in `out`, if there is one, to the same weights,
            bit for bit, as without a stop. The recipe, the images and all else must be as before.
        augment: `augment(images, rng) -> images`, a random change of each batch before it is
            trained on, `zoo.training.input_augmentation.make(...)` for example.
        on_nonfinite: what to do about steps with NaN or infinity, see `zoo.HealthCallback`.
        monitor: name in the logs whose least value decides which checkpoint is kept as the best.

    Returns:
        `zoo.ModelCard` of the run, without metrics.

    Raises:
        InvalidInputError: if the images don't fit the model, or the recipe holds what Keras
            doesn't know.
        CheckpointError: if there are checkpoints and `resume` is false, if they are of another run,
            or if one can't be written.
        DivergenceError: if nothing but NaN or infinity comes out.
    """
    out = Path(out)
    recipe = spec.recipe
    settings = {"labels": labels, "augment": augment, "on_nonfinite": on_nonfinite}
    if recipe.previous is not None and initial_weights is None:
        first = dataclasses.replace(spec, recipe=recipe.previous)
        if not (resume and (out / "first" / f"{spec.name}.json").is_file()):
            train(first, images, out / "first", callbacks, resume=resume, **settings)
        initial_weights = out / "first" / f"{spec.name}.weights.h5"
    commit = _commit()  # now: the checkout may move on during the run
    keras.utils.set_random_seed(recipe.seed)
    with _dtype_policy(recipe.precision):
        model = spec.build(**spec.config, seed=recipe.seed)
    model.check_arrays(images, labels)
    if not resume and list_checkpoints(out / "checkpoints"):
        raise CheckpointError(
            f"{out} holds the checkpoints of a run. Pass `resume=True` to go on with it, or choose "
            "another folder."
        )
    started_from = None
    if initial_weights is not None:
        load_weights(model, initial_weights)
        started_from = sha256_of(initial_weights)
    steps = (recipe.schedule_epochs or recipe.epochs) * -(-len(images) // recipe.batch_size)
    model.compile(**compile_arguments(recipe, steps))
    weights = out / f"{spec.name}.weights.h5"
    checkpoint = Checkpoint(
        out / "checkpoints",
        monitor=monitor,
        configuration=run_configuration(spec, images, labels, started_from, augment),
        along=[callback for callback in callbacks if hasattr(callback, "get_state")],
        largest_share=CHECKPOINTS_SHARE,
    )
    with _told_of_the_disk(out):
        model.fit(
            _batches(model, images, labels, recipe.batch_size, augment),
            epochs=recipe.epochs,
            verbose=0,
            callbacks=[
                HealthCallback(on_nonfinite, checkpoint),
                EpochFiles(out, weights, images[:GRID_IMAGES]),
                *callbacks,
                checkpoint,  # last: what it saves counts as done
            ],
        )
        # Again: of a run that was stopped after its last epoch, what lies there may be final.
        save_weights(model, weights)
    record = run_record(recipe, len(images), checkpoint.seconds, commit)
    if started_from is not None:
        record["initial_weights_sha256"] = started_from
    with _told_of_the_disk(out):
        return _release(spec, weights, initial_weights, out, record, images[:GRID_IMAGES])


@contextlib.contextmanager
def _told_of_the_disk(out):
    """Says of an error of the disk what is left, and what to do."""
    try:
        yield
    except ZooError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"Can't write to {out}: {error.strerror or error}. What was there before is whole. "
            f"Make room, or the folder writable, and go on with `--resume {out}`."
        ) from error


def run_configuration(spec, images, labels, initial_weights_sha256, augment):
    """What two parts of a run must share: a dict of plain values.

    The number of epochs is left out where nothing before the last one depends on it: such a run may
    be made longer.
    """
    recipe = dataclasses.asdict(spec.recipe)
    if spec.recipe.schedule == "constant" or spec.recipe.schedule_epochs:
        del recipe["epochs"]
    arrays = [images] if labels is None else [images, labels]
    return {
        "model": spec.name,
        "config": spec.config,
        "recipe": recipe,
        "data": [digest.of_arrays({"": np.asarray(array)}) for array in arrays],
        "initial_weights": initial_weights_sha256,
        "augment": list(getattr(augment, "names", ())),
    }


def _batches(model, images, labels, batch_size, augment):
    arrays = [images] if labels is None else [images, labels]
    order = EpochOrder(model, len(images))
    return ArrayBatches(arrays, batch_size, order, augment)


class EpochFiles(keras.callbacks.Callback):
    """After every epoch: a grid of what the model makes of one seed, and the weights so far."""

    def __init__(self, out, weights, images):
        super().__init__()
        self.out = out
        self.weights = weights
        self.images = images

    def on_epoch_end(self, epoch, logs=None):
        images = self.model.preview(self.images, GRID_IMAGES)
        grids.save_png(images, self.out / "samples" / f"epoch_{epoch + 1:04d}.png")
        save_weights(self.model, self.weights)


def _release(spec, weights, initial_weights, out, record, images):
    """The final files, from a float32 model: the precision that users sample in."""
    with _dtype_policy("float32"):
        model = spec.build(**spec.config, seed=spec.recipe.seed)
    blend = spec.recipe.blend
    if initial_weights is not None and blend < 1.0:
        load_weights(model, initial_weights)
        before = model.generator.get_weights()
        load_weights(model, weights)
        after = model.generator.get_weights()
        mixed = [(1 - blend) * old + blend * new for old, new in zip(before, after, strict=True)]
        model.generator.set_weights(mixed)
    else:
        load_weights(model, weights)
    refresh_batch_statistics(model)
    save_weights(model, weights)
    grids.save_png(model.preview(images, GRID_IMAGES), out / f"{spec.name}.png")
    card = dataclasses.replace(
        ModelCard.from_spec(spec),
        training=record,
        sha256=sha256_of(weights),
        size=weights.stat().st_size,
        parameters={
            "generator": model.generator.count_params(),
            "discriminator": model.discriminator.count_params(),
        },
        files={
            "weights": weights.name,
            "card": f"{spec.name}.json",
            "picture": f"{spec.name}.png",
        },
    )
    card.write(out / f"{spec.name}.json")
    return card


def run_record(recipe, images, seconds, commit):
    """What it takes to repeat a training run, and what it cost."""
    backend = keras.backend.backend()
    distributions = [PACKAGES[backend], backend]
    version = next((v for v in map(_version, distributions) if v), "unknown")
    return {
        "seed": recipe.seed,
        "backend": f"{backend} {version}",
        "keras": keras.__version__,
        "python": platform.python_version(),
        "device": f"{platform.machine()}, {backend_module.device_name()}",
        "precision": recipe.precision,
        "images": images,
        "epochs": recipe.epochs,
        "seconds": round(seconds),
        "images_per_second": round(images * recipe.epochs / seconds),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit,
    }


def _version(distribution):
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(distribution)
    return None


def _commit():
    """The git commit of a checkout, marked if its files were changed; "" elsewhere."""
    folder = Path(__file__).resolve().parents[1]
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(name)
    except ValueError as error:
        raise InvalidInputError(
            "`precision` must be a Keras dtype policy, 'float32' or 'mixed_bfloat16' for example. "
            f"Received: {name!r}"
        ) from error
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
