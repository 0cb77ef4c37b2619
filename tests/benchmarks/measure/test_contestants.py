"""Contestants on this backend, over tiny models; a native loop is a stand-in with its interface."""

import itertools
import math

import numpy as np
import pytest

import benchmarks.native
from benchmarks.measure import contestants
from benchmarks.measure.cells import FUSING
from benchmarks.measure.device_batches import DeviceBatches
from tests.benchmarks.tiny_cells import BACKEND, DEVICES, build, cell

TRAINING = [("fit", "numpy"), ("fit", "device"), ("step", "device")]


def make(**changes):
    changed = cell(**changes)
    return contestants.make_contestant(changed, build(changed.model), DEVICES)


@pytest.mark.parametrize(("variant", "data"), TRAINING)
@pytest.mark.parametrize(
    "model", ["gan28", pytest.param("inpaint64", marks=pytest.mark.slow)]
)  # convolutions compile for long on JAX
def test_the_zoo_trains(model, variant, data):
    contestant = make(model=model, variant=variant, data=data)
    losses = []
    for steps in (1, 3, 3):
        assert contestant.prepare(steps) == steps
        losses.append(contestant.run())
    assert all(isinstance(loss, float) and math.isfinite(loss) for pair in losses for loss in pair)
    assert len(set(losses)) == 3


@pytest.mark.parametrize(("variant", "data"), TRAINING)
def test_each_step_is_an_update(variant, data):
    contestant = make(variant=variant, data=data)
    iterations = contestant.model.optimizer.iterations
    contestant.prepare(3)
    contestant.run()
    contestant.run()
    if variant == "step" and BACKEND == "jax":
        place = [v is iterations for v in contestant.model.optimizer.variables].index(True)
        assert int(contestant.take_step.groups[2][place]) == 6
    else:
        assert int(iterations) == 6


def test_the_step_trains_as_fit_does():
    """From the same weights and seeds, on the same batches: the same losses."""
    by_variant = {}
    for variant in ("fit", "step"):
        contestant = make(variant=variant, data="device")
        contestant.prepare(3)
        by_variant[variant] = contestant.run()
    assert by_variant["step"] == pytest.approx(by_variant["fit"], rel=1e-4)


@pytest.mark.skipif(BACKEND not in FUSING, reason="takes each step by itself")
def test_fused_steps_train_as_single_ones_do():
    fused = make(variant="fused", data="device", mode="overhead")
    assert fused.prepare(3) == contestants.FUSED_STEPS
    single = make(variant="fit", data="device")
    single.prepare(contestants.FUSED_STEPS)
    assert fused.run() == pytest.approx(single.run(), rel=1e-4)
    assert fused.model.steps_per_execution == contestants.FUSED_STEPS


@pytest.mark.parametrize("jit", ["on", "off"])
def test_jit_reaches_the_zoo(jit):
    training = make(jit=jit)
    assert training.model.jit_compile is (jit == "on")
    sampling = make(jit=jit, mode="sample", variant="generate")
    assert sampling.model.inference_jit() is (jit == "on")


def test_sampling_is_compiled_as_the_zoo_does_by_itself():
    chosen = make(mode="sample", variant="generate").model.inference_jit()
    assert chosen == build("gan28").inference_jit()


@pytest.mark.parametrize("steps", [1, 3])
def test_fit_hands_over_the_device_s_own_arrays(steps):
    contestant = make(variant="fit", data="device")
    contestant.prepare(steps)
    contestant.model.make_train_function()
    seen = []
    train_function = contestant.model.train_function

    def spy(*arguments):
        *state, batches = arguments
        batches = list(itertools.islice(batches, 1))
        seen.append(batches[0][0])
        return train_function(*state, iter(batches) if BACKEND == "jax" else batches)

    contestant.model.train_function = spy
    contestant.run()
    # These very arrays: nothing on their way has copied them.
    expected = itertools.islice(itertools.cycle(contestant.arrays), steps)
    assert len(seen) == steps
    assert all(array is batch[0] for array, batch in zip(seen, expected, strict=True))


def test_device_batches_can_be_iterated_over_again():
    batches = DeviceBatches([(np.zeros((4, 2)),), (np.ones((4, 2)),)], steps=3)
    dataset = batches.get_tf_dataset()
    for _ in range(2):
        assert [batch[0].mean() for batch in dataset] == [0, 1, 0]
    assert [batch[0].mean() for batch in batches.get_jax_iterator()] == [0, 1, 0]
    assert (batches.num_batches, batches.batch_size) == (3, 4)


@pytest.mark.parametrize("model", ["gan28", pytest.param("inpaint64", marks=pytest.mark.slow)])
def test_the_zoo_samples(model, monkeypatch):
    contestant = make(model=model, mode="sample", variant="generate")
    name = "inpaint" if model == "inpaint64" else "generate"
    made = []
    original = getattr(contestant.model, name)

    def spy(*args, **kwargs):
        made.append(original(*args, **kwargs))

    monkeypatch.setattr(contestant.model, name, spy)
    contestant.prepare(2)
    assert contestant.run() is None
    (images,) = made
    assert images.shape == (8, *contestant.data.shape)
    assert images.dtype == np.uint8


def test_a_long_window_has_epochs_and_no_larger_array(monkeypatch):
    monkeypatch.setattr(contestants, "LARGEST_ARRAY", 3 * 4 * 784)
    contestant = make()
    assert contestant.prepare(7) == 6
    assert (contestant.steps, contestant.epochs, len(contestant.images)) == (3, 2, 12)
    before = int(contestant.model.optimizer.iterations)
    contestant.run()
    assert int(contestant.model.optimizer.iterations) == before + 6


class Loop:
    """The interface of `native.make_loop`: remembers its calls."""

    def __init__(self, *arguments, **options):
        self.arguments, self.options, self.calls = arguments, options, []

    def put(self, images, *masks):
        self.calls.append("put")
        return (images, *masks)

    def step(self, batch):
        self.calls.append(("step", *(array.shape for array in batch)))
        return np.float32(0.5), np.float32(0.25)

    def run(self, images, batch_size, epochs=1, masks=None):
        masks = None if masks is None else masks.shape
        self.calls.append(("run", images.shape, batch_size, epochs, masks))
        return 0.5, 0.25

    def sample(self, count, batch_size):
        self.calls.append(("sample", count, batch_size))

    def restore(self, images, masks, batch_size):
        self.calls.append(("restore", images.shape, masks.shape, batch_size))

    def synchronize(self):
        self.calls.append("synchronize")


NATIVE = {"implementation": "native", "variant": "some", "jit": None}


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({}, [("run", (8, 28, 28, 1), 4, 1, None)]),
        ({"model": "inpaint64"}, [("run", (8, 64, 64, 3), 4, 1, (8, 64, 64))]),
        ({"data": "device"}, ["put"] * 4 + [("step", (4, 28, 28, 1))] * 2 + ["synchronize"]),
        (
            {"data": "device", "model": "inpaint64"},
            ["put"] * 4 + [("step", (4, 64, 64, 3), (4, 64, 64))] * 2 + ["synchronize"],
        ),
        ({"mode": "sample"}, [("sample", 8, 4)]),
        ({"mode": "sample", "model": "inpaint64"}, [("restore", (8, 64, 64, 3), (8, 64, 64), 4)]),
    ],
)
def test_native_loops(changes, calls, monkeypatch):
    monkeypatch.setattr(benchmarks.native, "make_loop", Loop, raising=False)
    contestant = make(**NATIVE, **changes)
    contestant.prepare(2)
    losses = contestant.run()
    assert contestant.loop.calls == calls
    assert losses == (None if "mode" in changes else (0.5, 0.25))


def test_a_native_loop_starts_from_the_zoo_s_weights(monkeypatch):
    monkeypatch.setattr(benchmarks.native, "make_loop", Loop, raising=False)
    loop = make(**NATIVE, precision="mixed_bfloat16").loop
    model = build("gan28")
    assert loop.arguments[:4] == ("gan28", BACKEND, "some", model.config)
    networks = model.generator, model.discriminator
    for network, weights in zip(networks, loop.arguments[4:], strict=True):
        for a, b in zip(network.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert loop.options == {"precision": "mixed_bfloat16"}
