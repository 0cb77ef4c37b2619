"""Measures what it takes to train on more pictures than memory holds.

    KERAS_BACKEND=torch python -m scripts.measure_streaming PICTURES

`zoo train dcgan_mnist` trains for some steps on a folder of pictures, streamed, and on the first
1,000 of them in memory. Prints the seconds from the start of the command to the end of the first
step, also those that a processor was busy with it, the most memory that it held, and how many
images a second are read alone and trained on.
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 12
MODEL = "dcgan_mnist"
IN_MEMORY = 1000
SECONDS_OF_READING = 5.0


class Stopped(Exception):
    """Ends a training run after some steps."""


def work(arguments, began):
    """Runs `zoo train` for some steps, and prints what it took as JSON."""
    import keras
    import numpy as np

    from zoo import cli
    from zoo.training import run

    given, ends, computed = {}, [], []
    train = run.train

    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            ends.append(time.time())
            computed.append(time.process_time())
            if len(ends) > STEPS:
                raise Stopped

    def train_some(spec, images, out, callbacks, *args, **kwargs):
        given.update(images=images, batch_size=spec.recipe.batch_size)
        return train(spec, images, out, [*callbacks, Steps()], *args, **kwargs)

    run.train = train_some
    with contextlib.suppress(Stopped):
        cli.main(arguments)
    images, batch_size = given.values()
    late = ends[len(ends) // 3 :]
    result = {
        "images": len(images),
        "seconds_to_first_step": round(ends[0] - began, 1),
        "processor_seconds": round(computed[0], 1),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "trained_per_second": round(batch_size * (len(late) - 1) / (late[-1] - late[0])),
    }
    if hasattr(images, "prefetched"):
        ahead = iter(images.prefetched(images.batches(batch_size, np.random.default_rng(0))))
        next(ahead)
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + SECONDS_OF_READING:
            next(ahead)
            count += batch_size
        result["read_per_second"] = round(count / (time.perf_counter() - start))
        ahead.close()
    print(json.dumps(result))


def measure(pictures, folder, *options):
    """Returns what `work` prints for a folder of pictures, in a process of its own."""
    arguments = ["train", MODEL, "--precision", "float32", "--data", str(pictures), *options]
    arguments += ["--out", str(folder / "run"), "--overwrite"]
    command = [sys.executable, "-m", "scripts.measure_streaming", str(pictures), "--work"]
    command += [json.dumps([arguments, time.time()])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", help="folder, of subfolders or not")
    parser.add_argument("--work", help="arguments of the command to measure here, and its start")
    args = parser.parse_args()
    if args.work:
        work(*json.loads(args.work))
        return
    if not os.path.isdir(args.pictures):
        parser.error(f"PICTURES must be a folder. Received: {args.pictures}")
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder, "few")
        few.mkdir()
        files = (path for path in Path(args.pictures).rglob("*") if path.is_file())
        for number, path in enumerate(itertools.islice(files, IN_MEMORY)):
            os.symlink(path.resolve(), few / f"{number:04}{path.suffix}")
        in_memory = measure(few, Path(folder))
        print("in memory", in_memory, flush=True)
        streamed = measure(args.pictures, Path(folder), "--stream")
    print("streamed", streamed, flush=True)
    more = streamed["megabytes"] - in_memory["megabytes"]
    ratio = streamed["read_per_second"] / streamed["trained_per_second"]
    print(f"{more} MB more than in memory; reading alone is {ratio:.1f} times as fast as the steps")


if __name__ == "__main__":
    main()
