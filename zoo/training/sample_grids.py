"""Writes what a model draws, one grid for each epoch of `fit`."""

from pathlib import Path

import keras

from zoo import backend, distribution
from zoo.images import grids

GRID_IMAGES = 64


class SampleGrids(keras.callbacks.Callback):
    """Writes, after every epoch, a grid of 64 samples from one seed.

    Networks of one's own whose samples aren't images leave none.

    Args:
        folder: Path for `epoch_0001.png` ...
        images: real images, uint8 array of shape `(N, H, W, C)`: a model that restores shows what
            it makes of them, and leaves no grid without.
    """

    def __init__(self, folder, images=None):
        super().__init__()
        self.folder = Path(folder)
        self.images = images

    def on_epoch_end(self, epoch, logs=None):
        if not distribution.is_first_process():
            return
        if self.images is None and hasattr(self.model, "inpaint"):
            return
        with backend.alone():
            samples = self.model.preview(self.images, GRID_IMAGES)
        if samples.dtype == "uint8" and samples.shape[-1] in grids.CHANNELS:
            grids.save_png(samples, grid_path(self.folder, epoch + 1))


def grid_path(folder, epoch):
    """Returns the path of an epoch's grid; the first epoch is 1."""
    return folder / f"epoch_{epoch:04d}.png"
