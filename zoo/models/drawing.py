"""Draws from a trained model, batch by batch: compiled once, one batch ahead of what is read."""

import functools

from keras import ops

from zoo import backend

SHAPES = 16
"""Shapes of batches that stay compiled, the last ones: with ever new ones memory doesn't grow."""


class Drawing:
    """A model's methods that draw, compiled for the network that it samples from.

    Args:
        model: `zoo.adversarial.base.BaseGAN`.
    """

    def __init__(self, model):
        self.network = model.sampling_network()
        self.jit_compile = model.inference_jit()

        @functools.lru_cache(SHAPES)
        def compiled(method, *kinds):
            del kinds
            function = getattr(model, method)
            return backend.compile_inference(function, self.network, self.jit_compile, model)

        self._compiled = compiled

    def function(self, method, *batch):
        """Returns what a method of the model makes of a batch, as a tensor."""
        return self._compiled(method, *((x.shape, x.dtype) for x in batch))(*batch)

    def fits(self, model):
        """Returns whether a new one would be the same."""
        same = self.network is model.sampling_network()
        return same and self.jit_compile == model.inference_jit()


def draw_batches(model, batches, method="draw_batch"):
    """Yields what a method of a model makes of each batch, as ndarrays.

    Each batch is started before the one ahead of it is read, so that the device does not wait for
    the host. No more than two are in memory.

    Args:
        model: `zoo.adversarial.base.BaseGAN`.
        batches: iterable of tuples of ndarrays, the method's arguments.
        method: str, its name.
    """
    drawing = model.drawing
    if drawing is None or not drawing.fits(model):
        model.drawing = drawing = Drawing(model)
    started = None
    for batch in batches:
        previous, started = started, drawing.function(method, *batch)
        if previous is not None:
            yield ops.convert_to_numpy(previous)
    if started is not None:
        yield ops.convert_to_numpy(started)


def batch_slices(count, batch_size):
    """Yields slices of one length that cover `count` samples.

    The last one overlaps the one before it: one shape, one compilation.

    >>> list(batch_slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(3, 5, None)]
    """
    batch_size = max(1, min(count, batch_size))
    for start in range(0, count, batch_size):
        stop = min(start + batch_size, count)
        yield slice(stop - batch_size, stop)
