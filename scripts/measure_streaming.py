"""Measures what it takes to train on more pictures than memory holds.

    KERAS_BACKEND=torch python -m scripts.measure_streaming PICTURES

Trains `dcgan_mnist` on pictures of 28x28 pixels for some steps, in a process each: streamed, and on
the first 1,000 in memory. Prints the seconds from the start of the process to the end of the first
step, the most memory that it held, and how many images a second are read alone and trained on.
"""

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time

STEPS = 12
BATCH_SIZE = 64
IN_MEMORY = 1000
SHAPE = (28, 28, 1)


def work(path, streamed, workers, began):
    """Trains for some steps, and prints what it took as JSON."""
    import keras
    import numpy as np

    import zoo

    if streamed:
        images = zoo.datasets.stream(path, SHAPE, workers=workers)
    else:
        images = zoo.datasets.from_folder(path, SHAPE, limit=IN_MEMORY)
    listed = time.time() - began
    model = zoo.build("dcgan_mnist")
    model.compile()
    seconds = []

    class Stopped(Exception):
        pass

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seconds.append(time.time())
            if len(seconds) > STEPS:
                raise Stopped

    epochs = 1 + STEPS * BATCH_SIZE // len(images)
    with contextlib.suppress(Stopped):
        model.fit(images, batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=[Stop()])
    result = {
        "images": len(images),
        "seconds_to_data": round(listed, 1),
        "seconds_to_first_step": round(seconds[0] - began, 1),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    late = seconds[len(seconds) // 3 :]
    result["trained_per_second"] = round(BATCH_SIZE * (len(late) - 1) / (late[-1] - late[0]))
    if streamed:
        batches = images.batches(BATCH_SIZE, np.random.default_rng(0))
        ahead = iter(images.prefetched(batches))
        next(ahead)
        start = time.perf_counter()
        for _ in range(100):
            next(ahead)
        result["read_per_second"] = round(100 * BATCH_SIZE / (time.perf_counter() - start))
        ahead.close()
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", help="folder, zip or tar shards")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--work", choices=("streamed", "in_memory"), help="measure one, here")
    parser.add_argument("--began", type=float, help="when the process was started")
    args = parser.parse_args()
    if args.work:
        work(args.pictures, args.work == "streamed", args.workers, args.began)
        return
    results = {}
    for kind in ("in_memory", "streamed"):
        command = [sys.executable, "-m", "scripts.measure_streaming", args.pictures]
        command += ["--workers", str(args.workers), "--work", kind]
        command += ["--began", str(time.time())]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results[kind] = json.loads(done.stdout.splitlines()[-1])
        print(kind, results[kind], flush=True)
    more = results["streamed"]["megabytes"] - results["in_memory"]["megabytes"]
    ratio = results["streamed"]["read_per_second"] / results["streamed"]["trained_per_second"]
    print(f"{more} MB more than in memory; reading alone is {ratio:.1f} times as fast as the steps")


if __name__ == "__main__":
    main()
