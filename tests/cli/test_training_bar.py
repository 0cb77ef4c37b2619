"""The progress of training: what is measured, what is shown, and that it costs nothing."""

import io
import time

import keras
import numpy as np
import pytest

from zoo.cli import activity
from zoo.cli.training_bar import _epoch_line, training_progress

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


def lines_of(monkeypatch, times, epochs, steps, images, first_epoch=0):
    """Lines of a log whose steps begin, and whose epochs end, at the given times."""
    clock, stream = iter(times), io.StringIO()
    monkeypatch.setattr("rich.console.monotonic", lambda: now[0])
    now = [0.0]
    with training_progress(images, stream) as progress:
        progress.set_params({"epochs": epochs, "steps": steps})
        progress.on_train_begin()
        for epoch in range(first_epoch, epochs):
            progress.on_epoch_begin(epoch)
            for batch in range(steps):
                now[0] = next(clock)
                progress.on_train_batch_begin(batch)
            now[0] = next(clock)
            progress.on_epoch_end(epoch, {"loss": 0.5})
    return stream.getvalue().splitlines()


def test_speed_counts_from_the_second_step(monkeypatch):
    # The first one takes 50 seconds, to compile; the others two each.
    times = [0, 50, 52, 54, 56, 56, 58, 60, 62, 64]
    first, second = lines_of(monkeypatch, times, epochs=2, steps=4, images=40)
    assert first == "epoch 1/2  loss 0.5  5 images/s, 0:00:08 left"
    assert second == "epoch 2/2  loss 0.5  5 images/s"


def test_speed_of_a_resumed_run_is_its_own(monkeypatch):
    times = [0, 50, 52, 54, 56, 56, 58, 60, 62, 64]
    lines = lines_of(monkeypatch, times, epochs=1002, steps=4, images=40, first_epoch=1000)
    assert lines[0] == "epoch 1001/1002  loss 0.5  5 images/s, 0:00:08 left"


def test_time_left_is_in_hours_and_minutes_once_it_is_known(monkeypatch):
    times = [float(second) for second in range(3 * 1500)]
    lines = lines_of(monkeypatch, times, epochs=1500, steps=2, images=20)
    # An epoch is three seconds, in which two steps begin.
    assert lines[0] == "epoch 1/1500  loss 0.5  10 images/s, 0:49:58 left"
    assert lines[-1].startswith("epoch 1500/1500  loss 0.5  7 images/s")
    assert lines_of(monkeypatch, [0.0, 1.0], epochs=1, steps=1, images=5) == ["epoch 1/1  loss 0.5"]


def test_a_long_line_is_one_line(monkeypatch):
    stream = io.StringIO()
    with training_progress(8, stream) as progress:
        progress.set_params({"epochs": 1, "steps": 1})
        progress.on_train_begin()
        progress.on_epoch_begin(0)
        progress.on_train_batch_begin(0)
        progress.on_epoch_end(0, {f"a_metric_with_a_long_name_{i}": 0.5 for i in range(20)})
    assert stream.getvalue().count("\n") == 1


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


def test_an_epoch_is_one_line_of_80_columns(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    logs = {"discriminator_loss": 0.693147, "generator_loss": 1.23456789, "diversity": 0.98765}
    logs |= {"fake_accuracy": 0.5, "real_accuracy": 0.5, "skipped_steps": 0.0}
    speed = "1,234 images/s, 0:04:05 left"
    line = _epoch_line("epoch 1/20", logs, speed, True, 80)
    assert line == f"epoch 1/20  D 0.693  G 1.23  diversity 0.988  {speed}"
    assert len(line) <= 80
    speed = "12,345 images/s, 10:04:05 left"
    skipped = _epoch_line("epoch 100/200", {**logs, "skipped_steps": 3.0}, speed, True, 80)
    assert skipped == f"epoch 100/200  D 0.693  G 1.23  skipped_steps 3  {speed}"
    assert len(skipped) <= 80
    # Elsewhere nothing is left out: a log is searched.
    assert all(name in _epoch_line("epoch 1/2", logs, "", False, 80) for name in logs)


def test_nothing_is_silent_for_long(monkeypatch):
    monkeypatch.setattr(activity, "SECONDS", 0.3)
    stream = io.StringIO()
    with training_progress(10, stream) as progress:
        for stage in ("building the networks", "compiling the first step", "epoch 1/1 50%"):
            if stage.startswith("compiling"):
                progress.set_params({"epochs": 1, "steps": 2})
                progress.on_train_begin()
                progress.on_epoch_begin(0)
                progress.on_train_batch_begin(0)
            elif stage.startswith("epoch"):
                progress.on_train_batch_begin(1)
            wait_for(stream, stage)
        progress.on_epoch_end(0, {})
        progress.on_train_end()
        wait_for(stream, "measuring batch statistics")
    text = stream.getvalue()
    time.sleep(0.7)
    assert stream.getvalue() == text


def test_what_takes_long_is_named_and_gone_from_a_terminal(monkeypatch):
    monkeypatch.setattr(activity, "SECONDS", 0.3)
    for stream in (io.StringIO(), Terminal()):
        with activity.activity("reading photos", stream):
            wait_for(stream, "reading photos (")
        assert stream.getvalue().endswith("\r\x1b[K" if stream.isatty() else " s)\n")
        with activity.activity("a moment", stream):
            pass
        assert "moment" not in stream.getvalue()


def wait_for(stream, text):
    until = time.monotonic() + 10
    while text not in stream.getvalue():
        assert time.monotonic() < until, stream.getvalue()
        time.sleep(0.01)
