"""One leg of `test_relay.py`: loads, trains two epochs and saves, on this process's backend.

python -m tests.cross_backend.relay_worker START.weights.h5|- END.weights.h5 RESULTS.json
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from tests.tiny import build_tiny, set_weights

IMAGES = np.random.default_rng(5).integers(0, 256, (32, 28, 28, 1), "uint8")
LATENTS = np.random.default_rng(6).standard_normal((8, 8)).astype("float32")


def train(start, end):
    """Trains from the weights and optimizers in `start`, unless it is `-`, and saves them in `end`.

    Returns:
        A dict: what the model scored before, during and after, its iterations, and its images.
    """
    model = build_tiny("dcgan_mnist", dropout=0.0)
    model.draw_latents = lambda batch_size: ops.convert_to_tensor(LATENTS)
    set_weights(model)
    schedule = keras.optimizers.schedules.ExponentialDecay(2e-3, 4, 0.9)
    model.compile(
        keras.optimizers.Adam(schedule, beta_1=0.5),
        keras.optimizers.Adam(4e-3, beta_1=0.5),
        average_decay=0.9,
    )
    if start != "-":
        model.load_weights(start)
    before = model.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    history = model.fit(IMAGES, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    after = model.evaluate(IMAGES, batch_size=8, verbose=0, return_dict=True)
    model.save_weights(end)
    pair = model.optimizer
    return {
        "before": before,
        "history": history,
        "after": after,
        "iterations": [
            int(half.iterations)
            for half in (pair.generator_optimizer, pair.discriminator_optimizer)
        ],
        "images": model.generate(4, seed=0).tolist(),
    }


if __name__ == "__main__":
    start, end, results = sys.argv[1:]
    Path(results).write_text(json.dumps(train(start, end)), encoding="utf-8")
