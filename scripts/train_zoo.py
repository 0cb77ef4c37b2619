"""Trains the zoo's models in the background: a list of runs, one process per core.

    export ZOO_DATA_DIR=...
    nohup python -m scripts.train_zoo --hours 8 &   # start the runs, or continue them
    python -m scripts.train_zoo --status            # one row per run
    python -m scripts.train_zoo --pause             # before timing something else; then --resume
    python -m scripts.train_zoo --stop

Each run has one thread, pinned to its core at the lowest priority. A run that was stopped or killed
continues from its last checkpoint, bit for bit, when the queue is started again. Runs are scored
every few passes on training images that are held out for it; these scores show when a curve is flat
and which weights are best. The test split is left to `scripts.release`.
"""

import argparse
import contextlib
import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HELD_OUT = 5000
"""Training images, at most, that a run is scored on instead of trained on."""


@dataclass(frozen=True)
class Run:
    """One entry of the queue.

    Args:
        name: Of its folder.
        model: A registered model; or `"classifier"`, of the data set that the run is named for.
        every: Passes over the images between two scores.
        recipe: What differs from the model's recipe.
        config: What differs from the model's configuration.
        backend: The one that is fastest on one core: JAX for few and small layers.
    """

    name: str
    model: str
    every: int = 1
    recipe: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    backend: str = "tensorflow"


CLASSIFIER = "classifier"
FASHION = "dcgan_fashion_mnist"
NARROW = {"wide_stem": False}
RUNS = [
    Run("gan_mnist", "gan_mnist", 10, {"epochs": 150, "batch_size": 128}, {}, "jax"),
    Run("cifar10", CLASSIFIER),
    # Variants, each of about 700 seconds of one core, by the rates that were measured.
    Run("fashion_wide", FASHION, 2, {"epochs": 4}),
    Run("fashion_narrow", FASHION, 2, {"epochs": 6}, NARROW),
    Run("fashion_narrow_k4", FASHION, 2, {"epochs": 8}, {**NARROW, "kernel_size": 4}),
    Run("fashion_narrow_r1_1", FASHION, 2, {"epochs": 6, "r1_penalty": 1.0}, NARROW),
    Run("fashion_narrow_r1_003", FASHION, 2, {"epochs": 6, "r1_penalty": 0.03}, NARROW),
    Run("fashion_narrow_9995", FASHION, 2, {"epochs": 6, "average_decay": 0.9995}, NARROW),
    Run("dcgan_fashion_mnist", FASHION, 4, {"epochs": 60}),
    Run("cdcgan_mnist", "cdcgan_mnist", 4, {"epochs": 60}),
    Run("dcgan_mnist", "dcgan_mnist", 4, {"epochs": 60}),
    Run("dcgan_scenes64", "dcgan_scenes64", 10, {"epochs": 150}),
    Run("cdcgan_cifar10", "cdcgan_cifar10", 4, {"epochs": 60}),
    Run("dcgan_cifar10", "dcgan_cifar10", 4, {"epochs": 60}),
]
"""In order of what they gain."""

THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def train(run, folder):
    """Trains one run to its end, from its last checkpoint if there is one.

    Args:
        run: `Run`.
        folder: Path of the run's files: those of `zoo train`, whose card also gets the curve of
            scores, and `log/progress.json`.
    """
    import zoo
    from scripts.run_progress import Progress
    from zoo import datasets, evaluation
    from zoo.hub import registry

    spec = registry.find(run.model).with_recipe(**run.recipe)
    spec = dataclasses.replace(spec, config={**spec.config, **run.config})
    images, labels = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    kept, held_out = split(len(images))
    progress = Progress(folder / "log" / "progress.json")
    callbacks = [progress.callback()]
    if spec.task != "restore":
        scores = evaluation.EvaluationCallback(
            images[held_out],
            evaluation.load_extractor(spec.dataset),
            run.every,
            count=len(held_out),
            best_weights=folder / "best.weights.h5",
        )
        callbacks = [scores, progress.callback(scores)]
    card = zoo.train(
        spec,
        images[kept],
        folder,
        callbacks,
        labels=labels[kept] if spec.conditional else None,
        resume=True,
        monitor="frechet_distance" if len(callbacks) > 1 else None,
        dataset=spec.dataset,
    )
    if len(callbacks) > 1:
        curve = {item["epoch"]: round(item["frechet_distance"], 2) for item in scores.history}
        record = {**card.training, "held_out_images": len(held_out), "frechet_distances": curve}
        dataclasses.replace(card, training=record).write(folder / f"{spec.name}.json")


def split(count):
    """Returns the indices of the images to train on, and of those that are held out."""
    import numpy as np

    # In random order: some data sets are sorted by class.
    order = np.random.default_rng(0).permutation(count)
    held_out = min(HELD_OUT, count // 10)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def is_done(run, folder):
    """Returns whether a run has completed its card, which is the last thing that it does."""
    name = run.name if run.model == CLASSIFIER else run.model
    card = folder / run.name / f"{name}.json"
    return card.is_file() and json.loads(card.read_text())["sha256"] is not None


def start(run, folder, core):
    """Starts the process of one run on one core, and returns it."""
    place = folder / run.name
    (place / "log").mkdir(parents=True, exist_ok=True)
    command = ["taskset", "-c", str(core), "nice", "-n", "19", sys.executable, "-m"]
    if run.model == CLASSIFIER:
        command += ["scripts.train_classifier", run.name, "--out", str(place)]
        command += ["--resume", str(place / "log")]
    else:
        command += ["scripts.train_zoo", "--folder", str(folder), "--run", run.name]
    environment = {**os.environ, **THREADS, "KERAS_BACKEND": run.backend}
    with open(place / "log" / "output.txt", "a") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def train_all(runs, folder, cores, hours):
    """Works through the list, one run per core, until it is done or the time is up."""
    deadline = time.monotonic() + hours * 3600
    waiting = [run for run in runs if not is_done(run, folder)]
    at_work = {}
    try:
        while (waiting or at_work) and time.monotonic() < deadline:
            for core in cores:
                if core not in at_work and waiting:
                    run = waiting.pop(0)
                    print(f"{time.strftime('%H:%M:%S')} core {core}: {run.name}", flush=True)
                    at_work[core] = run, start(run, folder, core)
            time.sleep(1)
            for core, (run, process) in list(at_work.items()):
                if process.poll() is not None:
                    # A run that failed is tried again when the queue is started again.
                    result = "done" if process.returncode == 0 else "FAILED, see its log/output.txt"
                    print(f"{time.strftime('%H:%M:%S')} {run.name}: {result}", flush=True)
                    del at_work[core]
    finally:
        for _, process in at_work.values():
            process.terminate()
            process.wait()


@contextlib.contextmanager
def locked(path):
    """Holds a file's lock, which ends with the process; yields None if another one holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        path.write_text(str(os.getpid()))
        yield file


def signal_queue(folder, *numbers):
    """Sends signals to the queue and its runs; they share a process group."""
    with locked(folder / "queue.lock") as lock:
        if lock is not None:
            sys.exit(f"No queue is running in {folder}.")
    group = int((folder / "queue.lock").read_text())
    with contextlib.suppress(ProcessLookupError):  # the first signal may have ended it
        for number in numbers:
            os.killpg(group, number)


def table(runs, folder):
    """Returns the state of all runs as lines of text."""
    lines = [f"{'run':28}{'passes':>10}{'last':>9}{'best':>9}{'at':>5}{'CPU h':>7}{'h left':>8}"]
    for run in runs:
        path = folder / run.name / "log" / "progress.json"
        if not path.is_file():
            lines.append(f"{run.name:28}{'-':>10}")
            continue
        record = json.loads(path.read_text())
        passes = f"{record['passes']}/{record['of']}"
        line = f"{run.name:28}{passes:>10}"
        if record["scores"]:
            best = min(record["scores"], key=lambda scores: scores["frechet_distance"])
            line += f"{record['scores'][-1]['frechet_distance']:9.2f}"
            line += f"{best['frechet_distance']:9.2f}{best['epoch']:5}"
        else:
            line += f"{'-':>9}{'-':>9}{'-':>5}"
        left = (record["of"] - record["passes"]) * record["seconds_per_pass"] / 3600
        state = "done" if is_done(run, folder) else f"{left:.1f}"
        lines.append(line + f"{record['cpu_seconds'] / 3600:7.2f}{state:>8}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs"), help="of all runs")
    parser.add_argument("--hours", type=float, default=8.0, help="of training at most")
    parser.add_argument("--cores", type=int, nargs="+", default=sorted(os.sched_getaffinity(0)))
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--status", action="store_true", help="print the state of all runs")
    action.add_argument("--pause", action="store_true", help="halt a queue at once")
    action.add_argument("--resume", action="store_true", help="let it go on")
    action.add_argument("--stop", action="store_true", help="end it; start it again to go on")
    action.add_argument("--run", choices=[run.name for run in RUNS], help="this one, in here")
    arguments = parser.parse_args()
    folder = arguments.folder
    if arguments.status:
        print("\n".join(table(RUNS, folder)))
    elif arguments.pause:
        signal_queue(folder, signal.SIGSTOP)
    elif arguments.resume:
        signal_queue(folder, signal.SIGCONT)
    elif arguments.stop:
        # One that is paused sees the first signal only after the second.
        signal_queue(folder, signal.SIGTERM, signal.SIGCONT)
    elif arguments.run:
        run = next(run for run in RUNS if run.name == arguments.run)
        with locked(folder / run.name / "log" / "lock") as lock:
            if lock is None:
                sys.exit(f"{run.name} is being trained already.")
            train(run, folder / run.name)
    else:
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        with locked(folder / "queue.lock") as lock:
            if lock is None:
                sys.exit(f"A queue is running in {folder} already.")
            train_all(RUNS, folder, arguments.cores, arguments.hours)


if __name__ == "__main__":
    main()
