"""What `data_parallel` and `fit` refuse, each with a message that says what to do."""

import json

import keras
import numpy as np
import pytest

import zoo
from tests.tiny import build_tiny
from zoo import backend
from zoo.errors import InvalidInputError

HERE = keras.backend.backend()


@pytest.mark.parametrize(
    ("batch_size", "count", "message"),
    [
        (30, 300, "nearest: 28 or 32. Received: batch_size=30"),
        (3, 300, "nearest: 4. Received: batch_size=3"),
        (32, 100, None),
        (32, 103, "nearest: 100 samples. Received: 103 samples, of which the last batch has 7"),
    ],
)
def test_batches_that_the_devices_cant_share_are_refused(batch_size, count, message, monkeypatch):
    monkeypatch.setattr(backend, "shares", lambda: 4)
    if message is None:
        zoo.distribution.check_divides(batch_size, count)
    else:
        with pytest.raises(InvalidInputError, match=message):
            zoo.distribution.check_divides(batch_size, count)


def test_fit_refuses_them(monkeypatch):
    model = build_tiny("gan_mnist_small", image_shape=(8, 8, 1))
    model.compile()
    monkeypatch.setattr(backend, "shares", lambda: 4)
    with pytest.raises(InvalidInputError, match="4 devices share each batch"):
        model.fit(np.zeros((9, 8, 8, 1), "uint8"), batch_size=8, verbose=0)


def test_arrays_whose_batches_keras_makes_are_refused(monkeypatch):
    model = build_tiny("gan_mnist_small", image_shape=(8, 8, 1))
    model.compile()
    monkeypatch.setattr(backend, "shares", lambda: 4)
    images = np.zeros((16, 8, 8, 1), "uint8")
    for option in ({"validation_split": 0.5}, {"steps_per_epoch": 1}):
        with pytest.raises(InvalidInputError, match="pass `validation_data`"):
            model.fit(images, batch_size=8, verbose=0, **option)
    with pytest.raises(InvalidInputError, match="nearest: 12 samples"):
        model.evaluate(images[:14], batch_size=8, verbose=0)


def test_an_environment_that_starts_no_job_is_refused(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "localhost:1")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["localhost:1", "localhost:2"]}}')
    message = {"torch": "torchrun", "jax": "JAX_NUM_PROCESSES", "tensorflow": "TF_CONFIG"}[HERE]
    with pytest.raises(InvalidInputError, match=message):
        zoo.distribution.data_parallel()


@pytest.mark.skipif(HERE != "tensorflow", reason="the others can connect late")
def test_processes_that_have_computed_something_cant_connect_on_tensorflow(monkeypatch):
    keras.ops.zeros(1)
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(InvalidInputError, match="start of the script"):
        zoo.distribution.data_parallel()
    assert backend.process() == (0, 1)


def test_one_device_is_one_process():
    assert zoo.distribution.is_first_process()
    assert backend.process() == backend.batch_part() == (0, 1)
    assert backend.shares() == 1
    backend.meet()
