"""Trains the digit classifier that `zoo.evaluation` measures with, and writes it with its card.

    KERAS_BACKEND=tensorflow ZOO_DATA_DIR=... python -m scripts.train_digit_classifier

The test set is looked at once, after the last epoch: it selects nothing.
"""

import argparse
import hashlib
import importlib
import json
import os
import platform
import subprocess
import time
from pathlib import Path

import keras
import numpy as np

from zoo import datasets
from zoo.evaluation.classifier import DigitClassifier, build_network

LICENSE = "CC BY-SA 3.0"
SOURCE = "MNIST (LeCun, Cortes, Burges)"


class AugmentedDigits(keras.utils.PyDataset):
    """Batches of digits, each under its own small rotation, scaling, shear and shift."""

    def __init__(self, images, labels, batch_size, seed):
        super().__init__()
        # A frame of black, so that a shifted digit finds pixels outside its image.
        self.padded = np.pad(images[..., 0], ((0, 0), (4, 4), (4, 4)))
        self.labels = labels
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(images))

    def __len__(self):
        return len(self.order) // self.batch_size

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return warp(self.padded[chosen], self.rng)[..., None], self.labels[chosen]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.order))


def warp(padded, rng):
    """Draws a random affine view of each image, with bilinear interpolation.

    Args:
        padded: uint8 array of shape `(N, 36, 36)`: 28x28 digits in a black frame 4 pixels wide.
        rng: A `numpy.random.Generator`.

    Returns:
        float32 array of shape `(N, 28, 28)` in [0, 1].
    """
    n, size = len(padded), padded.shape[1]
    angle = rng.uniform(-0.2, 0.2, (n, 1))
    scale = rng.uniform(0.9, 1.1, (n, 1))
    shear = rng.uniform(-0.15, 0.15, (n, 1))
    shift = rng.uniform(-2.0, 2.0, (2, n, 1))
    y, x = (a.reshape(1, -1) - 13.5 for a in np.mgrid[:28, :28])
    x = x + shear * y
    center = (size - 1) / 2
    from_y = scale * (np.cos(angle) * y + np.sin(angle) * x) + shift[0] + center
    from_x = scale * (np.cos(angle) * x - np.sin(angle) * y) + shift[1] + center
    from_y, from_x = (np.clip(a, 0.0, size - 1.001) for a in (from_y, from_x))
    top, left = from_y.astype(np.intp), from_x.astype(np.intp)
    down, right = (from_y - top).astype(np.float32), (from_x - left).astype(np.float32)
    corner = np.arange(n)[:, None] * size**2 + top * size + left
    flat = padded.reshape(-1)
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + size] * (1 - right) + flat[corner + size + 1] * right
    return ((upper * (1 - down) + lower * down) / 255).reshape(n, 28, 28).astype(np.float32)


def git_commit():
    """Returns the checkout's commit, or None outside of one."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def device():
    """Returns what the training ran on, in words."""
    try:
        names = ", ".join(keras.distribution.list_devices())
    except AttributeError:  # Keras' torch backend has no such list.
        names = "torch's default device"
    return f"{names}; {os.cpu_count()} cores, {platform.machine()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--policy", default="mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("weights/classifiers"))
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    images, labels = datasets.load("mnist", split="train")
    batches = AugmentedDigits(images, labels.astype("int32"), args.batch_size, args.seed)
    network = build_network(dtype=args.policy)
    trainer = keras.Model(network.inputs, network.outputs[1])
    schedule = keras.optimizers.schedules.CosineDecay(
        args.learning_rate, args.epochs * len(batches)
    )
    trainer.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    trainer.fit(batches, epochs=args.epochs, verbose=2)
    seconds = time.perf_counter() - start

    # A fresh float32 network holds no optimizer, whose slots would triple the file.
    shipped = build_network()
    shipped.set_weights(network.get_weights())
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "mnist.weights.h5"
    partial = args.out / "mnist.partial.weights.h5"
    shipped.save_weights(partial)
    os.replace(partial, path)
    write_card(path, args, seconds)


def write_card(path, args, seconds):
    """Measures the written weights on the test set, and writes their card beside them."""
    network = build_network()
    network.load_weights(path)
    images, labels = datasets.load("mnist", split="test")
    _, probabilities = DigitClassifier(network, {}).features(images)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == labels))
    backend = keras.backend.backend()
    card = {
        "name": "mnist",
        "task": "digit classification; its 96 features are what frechet_distance is measured in",
        "input": "images (N, 28, 28, 1), uint8 0..255, divided by 255",
        "parameters": network.count_params(),
        "dataset": SOURCE,
        "dataset_license": LICENSE,
        "metrics": {"test_accuracy": accuracy, "test_images": len(images)},
        "recipe": {
            "command": "python -m scripts.train_digit_classifier",
            "optimizer": "Adam, cosine decay to 0",
            "learning_rate": args.learning_rate,
            "batch_size": args.batch_size,
            "epochs": args.epochs,
            "augmentation": "rotation 0.2 rad, scale 10%, shear 0.15, shift 2 px, each uniform",
            "dropout": 0.3,
        },
        "run": {
            "seed": args.seed,
            "backend": f"{backend} {importlib.import_module(backend).__version__}",
            "keras": keras.__version__,
            "precision": args.policy,
            "device": device(),
            "git_commit": git_commit(),
            "wall_seconds": round(seconds),
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    text = json.dumps(card, indent=2) + "\n"
    path.with_name("mnist.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
