"""Two devices under `tf.distribute`: arrays train, and each device draws its own numbers."""

import os
import subprocess
import sys

import keras
import pytest

SCRIPT = """
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
import zoo

layers = keras.layers


class Spy(zoo.AdversarialModel):
    def draw_latents(self, count):
        latents = super().draw_latents(count)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        tf.print(replica, latents[0, 0], output_stream="file://" + {log!r})
        return latents


def build(kind):
    generator = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Dense(4, "tanh"), layers.Dense(1)])
    model = kind(generator, discriminator, latent_dim=3, seed=0)
    model.compile(average_decay=0.9)
    return model


points = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = build(Spy)
history = model.fit(points, batch_size=8, epochs=2, verbose=0).history
assert len(history["generator_loss"]) == 2 and np.isfinite(history["generator_loss"]).all()
assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 8
alone = build(zoo.AdversarialModel)
print(*(float(alone.draw_latents(1)[0, 0]) for _ in range(1)))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="its way to several devices")
def test_replicas_train_on_arrays_and_draw_apart(tmp_path):
    log = tmp_path / "latents.txt"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{log!r}", repr(str(log)))],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in log.read_text().splitlines()]
    first, second = ([value for replica, value in lines if replica == r] for r in "01")
    assert len(first) == len(second) == 8
    assert len({*first, *second}) == 16
