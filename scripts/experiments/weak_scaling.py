"""Weak scaling: two processes of one core each, beside one process of one core.

    KERAS_BACKEND=torch python -m scripts.experiments.weak_scaling

Trains `dcgan28` of the benchmarks at batch 64 per process, in one process and in two in turn. Each
process has one thread and a core of its own, so that what two lose is reductions, waiting for each
other, and what they share: caches and memory.
"""

import argparse
import multiprocessing
import os
import statistics
import time

import numpy as np

from scripts.experiments.kill_process import job_variables
from scripts.train_zoo import THREADS

BATCH = 64
STEPS = 8


def train(variables, processes, core, results):
    """Trains in this process, and puts the images per second of the whole job."""
    os.environ.update(variables)
    os.sched_setaffinity(0, [core])
    import keras

    import zoo
    from benchmarks.measure import workloads

    if processes > 1:
        zoo.distribution.data_parallel()
    keras.utils.set_random_seed(0)
    model = workloads.build("dcgan28")
    model.compile()
    shape = (BATCH * STEPS * processes, *model.sample_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    options = {"batch_size": BATCH * processes, "verbose": 0}
    model.fit(images, **options)  # compiles
    began = time.perf_counter()
    model.fit(images, epochs=2, **options)
    results.put(2 * len(images) / (time.perf_counter() - began))


def measure(backend, processes):
    """Returns the images per second of a job of some processes."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    several = job_variables(backend, processes) if processes > 1 else [{}]
    jobs = [
        context.Process(target=train, args=(variables, processes, core, results))
        for core, variables in enumerate(several)
    ]
    for job in jobs:
        job.start()
    rates = [results.get(timeout=900) for _ in jobs]
    for job in jobs:
        job.join()
    return min(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.environ.update(THREADS)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    ratios = []
    for _ in range(args.rounds):
        one, two = measure(backend, 1), measure(backend, 2)
        ratios.append(two / one)
        print(f"{backend}: {one:.1f} and {two:.1f} images/s, {ratios[-1]:.2f}", flush=True)
    print(f"{backend}: median {statistics.median(ratios):.2f}, of {min(ratios):.2f} at least")


if __name__ == "__main__":
    main()
