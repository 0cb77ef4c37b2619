"""How fast `fit` trains the 28x28 DCGAN, against a loop written by hand in the same framework.

    python -m benchmarks.dcgan28 --backend jax tensorflow torch --json speed.json

Each backend gets a process of its own, in which the zoo and the hand-written loop of
`benchmarks.native` train in turn: whatever else the machine does meets both, so the ratio of two
neighboring rounds says more than a number of images per second does.
"""

import argparse
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import native
from zoo.keras_import import PACKAGES, import_keras

IMAGE_SHAPE = (28, 28, 1)
WARM_UP_STEPS = 4


def measure(batch_size, steps, rounds, base_filters=64):
    """Times both on the backend of this process.

    Args:
        batch_size: int, images per step.
        steps: int, steps per round.
        rounds: int, timed rounds of each, in turn.
        base_filters: int, the network's width.

    Returns:
        A dictionary that `json` can write: images per second of every round, ratios of the zoo to
        the native loop in the same round, losses, and what ran where.

    Raises:
        RuntimeError: if losses are not finite or stand still.
    """
    keras = import_keras()
    import zoo
    from zoo import backend

    name = keras.backend.backend()
    model = zoo.DCGAN(IMAGE_SHAPE, base_filters=base_filters, kernel_size=5, seed=0)
    model.compile(jit_compile="auto")
    weights = model.generator.get_weights(), model.discriminator.get_weights()
    loop = native.make_loop("dcgan28", name, native.VARIANTS[name][0], model.config, *weights)

    def train_zoo(images, batch_size):
        history = model.fit(images, batch_size=batch_size, verbose=0).history
        loop.synchronize()
        return history["discriminator_loss"][-1], history["generator_loss"][-1]

    contestants = {"native": loop.run, "zoo": train_zoo}
    images = np.random.default_rng(0).integers(0, 256, (steps * batch_size, *IMAGE_SHAPE), "uint8")
    results = {key: {"images_per_second": [], "losses": []} for key in contestants}

    def timed(key, images):
        start = time.perf_counter()
        losses = contestants[key](images, batch_size)
        seconds = time.perf_counter() - start
        results[key]["losses"].append(losses)
        return seconds

    for key, result in results.items():
        result["first_call_seconds"] = timed(key, images[:batch_size])
        timed(key, images[: WARM_UP_STEPS * batch_size])
    for i in range(rounds):
        # The first of a pair alternates too: neither always runs on the warmer machine.
        for key in list(contestants)[:: 1 if i % 2 == 0 else -1]:
            results[key]["images_per_second"].append(len(images) / timed(key, images))
    for key, result in results.items():
        check_losses(key, result["losses"])
    pairs = zip(*(results[key]["images_per_second"] for key in ("zoo", "native")), strict=True)
    return {
        "backend": name,
        "version": _version(PACKAGES[name]) or _version(name),
        "keras": keras.__version__,
        "device": backend.device_name(),
        "precision": keras.config.dtype_policy().name,
        "batch_size": batch_size,
        "steps": steps,
        **results,
        "ratios": [ours / hand_written for ours, hand_written in pairs],
    }


def check_losses(name, losses):
    """Raises `RuntimeError` unless losses are finite and change: a broken step must not win."""
    if not all(math.isfinite(loss) for pair in losses for loss in pair):
        raise RuntimeError(f"The losses of {name} must be finite. Received: {losses}")
    if len(set(losses)) < len(losses):
        raise RuntimeError(f"The losses of {name} must change. Received: {losses}")


def measure_elsewhere(backend, options):
    """`measure` in a process on another backend: Keras' backend is fixed at import."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "row.json"
        command = [sys.executable, "-m", "benchmarks.dcgan28", "--worker", str(path)]
        for name in ("batch_size", "steps", "rounds"):
            command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, "KERAS_BACKEND": backend}
        subprocess.run(command, env=environment, check=True)
        return json.loads(path.read_text(encoding="utf-8"))


def make_table(rows):
    """The rows as a `rich` table: medians, and the range of the ratios."""
    table = Table(title="Training the 28x28 DCGAN, images/s")
    table.add_column("backend")
    for column in ("native", "zoo", "zoo / native", "first call: native", "zoo"):
        table.add_column(column, justify="right")
    for row in rows:
        ratios = row["ratios"]
        table.add_row(
            row["backend"],
            *(f"{_median(row, key):.0f}" for key in ("native", "zoo")),
            f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]",
            *(f"{row[key]['first_call_seconds']:.1f} s" for key in ("native", "zoo")),
        )
    return table


def main(arguments=None):
    options = _parse(arguments)
    if options.worker:
        row = measure(options.batch_size, options.steps, options.rounds)
        options.worker.write_text(json.dumps(row), encoding="utf-8")
        return
    console = Console()
    rows = []
    for backend in options.backend:
        with console.status(f"{backend}: {options.rounds} rounds of {options.steps} steps"):
            rows.append(measure_elsewhere(backend, options))
    console.print(make_table(rows))
    by_backend = {row["backend"]: row for row in rows}
    if {"jax", "tensorflow"} <= set(by_backend):
        ratio = _median(by_backend["jax"], "zoo") / _median(by_backend["tensorflow"], "zoo")
        console.print(f"The zoo on JAX: {ratio:.2f} of the zoo on TensorFlow.")
    if options.json:
        record = {**describe_run(), "rows": rows}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def describe_run():
    """When and where: what a row doesn't tell."""
    git = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    folder = Path(__file__).parent
    commit = subprocess.run(git, cwd=folder, capture_output=True, text=True, check=False).stdout
    return {
        "commit": commit.strip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def _median(row, key):
    return statistics.median(row[key]["images_per_second"])


def _version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dcgan28", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = sorted(PACKAGES)
    parser.add_argument("--backend", nargs="+", choices=names, default=names)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40, help="steps per round")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds of each, in turn")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all rounds there")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
