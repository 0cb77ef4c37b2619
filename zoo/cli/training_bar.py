"""What a person sees while a model trains: a bar in a terminal, a line per epoch elsewhere."""

import contextlib
import sys
import time

from zoo.imports import import_keras

REFRESH_SECONDS = 0.25


@contextlib.contextmanager
def training_progress(image_count, stream=None):
    """Gives a Keras callback that shows the progress of `fit`.

    Once an epoch it reads the losses. Between, it counts the batches as they begin and reads
    nothing: a callback that overrides `on_train_batch_end` would make Keras wait for every step.

    Args:
        image_count: int, images per epoch.
        stream: where to; standard error by default.

    Example:

    ```python
    with training_progress(len(images)) as progress:
        model.fit(images, verbose=0, callbacks=[progress])
    ```
    """
    stream = sys.stderr if stream is None else stream
    view = _Bar(stream) if stream.isatty() else _Lines(stream)
    try:
        yield _make_callback(image_count, view)
    finally:
        # Also when training fails: the terminal's cursor must come back.
        view.close()


def _make_callback(image_count, view):
    keras = import_keras()

    class TrainingProgress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.meter = Meter(self.params["epochs"], self.params["steps"], image_count)
            self.next_refresh = 0.0
            view.open(self.meter)

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            now = time.perf_counter()
            self.meter.at(self.epoch, batch, now)
            if now >= self.next_refresh:
                self.next_refresh = now + REFRESH_SECONDS
                view.refresh(self.meter)

        def on_epoch_end(self, epoch, logs=None):
            self.meter.at(epoch, self.params["steps"], time.perf_counter())
            view.epoch_end(self.meter, logs or {})

    return TrainingProgress()


class Meter:
    """Where a run is, how fast, and how long it will take.

    Args:
        epochs: int, of the run.
        steps: int, per epoch.
        images: int, per epoch.
    """

    def __init__(self, epochs, steps, images):
        self.epochs, self.steps, self.images = epochs, steps, images
        self.epoch = self.done = 0
        self.total = epochs * steps
        self._start = self._now = self._first = None

    def at(self, epoch, batch, now):
        """Tells that `batch` steps of the epoch (from 0) have begun, or all of them ended."""
        self.epoch, self.done, self._now = epoch, epoch * self.steps + batch, now
        if self._first is None:
            self._first = self.done  # not 0 for a run that goes on
        # From the second step on: the first one waits for the compiler.
        if self._start is None or self._start[0] == self._first:
            self._start = self.done, now

    @property
    def images_per_second(self):
        """Float, or `None` before there is something to measure."""
        if self._start is None or self.done == self._start[0]:
            return None
        done, started = self._start
        return (self.done - done) * self.images / self.steps / max(self._now - started, 1e-9)

    @property
    def seconds_left(self):
        """Float, or `None` before there is something to measure."""
        speed = self.images_per_second
        return speed and (self.total - self.done) * self.images / self.steps / speed

    def epoch_text(self):
        """`epoch 3/25`"""
        return f"epoch {self.epoch + 1}/{self.epochs}"

    def speed_text(self):
        """`1,234 images/s, 0:04:05 left`, as far as it is known."""
        if self.images_per_second is None:
            return ""
        speed = f"{self.images_per_second:,.0f} images/s"
        if self.done == self.total:
            return speed
        left = round(self.seconds_left)
        clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        return f"{speed}, {clock} left"


def _epoch_line(meter, logs):
    losses = ", ".join(f"{key} {value:.4g}" for key, value in logs.items())
    return "  ".join(part for part in (meter.epoch_text(), losses, meter.speed_text()) if part)


class _Lines:
    def __init__(self, stream):
        self.stream = stream

    def open(self, meter):
        pass

    def refresh(self, meter):
        pass

    def epoch_end(self, meter, logs):
        print(_epoch_line(meter, logs), file=self.stream, flush=True)

    def close(self):
        pass


class _Bar:
    def __init__(self, stream):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self.console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%", markup=False),
            TextColumn("{task.fields[speed]}", markup=False),
            console=self.console,
            refresh_per_second=1 / REFRESH_SECONDS,
        )

    def open(self, meter):
        self.task = self.progress.add_task("starting", total=meter.total, speed="")
        self.progress.start()

    def refresh(self, meter):
        self.progress.update(
            self.task,
            description=meter.epoch_text(),
            completed=meter.done,
            speed=meter.speed_text(),
        )

    def epoch_end(self, meter, logs):
        self.refresh(meter)
        self.progress.console.print(_epoch_line(meter, logs))

    def close(self):
        self.progress.stop()
