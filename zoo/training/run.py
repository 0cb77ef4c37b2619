"""`zoo.train`: trains a registered model on images; writes its weights, card and pictures."""

import contextlib
import dataclasses
import datetime
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend, datasets, digest, distribution, interrupts
from zoo.adversarial.feeding import ArrayBatches, EpochOrder, StreamBatches, is_stream
from zoo.errors import CheckpointError, InvalidInputError, ZooError
from zoo.files import remove_leftovers, sole_writer
from zoo.hub import registry
from zoo.hub.cards import ModelCard
from zoo.hub.checkpoint_files import list_checkpoints, read_record
from zoo.hub.download import sha256_of
from zoo.hub.specs import ModelSpec
from zoo.hub.weights import load_weights, save_weights
from zoo.images import grids
from zoo.training import provenance
from zoo.training.checkpoint_callback import Checkpoint
from zoo.training.health import HealthCallback
from zoo.training.history import HistoryFile
from zoo.training.recipes import compile_arguments
from zoo.training.sample_grids import GRID_IMAGES, SampleGrids
from zoo.training.tensorboard_logger import TensorBoardLogger
from zoo.training.wandb_logger import WandbLogger

LOGGERS = {"tensorboard": TensorBoardLogger, "wandb": WandbLogger}
CHECKPOINT_TIME = 0.1
"""Largest fraction of a run's time to spend on checkpoints."""


@interrupts.held_back()
def train(
    name_or_spec: str | ModelSpec,
    images: np.ndarray | datasets.Stream,
    out: str | os.PathLike,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    initial_weights: str | os.PathLike | None = None,
    labels: np.ndarray | None = None,
    *,
    resume: bool = False,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    on_nonfinite: str = "skip",
    monitor: str | None = None,
    dataset: str | None = None,
    data: str = "",
    log: Iterable[str] = (),
) -> ModelCard:
    """Trains a model by its recipe.

    Writes into `out`, each file whole or not at all: a grid of samples from the same latents after
    every epoch (`samples/epoch_0001.png` ...), the weights so far (`NAME.weights.h5`), what was
    measured (`history.csv`, one row for each epoch), checkpoints of the whole run (`checkpoints`;
    not every epoch has one if epochs are short), and at the end the picture (`NAME.png`). The card
    (`NAME.json`) is there from the start, and complete at the end: `zoo.load(out)` gives the model
    as it is so far. If the recipe has a previous phase, that phase is trained first, into
    `out/first`.

    Args:
        name_or_spec: name of a registered model, or its `ModelSpec`.
        images: uint8 array of shape `(N, H, W, C)`, or a `zoo.datasets.stream`.
        out: folder for the run; created if needed.
        callbacks: more Keras callbacks.
        initial_weights: path of a weights file to start from, instead of a fresh initialization or
            the recipe's previous phase. Both networks start from it; optimizers and schedules start
            anew.
        labels: integer array of shape `(N,)`, the classes of the images, for a class-conditional
            model. A stream has its own.
        resume: whether to continue from the last checkpoint in `out`, if there is one. The run
            ends with the weights of an uninterrupted run, bit for bit; the recipe, the images and
            everything else must be as before. Only `epochs` can be larger: the epochs that are done
            stay as they are, and rates that fall go on as if they had fallen over the new number
            from the start.
        augment: `augment(images, rng) -> images`, a random change of each batch before the step,
            for example `zoo.training.input_augmentation.make(("flip",))`.
        on_nonfinite: what to do after steps with NaN or infinity, see `zoo.HealthCallback`.
        monitor: name in the epoch's logs whose lowest value marks the best checkpoint, which is
            kept.
        dataset: name of the data set that `images` are of, for the card. By default the one that
            the model is registered with, unless that is a data set of the zoo: then nothing says
            that `images` are of it, and the card leaves it out, along with the description and the
            limits of a model trained on it.
        data: where `images` are from, for the card's record of the run: `"photos.zip"`.
        log: where to show the figures and samples of the epochs beside `out`: `"tensorboard"`,
            `"wandb"` or both, see `zoo.TensorBoardLogger` and `zoo.WandbLogger`. A run that resumes
            can begin with it.

    Returns:
        `zoo.ModelCard` of the run, without metrics. Its `training` covers all phases; `phases`
        lists them if there is more than one.

    Raises:
        UnknownModelError: if no model is registered under the name.
        MissingDependencyError: if the package of a logger isn't installed.
        InvalidInputError: if the images don't fit the model, or for a value in the recipe that
            Keras doesn't accept.
        CheckpointError: if `out` has checkpoints and `resume` is false, if they belong to another
            run or have more epochs than the recipe, if one can't be written, or if another process
            is training into `out`.
        DivergenceError: if every step of an epoch gives NaN or infinity.

    Example:

    ```python
    images = zoo.datasets.from_folder("photos", image_shape=(28, 28, 1))
    card = zoo.train("gan_mnist_small", images, "runs/photos")
    model = zoo.load("runs/photos")
    ```
    """
    spec = registry.find(name_or_spec) if isinstance(name_or_spec, str) else name_or_spec
    spec = _trained_on(spec, dataset)
    out, callbacks, phases = Path(out), list(callbacks), []
    recipe = spec.recipe
    log = [log] if isinstance(log, str) else list(log)
    settings: dict[str, Any] = {"labels": labels, "augment": augment, "on_nonfinite": on_nonfinite}
    settings |= {"dataset": spec.dataset, "data": data, "log": log}
    loggers = _loggers(log, out, _configuration_to_show(spec, data))
    if recipe.previous is not None and initial_weights is None:
        first = dataclasses.replace(spec, recipe=recipe.previous)
        card_path = out / "first" / f"{spec.name}.json"
        card = ModelCard.read(card_path) if resume and card_path.is_file() else None
        if card is None or not card.pretrained:
            card = train(first, images, out / "first", callbacks, resume=resume, **settings)
        phases = _phases_of(card)
        initial_weights = out / "first" / f"{spec.name}.weights.h5"
    commit = provenance.commit()  # now: the checkout can change during the run
    keras.utils.set_random_seed(recipe.seed)
    with _dtype_policy(recipe.precision):
        model = spec.build(**spec.config, seed=recipe.seed)
    if is_stream(images):
        model.check_stream(images, labels)
    else:
        model.check_arrays(images, labels)
    if augment is not None and labels is not None and np.ndim(labels) > 1:
        raise InvalidInputError(
            "`augment` changes images and not the masks that belong to them. Leave one of them out."
        )
    if not resume and list_checkpoints(out / "checkpoints"):
        raise CheckpointError(
            f"{out} holds the checkpoints of a run. Pass `resume=True` to continue it, or choose "
            "another folder."
        )
    started_from = None
    if initial_weights is not None:
        load_weights(model, initial_weights)
        started_from = sha256_of(initial_weights)
    batches = _batches(model, images, labels, recipe.batch_size, augment)
    steps = (recipe.schedule_epochs or recipe.epochs) * len(batches)
    model.compile(**compile_arguments(recipe, steps))
    weights = out / f"{spec.name}.weights.h5"
    configuration = run_configuration(spec, images, labels, started_from, augment)
    began_with = _epochs_before(out / "checkpoints", recipe.epochs)
    lengthened = began_with < configuration["recipe"].get("epochs", 0)
    if lengthened:
        configuration["recipe"]["epochs"] = began_with
    checkpoint = Checkpoint(
        out / "checkpoints",
        monitor=monitor,
        configuration=configuration,
        stateful_callbacks=[item for item in callbacks if hasattr(item, "get_state")],
        # What a rollback goes back to mustn't depend on the clock.
        time_fraction=1.0 if on_nonfinite == "rollback" else CHECKPOINT_TIME,
    )
    origin = {"data": data} if data else {}
    if is_stream(images):  # what is known without reading all of it
        origin["data_names_and_sizes_sha256"] = configuration["data"][0]
    if not isinstance(spec.builder, str):
        origin["builder"] = spec.origin
    if lengthened:
        origin["first_epochs"] = began_with
    writes = distribution.is_first_process()
    backend.meet()  # all have checked the folder as it was
    with _explaining_write_errors(out), sole_writer(out) if writes else contextlib.nullcontext():
        if writes:
            for folder in (out, out / "samples"):
                remove_leftovers(folder, "*")
            # The weights that it describes are those so far: they have no hash yet.
            ModelCard.from_spec(spec, training=origin).write(out / f"{spec.name}.json")
        model.fit(
            batches,
            epochs=recipe.epochs,
            verbose=0,
            callbacks=[
                HealthCallback(on_nonfinite, checkpoint),
                SampleGrids(out / "samples", images[:GRID_IMAGES]),
                WeightsSoFar(weights),
                *callbacks,
                HistoryFile(out / "history.csv"),
                *loggers,
                checkpoint,  # last: the epoch counts as done once this has saved it
            ],
        )
        seconds = checkpoint.seconds
        phases.append(
            {
                "epochs": recipe.epochs,
                "batch_size": recipe.batch_size,
                "seconds": round(seconds),
                "images_per_second": round(len(images) * recipe.epochs / seconds),
            }
        )
        record = {**_record(recipe, len(images), phases, commit), **origin}
        if backend.shares() > 1:
            record["replicas"] = backend.shares()
        if started_from is not None:
            record["initial_weights_sha256"] = started_from
        if writes:
            with backend.alone():
                # Again: a run stopped after its last epoch can have the final file there.
                save_weights(model, weights)
                card = _release(spec, weights, initial_weights, out, record, images[:GRID_IMAGES])
        backend.meet()
    return card if writes else ModelCard.read(out / f"{spec.name}.json")


def _configuration_to_show(spec, data):
    """Returns what loggers show of a run's configuration: a dict of plain values."""
    card = dataclasses.asdict(ModelCard.from_spec(spec))
    shown = {key: card[key] for key in ("name", "family", "config", "dataset", "recipe")}
    return {**shown, "data": data, "backend": keras.backend.backend()}


def _loggers(names, out, shown):
    """Returns the loggers of a run whose `history.csv` and `samples` others write."""
    for name in names:
        if name not in LOGGERS:
            raise InvalidInputError(
                f"`log` must be some of {', '.join(map(repr, LOGGERS))}; `history.csv` is always "
                f"written. Received: {name!r}"
            )
    loggers = []
    for name in dict.fromkeys(names):
        logger = LOGGERS[name](out, configuration=shown)
        logger.writers.clear()
        loggers.append(logger)
    return loggers


def _trained_on(spec, dataset):
    """Returns a specification that claims only what is known of the images it is trained on."""
    if dataset is None:
        dataset = "" if spec.dataset in datasets.names() else spec.dataset
    if dataset == spec.dataset:
        return spec
    return dataclasses.replace(spec, dataset=dataset, description="", limits="")


def _epochs_before(folder, epochs):
    """Returns how many epochs the rates of the run in a folder were to fall over, at first.

    Raises:
        CheckpointError: if more than `epochs` are done.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            record = read_record(path)
        except CheckpointError:
            continue  # `Checkpoint` says so
        if record["epoch"] > epochs:
            raise CheckpointError(
                f"The run has done {record['epoch']} epochs, and can't be resumed to end after "
                f"fewer. Received: epochs={epochs}"
            )
        return record["configuration"].get("recipe", {}).get("epochs", epochs)
    return epochs


@contextlib.contextmanager
def _explaining_write_errors(out):
    """Turns an error of the disk into one that says what is left and what to do."""
    try:
        yield
    except ZooError:
        raise
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{out} was moved or deleted while the run wrote to it. Put it back and continue with "
            f"`--resume {out}`, or start over."
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"Can't write to {out}: {error.strerror or error}. What was there before is whole. "
            f"Free some space, or make the folder writable, and continue with `--resume {out}`."
        ) from error


def run_configuration(spec, images, labels, initial_weights_sha256, augment):
    """Returns what a resumed run must share with its first part: a dict of plain values.

    The number of epochs is left out if no earlier epoch depends on it: such a run can be extended.
    """
    recipe = dataclasses.asdict(spec.recipe)
    if spec.recipe.schedule == "constant" or spec.recipe.schedule_epochs:
        del recipe["epochs"]
    arrays = [images] if labels is None else [images, labels]
    return {
        "model": spec.name,
        "config": spec.config,
        "recipe": recipe,
        "data": [_digest_of(array) for array in arrays],
        "initial_weights": initial_weights_sha256,
        "augment": list(getattr(augment, "names", ())),
    }


def _digest_of(data):
    """Returns the sha256 of an array's numbers, or of the names and sizes of a stream's files."""
    return data.digest() if is_stream(data) else digest.of_arrays({"": np.asarray(data)})


def _batches(model, images, labels, batch_size, augment):
    order = EpochOrder(model, len(images))
    if is_stream(images):
        return StreamBatches(images, batch_size, order, augment)
    arrays = [images] if labels is None else [images, labels]
    return ArrayBatches(arrays, batch_size, order, augment)


class WeightsSoFar(keras.callbacks.Callback):
    """Saves the weights after every epoch."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if distribution.is_first_process():
            with backend.alone():
                save_weights(self.model, self.path)


def _release(spec, weights, initial_weights, out, record, images):
    """Writes the final files, from a float32 model: the precision that users sample in."""
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


def refresh_batch_statistics(model, batch_size=256, tolerance=0.01, most=100):
    """Measures the batch statistics that a model samples with anew, with its weights as they are.

    An average of weights needs statistics of its own, not an average of the statistics of all the
    networks it passed through (Brock et al. 2019, appendix, "standing statistics"). They are means
    over as many batches as it takes for the means of channels to be known to `tolerance` of their
    standard deviations.

    Args:
        model: `zoo.AdversarialModel`; its sampling network is changed in place, and nothing in it
            but the moving statistics of layers that train.
        batch_size: int, latents of each forward pass.
        tolerance: float, standard error as a fraction of a channel's standard deviation.
        most: int, forward passes at most.
    """
    network = model.sampling_network()
    pairs = zip(_normalizations(network), _normalizations(model.generator), strict=True)
    # An average isn't trainable, and its layers would leave their statistics alone.
    layers = [layer for layer, trained in pairs if trained.trainable]
    if not layers:
        return
    statistics = [(layer.moving_mean, layer.moving_variance) for layer in layers]
    with _measuring(network, layers):
        infer = backend.compile_inference(_statistics_of(network, statistics), network, "auto")
        passes: list = []
        while len(passes) < most and not _is_enough(passes, tolerance):
            latents, *others = model.sample_inputs(batch_size, seed=1 + len(passes))
            measured = infer(_moments_matched(latents), *others)
            passes.append([[np.array(ops.convert_to_numpy(x)) for x in pair] for pair in measured])
    for i, pair in enumerate(statistics):
        for j, variable in enumerate(pair):
            variable.assign(np.mean([one[i][j] for one in passes], axis=0, dtype="float64"))


def _normalizations(network):
    """Returns the batch normalizations of a network, nested ones included."""
    layers = network._flatten_layers(include_self=False)
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


@contextlib.contextmanager
def _measuring(network, layers):
    """Lets the moving statistics of layers be those of the last batch; at the end all is as before.

    Args:
        network: `keras.Model`.
        layers: list of its batch normalizations.
    """
    settings = [(layer, layer.trainable, layer.momentum) for layer in layers]
    values = [(variable, ops.convert_to_numpy(variable).copy()) for variable in network.variables]
    try:
        for layer in layers:
            layer.trainable, layer.momentum = True, 0.0
        yield
    finally:
        for layer, trainable, momentum in settings:
            layer.trainable, layer.momentum = trainable, momentum
        for variable, value in values:
            variable.assign(value)


def _statistics_of(network, variables):
    """Returns a function of the network's inputs that returns the statistics of their batch."""

    def measure(*inputs):
        network(list(inputs) if len(inputs) > 1 else inputs[0], training=True)
        return [[ops.convert_to_tensor(variable) for variable in pair] for pair in variables]

    return measure


def _moments_matched(latents):
    """Returns latents changed as little as it takes for a mean of 0 and a covariance of 1.

    The first, dense layer is known from one pass then; by chance, it takes 10,000 latents.
    """
    count, size = latents.shape
    if count <= 2 * size:
        return latents
    left, _, right = np.linalg.svd(latents - latents.mean(axis=0), full_matrices=False)
    return (left @ right * np.sqrt(count)).astype(latents.dtype)


def _is_enough(passes, tolerance, least=4):
    """Returns whether means over passes are known well enough, by how much the passes differ."""
    if len(passes) < least:
        return False
    errors = []
    for layer in zip(*passes, strict=True):
        means, variances = (np.stack(values) for values in zip(*layer, strict=True))
        share = means.var(axis=0, ddof=1) / (variances.mean(axis=0) + 1e-12)
        errors.append(share.mean() / len(passes))
    return max(errors) <= tolerance**2


def _phases_of(card):
    """Returns the phases that a card records: list of dict, the first phase first."""
    keys = ("epochs", "batch_size", "seconds", "images_per_second")
    values = {**card.recipe, **card.training}
    return card.training.get("phases") or [{key: values[key] for key in keys}]


def _record(recipe, images, phases, commit):
    """Returns what it takes to repeat a training run, and what it cost in all of its phases."""
    backend = keras.backend.backend()
    version = provenance.versions(backend)["backend"] or "unknown"
    epochs, seconds = (sum(phase[key] for phase in phases) for key in ("epochs", "seconds"))
    several = len(phases) > 1
    return {
        "seed": recipe.seed,
        "backend": f"{backend} {version}",
        "keras": keras.__version__,
        "python": platform.python_version(),
        "device": provenance.device(),
        "precision": recipe.precision,
        "images": images,
        "epochs": epochs,
        "seconds": seconds,
        "images_per_second": round(images * epochs / max(seconds, 1))
        if several
        else phases[0]["images_per_second"],
        **({"phases": phases} if several else {}),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit,
    }


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(name)
    except ValueError as error:
        raise InvalidInputError(
            "`precision` must be a Keras dtype policy, for example 'float32' or 'mixed_bfloat16'. "
            f"Received: precision={name!r}"
        ) from error
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
