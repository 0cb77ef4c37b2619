"""Kills one of two processes that train together at random moments, over and over.

    KERAS_BACKEND=jax python -m scripts.experiments.kill_process --kills 20

`zoo train --distribute` goes on with a small run in two processes, one of which is killed (SIGKILL)
once both have found each other: while it compiles, trains or saves. The other one must end by
itself with an error, within a minute. After each kill every checkpoint must be intact, and none
that was there may be lost but for a later one; then one process goes on for an epoch, or every
other time two. On PyTorch all run under the agent of `torchrun`.

The processes are forked from this one, which has imported what they need: most of what a start
takes. They run the command itself, its cleaning up at the end included.
"""

import argparse
import atexit
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from scripts.experiments.kill_and_resume import Run
from zoo import cli

MODEL = "gan_mnist_small"
PICTURES = 48
SECONDS = 60
"""Within so many, the other process must end."""
STARTING_SECONDS = 600
LONGEST_DELAY = 2.0
LONGEST_LINE = 300
BEGINS = "training "
"""What the first process says when all have found each other."""


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


def save_pictures(folder, seed):
    """Writes small pictures of noise."""
    from PIL import Image

    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(PICTURES):
        pixels = rng.integers(0, 256, (8, 8), "uint8")
        Image.fromarray(pixels).save(folder / f"{number:02}.png")


class Job:
    """Processes that train together, or one that trains alone.

    Args:
        run: `Run`.
        backend: str, of Keras.
        processes: int.
        epochs: int, at which the run ends.
    """

    def __init__(self, run, backend, processes, epochs):
        self.run, self.epochs, self.distributed = run, epochs, processes > 1
        context = multiprocessing.get_context("fork")
        self.pids = context.Array("i", processes)
        self.ranks = range(processes)
        for rank in self.ranks:
            self._log(rank).write_text("")
        if backend == "torch" and self.distributed:
            self.processes = [context.Process(target=self._launch)]
        else:
            several = job_variables(backend, processes) if self.distributed else [{}]
            self.processes = [
                context.Process(target=self._train, args=(rank, variables))
                for rank, variables in enumerate(several)
            ]
        for process in self.processes:
            process.start()

    def _launch(self):
        """Starts the processes as `torchrun --nproc-per-node=2` does, and watches them."""
        from torch.distributed import launcher

        config = launcher.LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=len(self.ranks),
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            start_method="fork",
        )
        with open(self.run.folder.with_suffix(".agent.log"), "w") as log:
            os.dup2(log.fileno(), 2)
        launcher.elastic_launch(config, self._train)()

    def _train(self, rank=None, variables=None):
        """Runs the command in this process."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the agent's own comes along with the fork
        os.environ.update(variables or {})
        rank = int(os.environ["RANK"]) if rank is None else rank
        self.pids[rank] = os.getpid()
        log = os.open(self._log(rank), os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        arguments = ["train", MODEL, "--data", str(self.run.folder.parent / "pictures")]
        # With rates that don't depend on the number of epochs, which differs from part to part.
        arguments += ["--size", "8", "--batch-size", "16", "--schedule", "constant"]
        arguments += ["--seed", str(self.run.seed), "--epochs", str(self.epochs)]
        arguments += ["--resume", str(self.run.folder)]
        try:
            cli.main(arguments + ["--distribute"] * self.distributed)
        finally:
            atexit._run_exitfuncs()  # what the interpreter does at its end, and a fork doesn't

    def _log(self, rank):
        return self.run.folder.with_suffix(f".{rank}.log")

    def output(self, rank):
        """Returns what a process wrote."""
        return self._log(rank).read_text()

    def error(self, rank):
        """Returns the line in which the command, or else its backend, said how it ended."""
        for begin in (r"error: ", r"F\d{4} .*?\] "):
            if found := re.search(f"^{begin}(.*)", self.output(rank), re.MULTILINE):
                return found[1][:LONGEST_LINE]
        return ""

    def logs(self):
        """Returns the ends of all outputs."""
        return "\n".join(f"process {rank}: {self.output(rank)[-2000:]}" for rank in self.ranks)

    def ended(self):
        """Returns whether no process runs any more."""
        return all(process.exitcode is not None for process in self.processes)

    def wait_until(self, condition, seconds=STARTING_SECONDS):
        """Waits until a condition holds; returns whether it does."""
        until = time.monotonic() + seconds
        while not condition() and time.monotonic() < until:
            time.sleep(0.005)
        return condition()

    def finish(self):
        """Waits for its end; raises `RuntimeError` unless all went well."""
        self.wait_until(self.ended)
        if not all(process.exitcode == 0 for process in self.processes):
            self.end()
            raise RuntimeError(f"{len(self.ranks)} processes can't go on: {self.logs()}")

    def end(self):
        """Ends what is left of it."""
        for pid in (*self.pids, *(process.pid for process in self.processes)):
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, 9)
        for process in self.processes:
            process.join()


def kill_one(run, backend, rng, victim):
    """Goes on with a run in two processes, and kills one of them.

    Returns:
        Dict: "seconds" until the last process had ended; "training", whether they trained rather
        than compiled; "status", the other one's exit status, on PyTorch its agent's; and "error",
        what it said.
    """
    job = Job(run, backend, 2, run.epoch() + 100_000)
    try:
        before = run.epoch()
        while_training = rng.random() < 0.7
        job.wait_until(lambda: BEGINS in job.output(0) or job.ended())
        if while_training:
            job.wait_until(lambda: run.epoch() > before or job.ended())
        time.sleep(rng.uniform(0.0, LONGEST_DELAY))
        if job.ended():
            raise RuntimeError(f"the run failed: {job.logs()}")
        before = run.epoch()
        os.kill(job.pids[victim], 9)
        began = time.monotonic()
        if not job.wait_until(job.ended, SECONDS):
            raise RuntimeError(f"process {1 - victim} went on without the other: {job.logs()}")
        seconds = time.monotonic() - began
        if any(process.exitcode == 0 for process in job.processes):
            raise RuntimeError(f"a process ended as if all were well: {job.logs()}")
    finally:
        job.end()
    if run.epoch() < before:
        raise RuntimeError(f"a checkpoint was lost: epoch {before} before, {run.epoch()} now")
    run.check_checkpoints()
    return {
        "seconds": round(seconds, 1),
        "training": while_training,
        "status": job.processes[-1 if victim == 0 else 0].exitcode,
        "error": job.error(1 - victim),
    }


def kill_processes(folder: str | Path, kills: int, backend: str, seed: int = 0) -> list[dict]:
    """Kills a process of a run `kills` times, and lets one or two processes go on.

    Args:
        folder: path of a folder for the run.
        kills: int.
        backend: str, of Keras.
        seed: int, of the run and of the moments.

    Returns:
        List of dict: what `kill_one` returns, "killed", the number of the process that was,
        "epoch", that of the last checkpoint, and "resumed_by", how many processes went on.
    """
    rng = random.Random(seed)
    run = Run(Path(folder) / "run", seed, 0)
    save_pictures(run.folder.parent / "pictures", seed)
    rows = []
    for number in range(kills):
        victim, processes = number % 2, 1 + number // 2 % 2
        row = {"killed": victim, **kill_one(run, backend, rng, victim), "epoch": run.epoch()}
        job = Job(run, backend, processes, row["epoch"] + 1)
        job.finish()
        if run.epoch() != row["epoch"] + 1:
            raise RuntimeError(f"epoch {run.epoch()} follows epoch {row}: {job.logs()}")
        rows.append({**row, "resumed_by": processes})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for module in ("zoo.training.run", "tensorflow"):  # which Keras' `fit` imports on any backend
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    backend = sys.modules["keras"].backend.backend()
    folder = tempfile.mkdtemp()  # not `TemporaryDirectory`, which forked processes would remove
    try:
        rows = kill_processes(folder, args.kills, backend, args.seed)
    finally:
        shutil.rmtree(folder)
    for killed in (0, 1):
        seconds = [row["seconds"] for row in rows if row["killed"] == killed]
        print(
            f"{backend}: process {killed} killed {len(seconds)} times; the other one ended within "
            f"{statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (longest)"
        )
    print(f"{backend}: {len(rows)} times, one or two processes went on; no checkpoint was lost")


if __name__ == "__main__":
    sys.exit(main())
