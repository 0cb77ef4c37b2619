"""The step as one graph, on PyTorch: the same losses, weights and random numbers as without."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from zoo.errors import InvalidInputError

pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch.compile"),
    # From the import of torch's compiler.
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (46, 16, 16, 1), "uint8")  # the last of six batches is smaller
POINTS = RNG.normal(size=(46, 2)).astype("float32")
LABELS = RNG.integers(0, 3, 46)
HOLES = zoo.masks.draw("rectangles", 46, (16, 16), seed=0)


def vanilla(**options):
    return zoo.VanillaGAN((16, 16, 1), hidden_units=(8,), latent_dim=4, seed=0, **options)


def dcgan(**options):
    return zoo.DCGAN((16, 16, 1), base_filters=2, latent_dim=4, seed=0, **options)


def conditional():
    return zoo.ConditionalDCGAN((16, 16, 1), 3, base_filters=2, latent_dim=4, seed=0)


def inpainting():
    return zoo.InpaintingGAN((16, 16, 1), base_filters=2, halvings=1, dilations=(1,), seed=0)


def own(layer=None):
    """Networks of Keras' layers with numbers of their own, and one more in the discriminator."""
    keras.utils.set_random_seed(0)
    generator = [
        layers.Dense(8),
        layers.BatchNormalization(),
        layers.Dropout(0.3, seed=1),
        layers.Dense(2),
    ]
    discriminator = [
        layers.Dense(8, "tanh"),
        layers.GaussianNoise(0.1, seed=2),
        layers.LayerNormalization(),
        layers.Dense(1),
    ]
    if layer is not None:
        discriminator.insert(0, layer)
    networks = (
        keras.Sequential([keras.Input((n,)), *stack])
        for n, stack in ((4, generator), (2, discriminator))
    )
    return zoo.AdversarialModel(*networks, latent_dim=4, seed=0)


def adam(**options):
    return keras.optimizers.Adam(1e-3, beta_1=0.5, **options)


def pair(make):
    return {"generator_optimizer": make(), "discriminator_optimizer": make()}


@pytest.fixture
def graphs(monkeypatch):
    """Runs graphs as they are, without the compiler, which takes a minute; yields all of them."""
    import torch

    made = []

    def compile(function, **_):
        if isinstance(function, torch.nn.Module):  # else Keras' own, which is never called
            made.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compile)
    return made


@pytest.fixture(autouse=True)
def replays(monkeypatch):
    """Has graphs replayed from the second call on; yields all that are."""
    from zoo.backend.torch import compiling

    made = []

    def record(self, data, inputs):
        recording = slowly(self, data, inputs)
        made.append(recording)
        return recording

    slowly = compiling.Replayed.record
    monkeypatch.setattr(compiling.Replayed, "eager_calls", 1)
    monkeypatch.setattr(compiling.Replayed, "record", record)
    return made


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def train(make, data, jit_compile, **options):
    """Returns the losses of four epochs, and the weights after them."""
    model = make()
    model.compile(jit_compile=jit_compile, **{**pair(adam), **options})
    history = model.fit(*data, batch_size=8, epochs=4, verbose=0).history
    return history, model.get_weights()


def assert_same(make, data, tolerance=1e-5, **options):
    """Trains compiled, eagerly and by replayed graphs, and compares losses and weights."""
    compiled, eager, replayed = (
        train(
            make,
            data,
            jit_compile,
            **{key: value() if callable(value) else value for key, value in options.items()},
        )
        for jit_compile in (True, False, "auto")
    )
    for name, losses in eager[0].items():
        np.testing.assert_allclose(compiled[0][name], losses, tolerance, tolerance, err_msg=name)
    for one, other in zip(compiled[1], eager[1], strict=True):
        # Adam turns a gradient's last digit into a step of the rate where the gradient is about 0.
        np.testing.assert_allclose(one, other, tolerance, 1e-3)
    assert replayed[0] == eager[0]
    for one, other in zip(replayed[1], eager[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"r1_penalty": 1.0, "average_decay": 0.9},
        {"gradient_penalty": 1.0, "discriminator_steps": 2, "loss": "wasserstein"},
        {"diff_augment": "color,translation,cutout", "instance_noise": 0.1, "loss": "hinge"},
        {"skip_nonfinite": False},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_each_technique_is_part_of_the_graph(graphs, replays, options):
    assert_same(dcgan, (IMAGES,), **options)
    assert len(graphs) == 1
    assert None not in replays
    assert replays


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (vanilla, (IMAGES,)),
        (conditional, (IMAGES, LABELS)),
        (inpainting, (IMAGES,)),
        (inpainting, (IMAGES, HOLES)),
        (lambda: dcgan(spectral_norm=True), (IMAGES,)),
        (own, (POINTS,)),
    ],
    ids=["vanilla", "conditional", "inpainting", "given-masks", "spectral-norm", "own-networks"],
)
def test_each_family_is_one_graph(graphs, replays, make, data):
    assert_same(make, data, r1_penalty=0.1)
    assert len(graphs) == 1
    assert None not in replays
    assert replays


@pytest.mark.parametrize(
    "make",
    [
        lambda: adam(gradient_accumulation_steps=2),
        lambda: keras.optimizers.RMSprop(1e-3),
        lambda: keras.optimizers.SGD(1e-3, momentum=0.9, clipnorm=1.0),
        lambda: adam(use_ema=True, ema_overwrite_frequency=2),
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 20)),
    ],
    ids=["accumulation", "rmsprop", "clipped-sgd", "average", "schedule"],
)
def test_each_optimizer_is_part_of_the_graph(graphs, replays, make):
    assert_same(
        vanilla, (IMAGES,), generator_optimizer=make, discriminator_optimizer=make, tolerance=1e-4
    )
    assert len(graphs) == 1
    assert None not in replays
    assert replays


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"], indirect=True)
def test_mixed_precision_is_part_of_the_graph(graphs, replays, policy):
    assert_same(vanilla, (IMAGES,), gradient_penalty=1.0)
    assert len(graphs) == 1
    assert None not in replays
    assert replays


def test_a_rate_that_a_callback_sets_reaches_the_graph(graphs):
    model = vanilla()
    model.compile(jit_compile=True, **pair(adam))
    model.fit(IMAGES[:32], batch_size=8, verbose=0)
    before = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.optimizer.generator_optimizer.learning_rate = 0.0
    model.optimizer.discriminator_optimizer.learning_rate = 0.0
    model.fit(IMAGES[:32], batch_size=8, verbose=0)
    for one, other in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), other)
    assert len(graphs) == 1


def test_loaded_weights_reach_the_graph(graphs, tmp_path):
    model = vanilla()
    model.compile(jit_compile=True, **pair(adam))
    model.fit(IMAGES[:32], batch_size=8, verbose=0)
    model.save_weights(tmp_path / "a.weights.h5")
    state = model.seed_generator.state.numpy()
    first = model.fit(IMAGES[:32], batch_size=8, verbose=0, shuffle=False).history
    model.load_weights(tmp_path / "a.weights.h5")
    model.seed_generator.state.assign(state)
    again = model.fit(IMAGES[:32], batch_size=8, verbose=0, shuffle=False).history
    assert again["discriminator_loss"] == pytest.approx(first["discriminator_loss"], rel=1e-5)
    assert len(graphs) == 1


def test_a_step_with_nan_leaves_no_trace(graphs):
    model = own()
    model.compile(jit_compile=True, **pair(adam))
    for batch in (POINTS[:8], POINTS[8:16]):
        model.train_on_batch(batch)
    before = model.generator.get_weights()
    model.discriminator.layers[0].bias.assign(np.full(8, np.nan))
    logs = model.train_on_batch(POINTS[16:24], return_dict=True)
    assert logs["skipped_steps"] == 1
    for one, other in zip(model.generator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(graphs) == 1


def test_evaluating_predicting_and_drawing_are_compiled_too(graphs):
    compiled, eager = (dcgan() for _ in range(2))
    compiled.compile(jit_compile=True)
    eager.compile(jit_compile=False)
    latents = compiled.sample_latent(32, seed=0)
    for model in (compiled, eager):
        model.seed_generator.state.assign(model.seed_generator.state * 0 + 1)
    np.testing.assert_allclose(
        *(model.evaluate(IMAGES[:32], batch_size=8, verbose=0) for model in (compiled, eager)),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        *(model.predict(latents, batch_size=8, verbose=0) for model in (compiled, eager)), atol=1e-6
    )
    one, other = (model.generate(32, batch_size=8, seed=0) for model in (compiled, eager))
    assert np.abs(one.astype(int) - other).max() <= 1
    assert len(graphs) == 3


class Noisy(layers.Layer):
    def __init__(self):
        super().__init__()
        self.numbers = keras.random.SeedGenerator(0)

    def call(self, x):
        return x * ops.cast(keras.random.categorical(x, 2, seed=self.numbers), "float32")


class Hiding(layers.Layer):
    def __init__(self):
        super().__init__()
        ones = ops.ones(2)
        self.hidden = lambda: ones

    def call(self, x):
        return x * self.hidden()


class Deciding(layers.Layer):
    def call(self, x):
        return x if self.built and ops.max(x) > 0 else -x

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Noisy, "random numbers of"),
        (Hiding, "reads other tensors"),
        (Deciding, "read a tensor's value"),
    ],
)
def test_what_can_be_no_part_of_a_graph_is_refused(layer, reason):
    model = own(layer())
    model.compile(jit_compile=True)
    with pytest.raises(InvalidInputError, match=rf"{reason}[\s\S]*jit_compile=False"):
        model.fit(POINTS, batch_size=8, verbose=0)


def compile_whole_step():
    """Trains a compiled and an eager model alike, with one graph for the compiler."""
    import torch

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    assert_same(vanilla, (IMAGES,), gradient_penalty=1.0, average_decay=0.9)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]


# From the compiler's look at every tensor.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_the_compiler_takes_the_whole_step_once(monkeypatch):
    import torch

    # Its first half, without the making of machine code: seconds instead of a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    compile_whole_step()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_the_compiler_makes_code_of_the_whole_step():
    compile_whole_step()
