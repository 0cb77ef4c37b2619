"""Kills a training run at random moments and resumes it, over and over.

    KERAS_BACKEND=jax python -m scripts.experiments.kill_and_resume --kills 100
    KERAS_BACKEND=jax python -m scripts.experiments.kill_and_resume --kills 10 --data photos

A small run is started as a process of its own and killed (SIGKILL) at a random moment, possibly
while it starts or saves a checkpoint. It is started again each time, and its final state (weights,
average, optimizers, random states) must be that of an uninterrupted run, bit for bit. After each
kill, every checkpoint must be intact, and the last one no older than before.

The processes are forked by a server that has imported what they need: most of what a start takes.
"""

import argparse
import json
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

EPOCHS = 100
STARTING_SECONDS = 300
MODEL = "gan_mnist"
STREAMED = 400
"""Pictures that a run with `--data` takes."""
SAVING = ".tmp*.checkpoint.h5"
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["zoo.training.run", "tensorflow"])
"""The latter, where it is installed, since Keras imports it on any backend."""


def work(folder, seed, epochs, data):
    """Runs one part: from the last checkpoint in `folder` to the end, or until it is killed."""
    log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import dataclasses

    import numpy as np

    from zoo import datasets
    from zoo.hub import registry
    from zoo.training import run

    if data is None:
        images = np.random.default_rng(seed).integers(0, 256, (40, 8, 8, 1), "uint8")
    else:
        images = datasets.stream(data, (8, 8, 1), limit=STREAMED)
    spec = registry.find(MODEL)
    config = {"image_shape": (8, 8, 1), "hidden_units": (16, 16), "latent_dim": 8, "dropout": 0.3}
    spec = dataclasses.replace(spec, config=config)
    spec = spec.with_recipe(epochs=epochs, batch_size=16, precision="float32", seed=seed)
    run.train(spec, images, folder, resume=True)


class Run:
    """A run in a folder, which is started until it ends.

    Args:
        folder: path of a folder.
        seed: int.
        epochs: int.
        data: path of pictures to stream; `None` for noise in memory.
    """

    def __init__(self, folder, seed, epochs, data=None):
        self.folder, self.seed, self.epochs = Path(folder), seed, epochs
        self.data = None if data is None else Path(data).resolve()
        self.checkpoints = self.folder / "checkpoints"

    def start(self):
        """Starts the process of the next part."""
        arguments = (self.folder, self.seed, self.epochs, self.data)
        process = SERVER.Process(target=work, args=arguments)
        process.start()
        return process

    def finish(self):
        """Runs it to its end."""
        process = self.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"the run failed: {self.log()}")

    def log(self):
        """Returns the end of its processes' output."""
        return self.folder.with_suffix(".log").read_text()[-2000:]

    def kill(self, rng):
        """Starts it and kills it.

        Returns:
            Whether it was saving a checkpoint; `None` if it ended first.
        """
        before = self.epoch()
        process = self.start()
        try:
            if rng.random() < 0.8:
                self._wait_for_training(process, before)
            delay = rng.uniform(0.0, 1.5)
            while_saving = rng.random() < 0.5
            until = time.monotonic() + delay
            while process.exitcode is None and time.monotonic() < until:
                time.sleep(0.001)
            while (
                while_saving and process.exitcode is None and not any(self.checkpoints.glob(SAVING))
            ):
                time.sleep(0.0002)
        finally:
            process.kill()
            process.join()
        if process.exitcode == 0:
            return None
        if process.exitcode != -9:
            raise RuntimeError(f"the run failed: {self.log()}")
        if self.epoch() < before:
            raise RuntimeError(f"a checkpoint was lost: epoch {before} before, {self.epoch()} now")
        return any(self.checkpoints.glob(SAVING))

    def _wait_for_training(self, process, before):
        """Waits for a new checkpoint: most of the time goes into imports and compilers."""
        until = time.monotonic() + STARTING_SECONDS
        while process.exitcode is None and self.epoch() == before and time.monotonic() < until:
            time.sleep(0.002)

    def epoch(self):
        """Returns the number of epochs in the last checkpoint, 0 without one."""
        from zoo.hub.checkpoint_files import list_checkpoints

        paths = list_checkpoints(self.checkpoints)
        return int(paths[-1].name[len("epoch_") :].split(".")[0]) if paths else 0

    def check_checkpoints(self):
        """Raises unless every checkpoint is intact, and there are two."""
        from zoo.hub.checkpoint_files import check_checkpoint, list_checkpoints

        paths = list_checkpoints(self.checkpoints)
        for path in paths:
            check_checkpoint(path)
        if self.epoch() > 1 and len(paths) < 2:
            raise RuntimeError(f"{self.folder} has only {len(paths)} checkpoint left")

    def outcome(self):
        """Returns the sha256 of the last checkpoint's arrays, and of the weights file."""
        from zoo.hub.checkpoint_files import list_checkpoints, read_record
        from zoo.hub.download import sha256_of

        last = list_checkpoints(self.checkpoints)[-1]
        return read_record(last)["sha256"], sha256_of(self.folder / f"{MODEL}.weights.h5")


def kill_and_resume(
    folder: str | Path,
    kills: int,
    seed: int = 0,
    epochs: int = EPOCHS,
    data: str | Path | None = None,
) -> dict[str, int]:
    """Kills runs, `kills` times in all, and lets each of them end.

    Args:
        folder: path of a folder for the runs.
        kills: int.
        seed: int, of the runs and of the moments.
        epochs: int, of each run.
        data: path of pictures to stream; `None` for noise in memory.

    Returns:
        Counts: `kills`, `while_saving` a checkpoint, `runs`, and `identical`, the runs that ended
        in the state of an uninterrupted one.
    """
    rng = random.Random(seed)
    folder = Path(folder)
    counts = {"kills": 0, "while_saving": 0, "runs": 0, "identical": 0}
    reference = Run(folder / "uninterrupted", seed, epochs, data)
    reference.finish()
    expected = reference.outcome()
    while counts["kills"] < kills:
        run = Run(folder / f"run_{counts['runs']}", seed, epochs, data)
        while counts["kills"] < kills:
            saving = run.kill(rng)
            if saving is None:
                break
            counts["kills"] += 1
            counts["while_saving"] += saving
            run.check_checkpoints()
        run.finish()
        counts["runs"] += 1
        counts["identical"] += run.outcome() == expected
        print(json.dumps(counts), flush=True)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="epochs of each run")
    parser.add_argument("--data", help="stream the pictures in this folder, zip or tar shards")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = kill_and_resume(folder, args.kills, args.seed, args.epochs, args.data)
    backend = os.environ.get("KERAS_BACKEND", "default backend")
    print(
        f"{backend}: {counts['kills']} kills ({counts['while_saving']} while saving a checkpoint) "
        f"of {counts['runs']} runs; {counts['identical']} of them ended bit-identical to the "
        "uninterrupted one"
    )
    if counts["identical"] != counts["runs"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
