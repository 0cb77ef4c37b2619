"""Progress of training: a bar in a terminal, a line per epoch elsewhere."""

import contextlib
import datetime
import math
import sys

from zoo.imports import import_keras


@contextlib.contextmanager
def training_progress(image_count, stream=None):
    """Gives a Keras callback that shows the progress of `fit`.

    It reads the losses once an epoch. In between it counts the batches as they begin, and reads
    nothing: overriding `on_train_batch_end` would make Keras wait for every step.

    Args:
        image_count: int, images per epoch.
        stream: where to write; standard error by default.

    Example:

    ```python
    with training_progress(len(images)) as progress:
        model.fit(images, verbose=0, callbacks=[progress])
    ```
    """
    stream = sys.stderr if stream is None else stream
    bar = _make_bar(stream)
    try:
        yield _make_callback(image_count, bar, shown=stream.isatty())
    finally:
        if stream.isatty():  # also when training fails: the terminal's cursor must come back
            bar.stop()


def _make_bar(stream):
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
    from rich.text import Text

    class SpeedColumn(TextColumn):
        def render(self, task):
            return Text(_speed_text(task))

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        SpeedColumn(""),
        console=Console(file=stream, markup=False, emoji=False, highlight=False),
        refresh_per_second=4,
        speed_estimate_period=math.inf,  # a single step can take longer than the default
    )


def _make_callback(image_count, bar, shown):
    keras = import_keras()

    class TrainingProgress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            steps = self.params["steps"]
            bar.add_task(
                "starting", total=self.params["epochs"] * steps, images_per_step=image_count / steps
            )
            self.task, self.first_step = bar.tasks[-1], True
            if shown:
                bar.start()

        def on_epoch_begin(self, epoch, logs=None):
            self.title = f"epoch {epoch + 1}/{self.params['epochs']}"
            self.done = epoch * self.params["steps"]

        def on_train_batch_begin(self, batch, logs=None):
            # Speed is measured from the first update on: neither the epochs before a resumption
            # nor the first step, which waits for the compiler, count.
            update = bar.reset if self.first_step else bar.update
            update(self.task.id, description=self.title, completed=self.done + batch)
            self.first_step = False

        def on_epoch_end(self, epoch, logs=None):
            bar.update(self.task.id, completed=self.done + self.params["steps"])
            losses = ", ".join(f"{key} {value:.4g}" for key, value in (logs or {}).items())
            parts = (self.title, losses, _speed_text(self.task))
            bar.console.print("  ".join(filter(None, parts)), soft_wrap=True)

    return TrainingProgress()


def _speed_text(task):
    """Returns `1,234 images/s, 0:04:05 left`, as far as it is known."""
    if task.speed is None:
        return ""
    speed = f"{task.speed * task.fields['images_per_step']:,.0f} images/s"
    left = task.time_remaining
    return f"{speed}, {datetime.timedelta(seconds=left)} left" if left else speed
