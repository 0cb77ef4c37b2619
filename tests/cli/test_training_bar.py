"""The progress of training: what is measured, what is shown, and that it costs nothing."""

import io

import keras
import numpy as np
import pytest

from zoo.cli.training_bar import Meter, training_progress

pytestmark = pytest.mark.no_backend


class Terminal(io.StringIO):
    def isatty(self):
        return True


def fit(stream, epochs=2):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((40, 3), "float32"), np.ones((40, 1), "float32")
    with training_progress(len(x), stream) as progress:
        model.fit(x, y, batch_size=10, epochs=epochs, verbose=0, callbacks=[progress])
    return progress


def test_meter_counts_from_the_second_step():
    meter = Meter(epochs=2, steps=10, images=100)
    meter.at(0, 0, now=0.0)
    assert meter.images_per_second is None
    assert meter.speed_text() == ""
    meter.at(0, 1, now=50.0)  # compiled
    assert meter.seconds_left is None
    meter.at(0, 5, now=52.0)
    assert meter.images_per_second == pytest.approx(20.0)
    assert meter.seconds_left == pytest.approx(7.5)
    assert meter.epoch_text() == "epoch 1/2"
    meter.at(1, 10, now=59.5)
    assert meter.images_per_second == pytest.approx(20.0)
    assert meter.speed_text() == "20 images/s"
    assert meter.epoch_text() == "epoch 2/2"


def test_meter_writes_hours_and_minutes():
    meter = Meter(epochs=1000, steps=10, images=100)
    for batch, now in ((0, 0.0), (1, 1.0), (2, 2.0)):
        meter.at(0, batch, now)
    assert meter.speed_text() == "10 images/s, 2:46:38 left"


def test_a_log_file_gets_one_line_per_epoch():
    stream = io.StringIO()
    fit(stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ")
    assert "images/s" in lines[0]
    assert "left" in lines[0]
    assert lines[1].startswith("epoch 2/2  loss ")
    assert "left" not in lines[1]


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    fit(stream)
    text = stream.getvalue()
    assert "epoch 2/2" in text
    assert "100%" in text
    assert "images/s" in text
    assert text.count("loss ") >= 2
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back


def test_the_cursor_comes_back_when_training_fails(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    def fail():
        with training_progress(10, stream) as progress:
            progress.set_params({"epochs": 1, "steps": 2})
            progress.on_train_begin()
            progress.on_epoch_begin(0)
            progress.on_train_batch_begin(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert "\x1b[?25l" in stream.getvalue()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_keras_need_not_wait_for_every_step():
    # What `CallbackList` looks at before it dispatches the ends of steps asynchronously.
    with training_progress(10, io.StringIO()) as progress:
        base = keras.callbacks.Callback
        for hook in ("on_batch_end", "on_train_batch_end", "on_test_batch_end"):
            assert getattr(type(progress), hook) is getattr(base, hook)
