"""Contestants, one interface to all that is timed: `fit`, the bare step, sampling, native loops.

A contestant has `prepare(steps)`, which is not timed and returns the number of steps it will take,
and `run()`, which takes them, waits for the device and returns the losses (discriminator's,
generator's) as floats, or `None` when sampling. Nothing is read on the host before a run's end.
"""

import itertools

import numpy as np

from benchmarks.measure.device_batches import DeviceBatches
from benchmarks.measure.own_model import OwnModelError
from benchmarks.measure.workloads import data_of

RESIDENT_BATCHES = 4
"""Number of device-resident batches, used in turn."""
LARGEST_ARRAY = 2**28
"""Largest data per epoch, in bytes: a longer window has more epochs."""
FUSED_STEPS = 32
"""Steps per execution of the variant "fused"."""
LOSSES = ("discriminator_loss", "generator_loss")


def make_contestant(cell, model, devices):
    """Returns the contestant of a cell.

    Args:
        cell: `cells.Cell`.
        model: the zoo's model; compiled here, with the defaults, unless it is already. A native
            loop starts from its weights, and the caller should release it afterwards.
        devices: module of `benchmarks.measure.devices`.

    Raises:
        OwnModelError: if a compiled model is to be compiled in another way.
    """
    data = data_of(model)
    if cell.implementation == "native":
        from benchmarks.native import make_loop

        loop = make_loop(
            cell.model,
            cell.backend,
            cell.variant,
            model.config,
            model.generator.get_weights(),
            model.discriminator.get_weights(),
            precision=cell.precision,
        )
        if cell.mode == "sample":
            return NativeSample(cell, data, loop)
        kind = NativeRun if cell.data == "numpy" else NativeStep
        return kind(cell, data, loop)
    jit = {"auto": "auto", "on": True, "off": False}[cell.jit]
    fused = cell.variant == "fused"
    if not model.compiled:
        model.compile(jit_compile=jit, steps_per_execution=FUSED_STEPS if fused else 1)
    elif jit != "auto":
        raise OwnModelError(
            f"{cell.model} is compiled already, and is timed as it is. Received: --jit {cell.jit}"
        )
    if cell.mode == "sample":
        return ZooSample(cell, data, model, devices)
    kind = {"fit": ZooFit, "fused": ZooFused, "step": ZooStep}[cell.variant]
    return kind(cell, data, model, devices)


class Contestant:
    """Base of all contestants: the number of steps of a run, and the data for them."""

    def __init__(self, cell, data):
        self.cell, self.data = cell, data
        self.batch_size = cell.batch_size
        self.resident = cell.data == "device"
        self.steps = self.epochs = 0
        self.arrays = ()

    def prepare(self, steps):
        """Prepares runs of about `steps` steps, and returns their exact number.

        Trains on a NumPy array for several epochs rather than let it grow beyond `LARGEST_ARRAY`.
        """
        most = max(1, LARGEST_ARRAY // (self.data.sample_bytes * self.batch_size))
        if self.resident:
            most = steps
        self.steps = min(steps, most)
        self.epochs = round(steps / self.steps)
        self.make_data()
        return self.steps * self.epochs

    def make_data(self):
        """Draws random data: arrays for an epoch, or `RESIDENT_BATCHES` batches on the device."""
        if self.resident:
            if not self.arrays:
                arrays = self.data.draw(RESIDENT_BATCHES * self.batch_size)
                batches = zip(*(np.split(array, RESIDENT_BATCHES) for array in arrays), strict=True)
                self.arrays = [self.put(*batch) for batch in batches]
            return
        count = self.steps * self.batch_size
        if not self.arrays or len(self.arrays[0]) < count:
            self.arrays = self.data.draw(count)
        self.images, *self.beside = (array[:count] for array in self.arrays)  # masks or labels

    def put(self, *arrays):
        """Returns a batch on the device, as the step takes it."""
        raise NotImplementedError

    def run(self):
        """Takes the steps; see the module's docstring."""
        raise NotImplementedError


class Zoo(Contestant):
    """A model of the zoo, compiled."""

    def __init__(self, cell, data, model, devices):
        super().__init__(cell, data)
        self.model, self.devices = model, devices

    def synchronize(self):
        """Waits for the last update."""
        self.devices.synchronize([variable.value for variable in self.model.variables])

    def put(self, *arrays):
        return tuple(map(self.devices.put, arrays))


class ZooFit(Zoo):
    """`model.fit`, on a NumPy array in random order or on device-resident batches."""

    def run(self):
        if self.resident:
            data, options = (DeviceBatches(self.arrays, self.steps),), {"shuffle": False}
        else:
            data, options = (self.images, *self.beside), {"batch_size": self.batch_size}
        history = self.model.fit(*data, epochs=self.epochs, verbose=0, **options).history
        self.synchronize()
        return tuple(float(history[name][-1]) for name in LOSSES)


class ZooFused(ZooFit):
    """`model.fit` that takes `FUSED_STEPS` steps per call of its compiled function."""

    def prepare(self, steps):
        return super().prepare(FUSED_STEPS * -(-steps // FUSED_STEPS))


class ZooStep(Zoo):
    """The compiled step that `fit` calls, called directly: what `fit` adds is the difference."""

    def __init__(self, cell, data, model, devices):
        super().__init__(cell, data, model, devices)
        model.make_train_function()
        self.take_step = StatefulStep(model) if cell.backend == "jax" else ImperativeStep(model)

    def run(self):
        self.take_step.reset_metrics()
        for batch in itertools.islice(itertools.cycle(self.arrays), self.steps):
            logs = self.take_step(batch)
        self.devices.synchronize(self.take_step.state())
        return tuple(float(logs[name]) for name in LOSSES)


class ImperativeStep:
    """Calls the train function of TensorFlow's and torch's trainer, which updates variables."""

    def __init__(self, model):
        self.model = model
        if hasattr(model, "train"):
            model.train()  # a torch module's switch, as `fit` sets it

    def __call__(self, batch):
        return self.model.train_function([batch])

    def reset_metrics(self):
        """Restarts the means of the losses, as a new epoch does."""
        self.model.reset_metrics()

    def state(self):
        """Returns arrays that the last step changed."""
        return [variable.value for variable in self.model.variables]


class StatefulStep(ImperativeStep):
    """Carries the state of JAX's trainer, which its train function takes and returns.

    Does not update the model's own variables: their arrays are donated to the first step.
    """

    def __init__(self, model):
        self.model = model
        self.groups = [
            [variable.value for variable in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
                model.metrics_variables,
            )
        ]

    def __call__(self, batch):
        logs, self.groups = self.model.train_function(tuple(self.groups), iter([batch]))
        return logs

    def reset_metrics(self):
        super().reset_metrics()
        fresh = [variable.value for variable in self.model.metrics_variables]
        self.groups = [*self.groups[:3], fresh]

    def state(self):
        return self.groups


class ZooSample(Zoo):
    """`model.generate`, or `model.inpaint` of an inpainting model: uint8 images in host memory."""

    def run(self):
        for _ in range(self.epochs):
            if self.data.masks:
                self.model.inpaint(self.images, *self.beside, batch_size=self.batch_size)
            else:
                self.model.generate(self.steps * self.batch_size, batch_size=self.batch_size)


class Native(Contestant):
    """A loop of `benchmarks.native`."""

    def __init__(self, cell, data, loop):
        super().__init__(cell, data)
        self.loop, self.put = loop, loop.put


class NativeRun(Native):
    """`loop.run` on a NumPy array in random order."""

    def run(self):
        masks = {"masks": self.beside[0]} if self.data.masks else {}
        losses = self.loop.run(self.images, self.batch_size, epochs=self.epochs, **masks)
        return tuple(float(loss) for loss in losses)


class NativeStep(Native):
    """`loop.step` on device-resident batches."""

    def run(self):
        for batch in itertools.islice(itertools.cycle(self.arrays), self.steps):
            losses = self.loop.step(batch)
        self.loop.synchronize()
        return tuple(float(loss) for loss in losses)


class NativeSample(Native):
    """`loop.sample` or `loop.restore`: uint8 images in host memory."""

    def run(self):
        for _ in range(self.epochs):
            if self.data.masks:
                self.loop.restore(self.images, *self.beside, self.batch_size)
            else:
                self.loop.sample(self.steps * self.batch_size, self.batch_size)
