"""Measures the benefit and the cost of the guard against NaN and infinity.

    ZOO_DATA_DIR=... python -m scripts.experiments.nonfinite poison --out runs/poison
    python -m scripts.experiments.nonfinite cost dcgan_mnist gan_mnist

`poison` trains a model twice, once with a batch of NaN at step 50, and scores both runs alike.
`cost` times `fit` with and without the guard, in turn, and prints the ratio of their speeds.
"""

import argparse
import statistics
import time
from pathlib import Path

import keras
import numpy as np

from scripts.experiments.precision import PRECISIONS
from scripts.experiments.trials import report, score
from zoo import datasets
from zoo.adversarial.feeding import ArrayBatches, EpochOrder
from zoo.hub import registry
from zoo.hub.weights import save_weights
from zoo.training.recipes import compile_arguments
from zoo.training.run import refresh_batch_statistics

POISONED_STEP = 50
STEPS_A_WINDOW = 25


class PoisonedBatches(ArrayBatches):
    """Batches of float images, one of which is NaN in the first epoch.

    Args:
        model: `zoo.AdversarialModel` on images.
        images: uint8 ndarray (N, H, W, C).
        batch_size: int.
        step: int, index of the batch that is NaN, or `None`.
    """

    def __init__(self, model, images, batch_size, step):
        super().__init__([images], batch_size, EpochOrder(model, len(images)), self._scale)
        self.model, self.step, self.epoch = model, step, -1

    def draw_order(self):
        super().draw_order()
        self.epoch += 1

    def _scale(self, images, rng):
        del rng
        coding = self.model.coding
        return (images / 255.0 * (coding.high - coding.low) + coding.low).astype("float32")

    def __getitem__(self, index):
        (images,) = super().__getitem__(index)
        poisoned = self.epoch == 0 and index == self.step
        return (images * np.float32(np.nan) if poisoned else images,)


def poison(name, epochs, out, precision=None):
    """Trains with and without a poisoned step, and reports both distances."""
    spec = registry.find(name).with_recipe(epochs=epochs)
    if precision is not None:
        spec = spec.with_recipe(precision=precision)
    images, _ = datasets.load(spec.dataset, datasets.info(spec.dataset).splits[0])
    distances, skipped = {}, {}
    for variant, step in {"clean": None, "poisoned": POISONED_STEP}.items():
        model = _compiled(spec, len(images))
        batches = PoisonedBatches(model, images, spec.recipe.batch_size, step)
        history = model.fit(batches, epochs=epochs, verbose=0).history
        refresh_batch_statistics(model)
        weights = Path(out) / variant / f"{spec.name}.weights.h5"
        save_weights(model, weights)
        distances[variant] = score(spec, weights)
        skipped[variant] = history["skipped_steps"]
        print(f"{variant}: steps skipped in each epoch: {skipped[variant]}", flush=True)
    report(out, distances, "clean", skipped_steps=skipped, epochs=epochs)


def cost(name, windows):
    """Prints the ratio of the speeds with and without the guard, as a median of paired windows."""
    spec = registry.find(name).with_recipe(precision="float32")
    size = spec.recipe.batch_size
    shape = spec.config["image_shape"]
    images = np.random.default_rng(0).integers(0, 256, (STEPS_A_WINDOW * size, *shape), "uint8")
    models = {guarded: _compiled(spec, 10**6, skip_nonfinite=guarded) for guarded in (True, False)}
    seconds = {True: [], False: []}
    for window in range(windows + 1):
        # The order alternates: the first in a window runs on the machine as the last one left it.
        for guarded in (True, False) if window % 2 else (False, True):
            started = time.perf_counter()
            models[guarded].fit(images, batch_size=size, verbose=0)
            if window > 0:  # the first one compiles
                seconds[guarded].append(time.perf_counter() - started)
    ratios = [without / with_ for with_, without in zip(seconds[True], seconds[False], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{keras.backend.backend()} {name}: {middle:.3f} x the throughput without the guard "
        f"(quartiles {low:.3f} to {high:.3f}, {windows} windows of {STEPS_A_WINDOW} steps)"
    )


def _compiled(spec, images, **changes):
    keras.utils.set_random_seed(spec.recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(spec.recipe.precision)
    try:
        model = spec.build(**spec.config, seed=spec.recipe.seed)
    finally:
        keras.config.set_dtype_policy(before)
    steps = spec.recipe.epochs * -(-images // spec.recipe.batch_size)
    model.compile(**{**compile_arguments(spec.recipe, steps), **changes})
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    poisoning = verbs.add_parser("poison", help="train with a step of NaN, and without")
    poisoning.add_argument("--model", default="gan_mnist")
    poisoning.add_argument("--epochs", type=int, default=3)
    poisoning.add_argument("--precision", choices=PRECISIONS, help="by default the recipe's")
    poisoning.add_argument("--out", type=Path, default=Path("runs", "poison"))
    timing = verbs.add_parser("cost", help="time the guard")
    timing.add_argument("models", nargs="+")
    timing.add_argument("--windows", type=int, default=12)
    arguments = parser.parse_args()
    if arguments.verb == "poison":
        poison(arguments.model, arguments.epochs, arguments.out, arguments.precision)
    else:
        for name in arguments.models:
            cost(name, arguments.windows)


if __name__ == "__main__":
    main()
