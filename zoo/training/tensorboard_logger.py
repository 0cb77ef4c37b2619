"""Shows a run in TensorBoard, on every backend."""

import json
import os
import time
from typing import Any

from zoo.imports import LOGGERS, import_optional
from zoo.training.epoch_logger import EpochLogger


class TensorBoardLogger(EpochLogger):
    """Writes figures, samples and configuration of every epoch for TensorBoard.

    The files are written by TensorBoard's own package, on every backend, and go into
    `folder/tensorboard`; `tensorboard --logdir folder` shows them. A `fit` that begins with the
    first epoch replaces those of an earlier one.

    Put it behind callbacks whose figures belong to an epoch, and ahead of `zoo.Checkpoint`.

    Args:
        folder: folder of the run; `history.csv` and `samples/` go there as well.
        images: real images, uint8 array of shape `(N, H, W, C)`, for the samples of a model that
            restores.
        configuration: dict of plain values to show; by default the model's own and how it was
            compiled.

    Raises:
        MissingDependencyError: if tensorboard isn't installed.

    Example:

    ```python
    model.fit(images, epochs=20, callbacks=[zoo.TensorBoardLogger("runs/digits")])
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        images: Any = None,
        configuration: dict[str, Any] | None = None,
    ):
        super().__init__(folder, images, configuration)
        events, summaries, self._records, *_ = _import_tensorboard()
        self._event, self._summary = events.Event, summaries.Summary

    def open(self, shown, resumed):
        *_, tensors, texts = _import_tensorboard()
        folder = self.folder / "tensorboard"
        folder.mkdir(parents=True, exist_ok=True)
        before = list(folder.glob("events.out.tfevents.*.zoo"))
        # A name of its own: a TensorBoard that is running has the earlier file open.
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.zoo"
        self._write(time.time(), file_version="brain.Event:2")
        text = "\n".join(f"    {line}" for line in json.dumps(shown, indent=2).splitlines())
        value = self._summary.Value(
            tag="configuration",
            metadata=texts.create_summary_metadata("configuration", ""),
            tensor=tensors.make_tensor_proto(text),
        )
        self._write(time.time(), step=0, summary=self._summary(value=[value]))
        for earlier in before:
            earlier.unlink(missing_ok=True)

    def log(self, epoch, figures, picture):
        value, written = self._summary.Value, time.time()
        values = [value(tag=name, simple_value=figure) for name, figure in figures.items()]
        if picture is not None:
            from PIL import Image

            with Image.open(picture) as image:
                size = {"width": image.width, "height": image.height}
                bands = len(image.getbands())
            png = self._summary.Image(
                **size, colorspace=bands, encoded_image_string=picture.read_bytes()
            )
            values.append(value(tag="samples", image=png))
            written = picture.stat().st_mtime  # of an earlier part of the run, if it is copied
        self._write(written, step=epoch, summary=self._summary(value=values))

    def _write(self, when, **fields):
        event = self._event(wall_time=when, **fields)
        with open(self._path, "ab") as file:
            self._records.RecordWriter(file).write(event.SerializeToString())


def _import_tensorboard():
    """Returns the modules that write event files; none of them imports TensorFlow."""
    return [
        import_optional(f"tensorboard.{name}", LOGGERS["tensorboard"])
        for name in (
            "compat.proto.event_pb2",
            "compat.proto.summary_pb2",
            "summary.writer.record_writer",
            "util.tensor_util",
            "plugins.text.metadata",
        )
    ]
