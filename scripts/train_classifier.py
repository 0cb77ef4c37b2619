"""Trains a classifier for the metrics of `zoo.evaluation`, and writes it with its card.

    KERAS_BACKEND=tensorflow ZOO_DATA_DIR=... python -m scripts.train_classifier scenes64

The held-out split is used once, after the last epoch: it selects nothing. With `--resume FOLDER`, a
run that was stopped continues after its last epoch, bit for bit.
"""

import argparse
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from scripts.augmentation import Augmented, crop_photos, warp_digits
from scripts.run_progress import Progress
from zoo import datasets
from zoo.evaluation.features.classifier import ARCHITECTURES, Classifier, build_network
from zoo.files import replacing
from zoo.training import provenance

WEIGHTS = Path(__file__).parents[1] / "weights" / "classifiers"


@dataclass(frozen=True)
class Recipe:
    """Recipe of a classifier's training.

    Without label smoothing, which would cap the probabilities, and with them the share of images
    that are classified with confidence.

    Args:
        task: What it classifies, in words.
        source: The data set's title, authors and form, for the card.
        augment: Function for `scripts.augmentation.Augmented`.
        augmentation: Description of `augment`.
        epochs: Passes over the training images.
        learning_rate: Highest rate, from which a cosine falls to 0.
        warmup_epochs: Passes during which the rate rises from 0.
        weight_decay: Decoupled decay of the kernels; `None` for none.
        momentum: Nesterov momentum of stochastic gradient descent; `None` for Adam.
    """

    task: str
    source: str
    augment: Callable
    augmentation: str
    epochs: int
    learning_rate: float = 3e-3
    warmup_epochs: int = 1
    weight_decay: float | None = 0.05
    momentum: float | None = None


RECIPES = {
    "cifar10": Recipe(
        task="classification of ten kinds of things",
        source="CIFAR-10 (Krizhevsky), a JPEG copy whose pixels differ slightly from the original",
        augment=functools.partial(crop_photos, shift=4),
        augmentation="mirrored half of the time, shift 4 px, edges reflected",
        epochs=8,
    ),
    "fashion_mnist": Recipe(
        task="classification of ten kinds of clothes",
        source="Fashion-MNIST (Xiao, Rasul, Vollgraf)",
        augment=functools.partial(crop_photos, shift=2),
        augmentation="mirrored half of the time, shift 2 px, edges reflected",
        epochs=12,
    ),
    "mnist": Recipe(
        task="digit classification",
        source="MNIST (LeCun, Cortes, Burges)",
        augment=warp_digits,
        augmentation="rotation 0.2 rad, scale 10%, shear 0.15, shift 2 px, each uniform",
        epochs=10,
        learning_rate=2e-3,
        warmup_epochs=0,
        weight_decay=None,
    ),
    "scenes64": Recipe(
        task="classification of six kinds of scenes",
        source="Scene Classification, reduced to 64x64",
        augment=functools.partial(crop_photos, shift=6, scale=(0.75, 1.1)),
        augmentation=(
            "mirrored half of the time, shift 6 px, scale 0.75..1.1 along each axis, "
            "edges reflected"
        ),
        epochs=26,
    ),
}


def make_schedule(recipe, epochs, steps):
    """Returns the learning rate's schedule for `epochs` of `steps` steps."""
    warmup = recipe.warmup_epochs * steps
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, epochs * steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )


def make_optimizer(recipe, epochs, steps):
    """Returns the recipe's optimizer for `epochs` of `steps` steps."""
    schedule = make_schedule(recipe, epochs, steps)
    if recipe.momentum is None:
        optimizer = keras.optimizers.Adam(schedule, weight_decay=recipe.weight_decay)
    else:
        optimizer = keras.optimizers.SGD(
            schedule, recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
        )
    if recipe.weight_decay is not None:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def restore(trainer, folder):
    """Takes a compiled model to where its training stopped, and returns how many epochs that is."""
    paths = saved_epochs(folder)
    if not paths:
        return 0
    trainer.optimizer.build(trainer.trainable_variables)
    with np.load(paths[-1]) as arrays:
        for variable, array in zip(state(trainer), arrays.values(), strict=True):
            variable.assign(array)
    return int(paths[-1].name.split("_")[1])


def save_epoch(trainer, folder, done):
    """Keeps a training's state after an epoch, in place of those after earlier ones."""
    earlier = saved_epochs(folder)
    with replacing(folder / f"after_{done:03}_epochs.npz") as temporary:
        arrays = [keras.ops.convert_to_numpy(variable) for variable in state(trainer)]
        np.savez(temporary, *arrays)
    for path in earlier:
        path.unlink()


def saved_epochs(folder):
    """Returns the files that `save_epoch` wrote, the last one last."""
    return sorted(folder.glob("after_*_epochs.npz"))


def state(trainer):
    """Returns all variables, those that Keras leaves out of weights files too: dropout's seed."""
    return [*trainer.variables, *trainer.optimizer.variables]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(RECIPES), help="the data set")
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--policy", default="mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="to keep the state in")
    args = parser.parse_args()
    recipe = RECIPES[args.name]
    args.epochs = args.epochs or recipe.epochs

    keras.utils.set_random_seed(args.seed)
    images, labels = datasets.load(args.name, split=datasets.info(args.name).splits[0])
    network = build_network(args.name, dtype=args.policy)
    trainer = keras.Model(network.inputs, network.outputs[1])
    trainer.compile(
        make_optimizer(recipe, args.epochs, len(images) // args.batch_size),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    callbacks, done = [], 0
    if args.resume:
        done = restore(trainer, args.resume)
        progress = Progress(args.resume / "progress.json")
        save = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: save_epoch(trainer, args.resume, epoch + 1)
        )
        callbacks = [progress.callback(), save]
    start = time.perf_counter()
    trainer.fit(
        Augmented(images, labels.astype("int32"), recipe.augment, args.batch_size, args.seed, done),
        epochs=args.epochs,
        initial_epoch=done,
        shuffle=False,  # each epoch has its own order already
        callbacks=callbacks,
        verbose=2,
    )
    seconds = progress.seconds if args.resume else time.perf_counter() - start

    # A new float32 network has no optimizer, whose slots would triple the file.
    shipped = build_network(args.name)
    shipped.set_weights(network.get_weights())
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.name}.weights.h5"
    with replacing(path) as temporary:
        shipped.save_weights(temporary)
    write_card(path, args, recipe, seconds)


def write_card(path, args, recipe, seconds):
    """Measures the written weights on the held-out split, and writes their card."""
    dataset = datasets.info(args.name)
    split = dataset.splits[1]
    network = build_network(args.name)
    network.load_weights(path)
    classifier = Classifier(network, {})
    images, labels = datasets.load(args.name, split=split)
    _, probabilities = classifier.features(images)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == labels))
    shape = ", ".join(map(str, classifier.image_shape))
    optimizer = "Adam" if recipe.momentum is None else f"SGD, Nesterov momentum {recipe.momentum}"
    if recipe.warmup_epochs:
        optimizer += f", {recipe.warmup_epochs} epoch of warmup"
    optimizer += ", cosine decay to 0"
    backend = keras.backend.backend()
    versions = provenance.versions(backend)
    card = {
        "name": args.name,
        "task": (
            f"{recipe.task}; its {classifier.feature_width} features are what frechet_distance "
            "is measured in"
        ),
        "input": f"images (N, {shape}), uint8 0..255, divided by 255",
        "parameters": network.count_params(),
        "dataset": recipe.source,
        "dataset_license": dataset.license,
        "metrics": {f"{split}_accuracy": accuracy, f"{split}_images": len(images)},
        "recipe": {
            "command": f"python -m scripts.train_classifier {args.name}",
            "optimizer": optimizer,
            "learning_rate": recipe.learning_rate,
            **({"weight_decay": recipe.weight_decay} if recipe.weight_decay is not None else {}),
            "batch_size": args.batch_size,
            "epochs": args.epochs,
            "augmentation": recipe.augmentation,
            "dropout": ARCHITECTURES[args.name].dropout,
        },
        "run": {
            "seed": args.seed,
            "backend": f"{backend} {versions['backend']}",
            "keras": versions["keras"],
            "precision": args.policy,
            "device": f"{provenance.device()}; {os.cpu_count()} cores",
            "git_commit": provenance.commit() or None,
            "wall_seconds": round(seconds),
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, indent=2) + "\n"
    path.with_name(f"{args.name}.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
