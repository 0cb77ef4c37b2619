"""The hand-written loops train as the zoo does: a comparison of speed compares the same work."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from benchmarks import native
from tests.tiny import set_weights

# PyTorch's compiler uses parts of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

STEPS = 3
BATCH = 8
BACKEND = keras.backend.backend()
LATENT_DIM = 6
MODELS = {
    "gan28": functools.partial(zoo.VanillaGAN, (28, 28, 1), hidden_units=(16, 12, 8)),
    "dcgan28": functools.partial(zoo.DCGAN, (28, 28, 1), base_filters=4, kernel_size=5),
    "dcgan64": functools.partial(
        zoo.DCGAN,
        (64, 64, 3),
        base_filters=4,
        kernel_size=4,
        wide_stem=False,
        discriminator_batch_norm=True,
    ),
}
VARIANTS = [
    pytest.param(name, marks=pytest.mark.slow if name in ("xla", "compile") else ())
    for name in native.VARIANTS[BACKEND]
]

PAIRS = [
    # Other workloads of a variant that compiles for minutes would run the same code.
    pytest.param(workload, *variant.values, marks=variant.marks)
    for variant in VARIANTS
    for workload in MODELS
    if workload == "gan28" or not variant.marks
]

all_loops = pytest.mark.parametrize("variant", VARIANTS)
some_loops = pytest.mark.parametrize(("workload", "variant"), PAIRS)
all_workloads = pytest.mark.parametrize("workload", MODELS)


def build_pair(workload, variant, precision="float32", dropout=0.0):
    """A zoo model and the loop of the same weights."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = MODELS[workload](latent_dim=LATENT_DIM, dropout=dropout, seed=0)
    finally:
        keras.config.set_dtype_policy(policy)
    set_weights(model)
    weights = model.generator.get_weights(), model.discriminator.get_weights()
    return model, native.make_loop(workload, BACKEND, variant, model.config, *weights, precision)


def draw(model, count=BATCH):
    """STEPS batches of images and of latents."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (STEPS, count, *model.image_shape), "uint8")
    return images, rng.standard_normal((STEPS, count, LATENT_DIM)).astype("float32")


def train_both(model, loop):
    """Losses of both in each of the same steps: two lists of [discriminator's, generator's]."""
    images, latents = draw(model)
    model.draw_latents = lambda count: ops.take(latents, model.optimizer.iterations, axis=0)
    model.compile(jit_compile="auto")
    ours, theirs = [], []
    for step in range(STEPS):
        model.reset_metrics()
        logs = model.train_on_batch(images[step], return_dict=True)
        ours.append([float(logs[f"{name}_loss"]) for name in ("discriminator", "generator")])
        losses = loop.step(loop.put(images[step]), latents[step])
        theirs.append([float(loss) for loss in losses])
    return ours, theirs


@all_loops
@all_workloads
def test_it_trains_and_samples_as_the_zoo_does(workload, variant):
    model, loop = build_pair(workload, variant)
    _, latents = draw(model)
    before = loop.sample(BATCH, BATCH, latents[0]).astype("int16")
    assert before.shape == (BATCH, *model.image_shape)
    expected = model.generate(latents=latents[0])
    assert np.abs(before - expected).max() <= 1

    ours, theirs = train_both(model, loop)
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)
    after = loop.sample(BATCH, BATCH, latents[0])
    assert np.abs(before - after).max() > 1
    # PyTorch's moving variances are of the unbiased ones of the batches, Keras' of the biased.
    bound = 8 if BACKEND == "torch" else 2
    assert np.abs(after - model.generate(latents=latents[0]).astype("int16")).max() <= bound


@pytest.mark.slow
@some_loops
def test_bfloat16_changes_the_losses_a_little(workload, variant):
    model, loop = build_pair(workload, variant, "mixed_bfloat16")
    ours, theirs = train_both(model, loop)
    np.testing.assert_allclose(theirs, ours, rtol=5e-2)
    images, latents = draw(model)
    _, exact = build_pair(workload, native.VARIANTS[BACKEND][0])
    losses = exact.step(exact.put(images[0]), latents[0])
    assert np.abs(np.subtract(theirs[0], [float(loss) for loss in losses])).max() > 1e-5


@some_loops
def test_run_trains_on_an_array(workload, variant):
    model, loop = build_pair(workload, variant, dropout=0.3)
    images, latents = draw(model)
    before = loop.sample(BATCH, BATCH, latents[0])
    images = images.reshape(-1, *model.image_shape)
    losses = [loop.run(images, BATCH, epochs=2), loop.run(images, BATCH)]
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]
    assert (before != loop.sample(BATCH, BATCH, latents[0])).any()


def test_samples_are_drawn_anew_and_cut_to_their_count():
    _, loop = build_pair("gan28", native.VARIANTS[BACKEND][0])
    images = loop.sample(5, batch_size=2)
    assert images.shape == (5, 28, 28, 1)
    assert images.dtype == "uint8"
    assert len({image.tobytes() for image in images}) == 5
    assert (images != loop.sample(5, batch_size=2)).any()


def test_latents_may_leave_a_smaller_last_batch():
    model, loop = build_pair("gan28", native.VARIANTS[BACKEND][0])
    latents = draw(model)[1][0][:5]
    pieces = loop.sample(5, 2, latents).astype("int16")
    assert np.abs(pieces - loop.sample(5, 5, latents)).max() <= 1


@pytest.mark.parametrize("kind", ["workload", "backend", "variant"])
def test_unknown_names_are_refused(kind):
    names = {"workload": "gan28", "backend": BACKEND, "variant": native.VARIANTS[BACKEND][0]}
    names[kind] = "fast"
    with pytest.raises(ValueError, match=f"`{kind}` must be one of .* Received: {kind}='fast'"):
        native.make_loop(**names, config={}, generator_weights=[], discriminator_weights=[])


def test_an_unknown_precision_is_refused():
    variant = native.VARIANTS[BACKEND][0]
    with pytest.raises(ValueError, match=r"`precision` must be one of .*Received.*='float8'"):
        native.make_loop("gan28", BACKEND, variant, {}, [], [], precision="float8")


def test_weights_of_another_architecture_are_refused():
    model, _ = build_pair("gan28", native.VARIANTS[BACKEND][0])
    weights = model.generator.get_weights(), model.discriminator.get_weights()[:-1]
    with pytest.raises(ValueError, match="discriminator's weights must be 8 arrays"):
        native.make_loop("gan28", BACKEND, native.VARIANTS[BACKEND][0], model.config, *weights)


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
def test_compile_without_a_compiler_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"needs a C\+\+ compiler \(no-such-compiler"):
        build_pair("gan28", "compile")
