"""Kills one of two processes that train together at random moments, over and over.

    KERAS_BACKEND=jax python -m scripts.experiments.kill_process --kills 20

A small run goes on from its last checkpoint in two processes, one of which is killed (SIGKILL) once
both have found each other: while it compiles, trains or saves. The other must end with an error
of its own within a minute. After each kill, every checkpoint must be intact, and the last one no
older than before. Then two processes go on, or every other time one alone for an epoch.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

from scripts.experiments.kill_and_resume import Run, work

SECONDS = 60
"""Within so many, the other process must end."""
STARTING_SECONDS = 600


def job_variables(backend, processes):
    """Returns the variables of the environment by which each process finds the others."""
    ports = [_free_port() for _ in range(processes)]
    ranks = list(map(str, range(processes)))
    if backend == "torch":
        shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost"}
        shared["MASTER_PORT"] = str(ports[0])
        return [{**shared, "RANK": rank, "LOCAL_RANK": rank} for rank in ranks]
    if backend == "tensorflow":
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        tasks = [{"type": "worker", "index": int(rank)} for rank in ranks]
        return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]
    shared = {"JAX_COORDINATOR_ADDRESS": f"localhost:{ports[0]}"}
    shared["JAX_NUM_PROCESSES"] = str(processes)
    return [{**shared, "JAX_PROCESS_ID": rank} for rank in ranks]


def _free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def take_part(run, epochs, variables, joined):
    """Trains in this process, as one of those that `variables` tell of, or alone."""
    log = os.open(run.folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(variables)
    if variables:
        from zoo import distribution

        distribution.data_parallel()
    joined.set()
    # With rates that don't depend on the number of epochs, which differs from part to part.
    work(run.folder, run.seed, epochs, run.data, schedule="constant")


class Job:
    """Processes that train together.

    They are forked from this one, which has imported what they need and computed nothing.

    Args:
        run: `Run`.
        backend: str, of Keras.
        processes: int; a single one trains alone.
        epochs: int, at which the run ends.
    """

    def __init__(self, run, backend, processes, epochs):
        context = multiprocessing.get_context("fork")
        several = job_variables(backend, processes) if processes > 1 else [{}]
        self.joined = [context.Event() for _ in several]
        self.processes = [
            context.Process(target=take_part, args=(run, epochs, variables, event))
            for variables, event in zip(several, self.joined, strict=True)
        ]
        for process in self.processes:
            process.start()

    def finish(self):
        """Waits for its end; returns whether all went well."""
        for process in self.processes:
            process.join(STARTING_SECONDS)
        return all(process.exitcode == 0 for process in self.processes)

    def end(self):
        """Ends what is left of it."""
        for process in self.processes:
            process.kill()
            process.join()


def kill_one(run, backend, rng):
    """Goes on with a run in two processes, and kills one of them.

    Returns:
        Its number, and the seconds after which the other one had ended.
    """
    before = run.epoch()
    job = Job(run, backend, 2, before + 10_000)
    try:
        until = time.monotonic() + STARTING_SECONDS
        for event in job.joined:
            event.wait(STARTING_SECONDS)
        while_training = rng.random() < 0.8
        while while_training and run.epoch() == before and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 1.5))
        victim = rng.randrange(2)
        if any(process.exitcode is not None for process in job.processes):
            raise RuntimeError(f"the run failed: {run.log()}")
        job.processes[victim].kill()
        began = time.monotonic()
        other = job.processes[1 - victim]
        other.join(SECONDS)
        seconds = time.monotonic() - began
        if other.exitcode is None or other.exitcode == 0:
            raise RuntimeError(f"process {1 - victim} went on without the other: {run.log()}")
    finally:
        job.end()
    if run.epoch() < before:
        raise RuntimeError(f"a checkpoint was lost: epoch {before} before, {run.epoch()} now")
    run.check_checkpoints()
    return victim, seconds


def kill_processes(folder: str | Path, kills: int, backend: str, seed: int = 0) -> list[dict]:
    """Kills a process of a run `kills` times, and lets one or two processes go on.

    Args:
        folder: path of a folder for the run.
        kills: int.
        backend: str, of Keras.
        seed: int, of the run and of the moments.

    Returns:
        List of dict: the number of the process that was killed, the seconds until the other one had
        ended, whether it named the loss, and the epoch of the last checkpoint.
    """
    importlib.import_module("zoo.training.run")  # once, for all processes
    rng = random.Random(seed)
    run = Run(Path(folder) / "run", seed, 0)
    rows = []
    for number in range(kills):
        run.folder.with_suffix(".log").write_text("")
        victim, seconds = kill_one(run, backend, rng)
        named = "lost the others" in run.log()
        rows.append({"killed": victim, "seconds": round(seconds, 1), "named": named})
        epoch = rows[-1]["epoch"] = run.epoch()
        if number % 2 and not Job(run, backend, 1, epoch + 1).finish():
            raise RuntimeError(f"one process can't go on: {run.log()}")
        print(json.dumps(rows[-1]), flush=True)
    if not Job(run, backend, 2, run.epoch() + 1).finish():
        raise RuntimeError(f"two processes can't go on: {run.log()}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    import keras

    backend = keras.backend.backend()
    with tempfile.TemporaryDirectory() as folder:
        rows = kill_processes(folder, args.kills, backend, args.seed)
    print(
        f"{backend}: {len(rows)} kills, {sum(row['killed'] == 0 for row in rows)} of the first "
        f"process; the other one ended after {max(row['seconds'] for row in rows)} seconds at "
        f"most, and named the loss in {sum(row['named'] for row in rows)} cases; no checkpoint was "
        "lost"
    )


if __name__ == "__main__":
    sys.exit(main())
