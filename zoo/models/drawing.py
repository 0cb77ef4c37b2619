"""Drawing from a trained model, batch by batch: compiled once, the next batch already under way."""

from keras import ops

from zoo import backend


class Drawing:
    """`model.draw_batch`, compiled for the network that the model samples from.

    Args:
        model: `zoo.adversarial.base.AdversarialPair`.
    """

    def __init__(self, model):
        self.network = model.sampling_network()
        self.jit_compile = model.inference_jit()
        self.function = backend.compile_inference(model.draw_batch, self.network, self.jit_compile)

    def fits(self, model):
        """Whether it is what a new one would be."""
        same = self.network is model.sampling_network()
        return same and self.jit_compile == model.inference_jit()


def draw_batches(model, batches):
    """Yields what `model.draw_batch` makes of each batch, as ndarrays.

    A batch is started before the one before it is read, so that the device does not wait for the
    host. No more than two are in memory.

    Args:
        model: `zoo.adversarial.base.AdversarialPair`.
        batches: iterable of tuples of ndarrays, the arguments of `model.draw_batch`.
    """
    backend.synchronize(model)
    if model.drawing is None or not model.drawing.fits(model):
        model.drawing = Drawing(model)
    started = None
    for batch in batches:
        previous, started = started, model.drawing.function(*batch)
        if previous is not None:
            yield ops.convert_to_numpy(previous)
    if started is not None:
        yield ops.convert_to_numpy(started)
