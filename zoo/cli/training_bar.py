"""Progress of training: a bar in a terminal, a line per epoch elsewhere."""

import contextlib
import datetime
import math
import sys

from zoo.cli.activity import heartbeat
from zoo.imports import import_keras

SHORT = {"generator_loss": "G", "discriminator_loss": "D"}
"""Of losses in a terminal, where an epoch has one line."""
LESS_TELLING = ("diversity", "real_accuracy", "fake_accuracy")


@contextlib.contextmanager
def training_progress(image_count, stream=None):
    """Gives a Keras callback that shows the progress of `fit`, and of what comes before and after.

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
    bar.add_task("building the networks", total=None)

    def describe():
        task = bar.tasks[-1]
        done = f" {task.percentage:.0f}%" if task.completed else ""
        return "  ".join(filter(None, [f"now: {task.description}{done}", _speed_text(task)]))

    live = stream.isatty()
    # The context ends also when training fails: the terminal's cursor must come back.
    with bar if live else heartbeat(describe, stream) as beat:
        yield _make_callback(image_count, bar, live, (lambda: None) if live else beat)


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
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        SpeedColumn(""),
        console=Console(file=stream, markup=False, emoji=False, highlight=False),
        refresh_per_second=4,
        speed_estimate_period=math.inf,  # a single step can take longer than the default
    )


def _make_callback(image_count, bar, live, restart):
    keras = import_keras()

    def begin_stage(text, **fields):
        before = bar.tasks[-1]
        bar.add_task(text, **fields)
        bar.remove_task(before.id)
        restart()
        return bar.tasks[-1]

    class TrainingProgress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            steps = self.params["steps"]
            self.task = begin_stage(
                "compiling the first step",
                total=self.params["epochs"] * steps,
                images_per_step=image_count / steps,
            )
            self.begun_steps = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.title = f"epoch {epoch + 1}/{self.params['epochs']}"
            self.done = epoch * self.params["steps"]

        def on_train_batch_begin(self, batch, logs=None):
            # Speed is measured from the first update on: neither the epochs before a resumption
            # nor the first step, which waits for the compiler, count.
            update = bar.update if self.begun_steps else bar.reset
            title = self.title if self.begun_steps else "compiling the first step"
            update(self.task.id, description=title, completed=self.done + batch)
            self.begun_steps += 1

        def on_epoch_end(self, epoch, logs=None):
            bar.update(self.task.id, completed=self.done + self.params["steps"])
            speed = _speed_text(self.task)
            line = _epoch_line(self.title, logs or {}, speed, live, bar.console.width)
            bar.console.print(line, soft_wrap=True)
            restart()

        def on_train_end(self, logs=None):
            begin_stage("measuring batch statistics", total=None)

    return TrainingProgress()


def _epoch_line(title, logs, speed, live, width):
    """Returns the line of an epoch: in a terminal, with as many of its figures as fit."""
    if not live:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
        return "  ".join(filter(None, (title, figures, speed)))
    # `history.csv` has all of them.
    names = sorted(logs, key=lambda name: (name in LESS_TELLING, name not in SHORT))
    parts = [title, speed] if speed else [title]
    for name in names:
        figure = f"{SHORT.get(name, name)} {logs[name]:.3g}"
        none = name == "skipped_steps" and not logs[name]
        if not none and len("  ".join([*parts, figure])) <= width:
            parts.insert(-1 if speed else len(parts), figure)
    return "  ".join(parts)


def _speed_text(task):
    """Returns `1,234 images/s, 0:04:05 left`, as far as it is known."""
    if task.speed is None:
        return ""
    speed = f"{task.speed * task.fields['images_per_step']:,.0f} images/s"
    left = task.time_remaining
    return f"{speed}, {datetime.timedelta(seconds=left)} left" if left else speed
