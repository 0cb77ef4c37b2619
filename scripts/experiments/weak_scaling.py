"""Weak scaling: two processes of one core each that train together, beside one process of one core.

    KERAS_BACKEND=torch python -m scripts.experiments.weak_scaling

Trains `dcgan28` of the benchmarks at batch 64 per process, on two idle cores, in turn: in one
process; in two that know nothing of each other, which tells what they lose to the machine alone
(its caches and memory); and in two that train together, which lose reductions and waiting as well.
Each process has one thread and a core of its own. All are started and have compiled before the
first turn.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import time

import numpy as np

from scripts.experiments.kill_process import job_variables
from scripts.train_zoo import THREADS

BATCH = 64
STEPS = 12
"""Of an epoch; a turn has two, of which the second is measured."""
EARLIER_TURNS = 3
"""On PyTorch a process that trains alone replays a recorded step after 50."""


def train(variables, core, turns):
    """Trains in this process for a turn whenever it hears so.

    It answers with the seconds of the second epoch, and those that a processor was busy with it.
    """
    os.environ.update(variables)
    os.sched_setaffinity(0, [core])
    import keras

    from benchmarks.measure import workloads
    from zoo import backend, distribution

    if variables:
        distribution.data_parallel()
    processes = backend.process()[1]
    keras.utils.set_random_seed(0)
    clocks = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            clocks.append((time.perf_counter(), time.process_time()))

        def on_epoch_end(self, epoch, logs=None):
            clocks.append((time.perf_counter(), time.process_time()))

    model = workloads.build("dcgan28")
    model.compile()
    shape = (BATCH * STEPS * processes, *model.sample_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    with contextlib.suppress(EOFError):
        while turns.recv():
            options = {"batch_size": BATCH * processes, "callbacks": [Clock()], "verbose": 0}
            model.fit(images, epochs=2, **options)
            *_, began, ended = clocks
            turns.send(tuple(np.subtract(ended, began)))


def take_turn(workers):
    """Lets processes train for a turn at the same time.

    Returns:
        Their images per second, and the milliseconds of a step that a processor was busy with it.
    """
    for turns in workers:
        turns.send(True)
    seconds, computed = zip(*(turns.recv() for turns in workers), strict=True)
    return len(workers) * BATCH * STEPS / max(seconds), 1000 * max(computed) / STEPS


def start(several):
    """Starts processes, one for each dict of variables; returns their pipes."""
    context = multiprocessing.get_context("spawn")
    workers = []
    for core, variables in enumerate(several):
        here, there = context.Pipe()
        context.Process(target=train, args=(variables, core, there), daemon=True).start()
        workers.append(here)
    return workers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    os.environ.update(THREADS)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    apart, together = start([{}, {}]), start(job_variables(backend, 2))
    jobs = {"one": apart[:1], "two apart": apart, "two together": together}
    for _ in range(EARLIER_TURNS):
        take_turn(apart)
    take_turn(together)
    rates: dict = {name: [] for name in jobs}
    for _ in range(args.rounds):
        busy = {}
        for name, workers in jobs.items():
            rate, busy[name] = take_turn(workers)
            rates[name].append(rate)
        print(
            ", ".join(
                f"{name} {rates[name][-1]:.0f} images/s ({busy[name]:.0f} ms)" for name in jobs
            ),
            flush=True,
        )
    one = rates.pop("one")
    for name, found in rates.items():
        ratios = [rate / alone for rate, alone in zip(found, one, strict=True)]
        print(
            f"{backend}: {name} {statistics.median(ratios):.2f} times as fast as one process "
            f"(median of {len(ratios)}, from {min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
