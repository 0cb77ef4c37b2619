"""Everything of Keras' `fit` works: data, callbacks, schedules, precision, saving."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import array, normal, values

BACKEND = keras.backend.backend()
IMAGE_SHAPE = (4, 4, 1)
KEYS = {"discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy", "diversity"}
FIT = {"batch_size": 8, "shuffle": False, "verbose": 0}

no_torch = pytest.mark.skipif(BACKEND == "torch", reason="Keras has no such feature on torch")


def make_images(count):
    return np.random.default_rng(0).integers(0, 256, (count, *IMAGE_SHAPE)).astype("uint8")


def adam(rate=1e-2):
    return keras.optimizers.Adam(rate)


def image_model(**settings):
    model = zoo.VanillaGAN(IMAGE_SHAPE, latent_dim=3, hidden_units=(4,), seed=0)
    model.compile(**settings)
    return model


def point_networks():
    keras.utils.set_random_seed(1)
    generator = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Dense(2),
        ]
    )
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    return generator, discriminator


def point_model(model_class=zoo.AdversarialModel, **settings):
    """On points in the plane; two of them start from the same weights and draw alike."""
    model = model_class(*point_networks(), latent_dim=3, seed=2)
    settings.setdefault("generator_optimizer", adam())
    settings.setdefault("discriminator_optimizer", adam())
    model.compile(**settings)
    return model


POINTS = normal(32, 2, seed=3) + 2.0


@keras.saving.register_keras_serializable("zoo_tests")
class FixedLatents(zoo.AdversarialModel):
    """Draws the same latents in every step: what comes next depends on the weights alone."""

    def draw_latents(self, batch_size):
        return ops.convert_to_tensor(normal(64, self.latent_dim, seed=9))[:batch_size]


def moved(before, variables):
    return [not np.array_equal(x, y) for x, y in zip(before, values(variables), strict=True)]


def rates(model):
    pair = model.optimizer
    return [
        float(optimizer.learning_rate)
        for optimizer in (pair.generator_optimizer, pair.discriminator_optimizer)
    ]


# -------------------------------------------------------------------------------------- data


def test_the_arguments_of_fit_are_those_of_keras():
    ours, theirs = (
        [(p.name, p.default, p.kind) for p in inspect.signature(fit).parameters.values()]
        for fit in (zoo.AdversarialModel.fit, keras.Model.fit)
    )
    assert ours == theirs


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays, **kwargs):
        super().__init__(**kwargs)
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // 8)

    def __getitem__(self, index):
        batch = tuple(array[8 * index : 8 * index + 8] for array in self.arrays)
        return batch if len(batch) > 1 else batch[0]


def torch_loader(*arrays):
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(*map(torch.from_numpy, arrays))
    return torch.utils.data.DataLoader(dataset, batch_size=8)


def tf_dataset(*arrays):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(8)


LABELS = np.arange(20)
SOURCES = {
    "uint8": lambda images: {"x": images},
    "float": lambda images: {"x": images.astype("float32") / 127.5 - 1.0},
    "labels": lambda images: {"x": images, "y": LABELS},
    "PyDataset": lambda images: {"x": Batches(images)},
    "PyDataset with labels": lambda images: {"x": Batches(images, LABELS)},
    "tf.data": lambda images: {"x": tf_dataset(images)},
    "tf.data with labels": lambda images: {"x": tf_dataset(images, LABELS)},
    "DataLoader": lambda images: {"x": torch_loader(images)},
    "DataLoader with labels": lambda images: {"x": torch_loader(images, LABELS)},
}


@keras.saving.register_keras_serializable("zoo_tests")
class FixedLatentsOfImages(zoo.VanillaGAN):
    draw_latents = FixedLatents.draw_latents


@pytest.fixture(scope="module")
def image_run():
    """A model, a function that takes it back to its start, and its history on 20 images."""
    model = FixedLatentsOfImages(IMAGE_SHAPE, latent_dim=3, hidden_units=(4,), seed=0)
    model.compile(adam(), adam())
    variables = model.variables + model.optimizer.variables
    start = values(variables)

    def start_again():
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)

    history = model.fit(make_images(20), **FIT).history
    return model, start_again, history, model.get_weights()


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_data_trains_alike(image_run, source):
    """20 images, 8 a batch: the last batch is an odd one."""
    model, start_again, expected_history, expected_weights = image_run
    data = SOURCES[source](make_images(20))
    start_again()
    settings = FIT if isinstance(data["x"], np.ndarray) else {"shuffle": False, "verbose": 0}
    history = model.fit(**data, **settings).history
    assert set(history) == {*KEYS, "skipped_steps"}
    assert int(model.optimizer.generator_optimizer.iterations) == 3
    assert int(model.optimizer.discriminator_optimizer.iterations) == 3
    for key in KEYS:
        np.testing.assert_allclose(history[key], expected_history[key], rtol=1e-4)
    for weight, expected in zip(model.get_weights(), expected_weights, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


def audio_networks():
    generator = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(64),
            layers.Reshape((64, 1)),
            layers.Conv1D(1, 3, padding="same"),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input((64, 1)), layers.Conv1D(4, 5, strides=4), layers.Flatten(), layers.Dense(1)]
    )
    return generator, discriminator


def patch_networks():
    """One logit for each quarter of the sample."""
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(8), layers.Reshape((8, 1))])
    discriminator = keras.Sequential(
        [keras.Input((8, 1)), layers.Conv1D(1, 2, strides=2), layers.Flatten()]
    )
    return generator, discriminator


@pytest.mark.parametrize(
    ("networks", "shape", "logits"),
    [(audio_networks, (64, 1), 1), (patch_networks, (8, 1), 4)],
    ids=["audio", "patches"],
)
def test_data_of_any_shape_trains(networks, shape, logits):
    generator, discriminator = networks()
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=3, seed=0)
    model.compile(gradient_penalty=1.0, r1_penalty=1.0)
    data = normal(16, *shape)
    before = values(model.trainable_variables)
    history = model.fit(data, validation_data=data, **FIT).history
    assert all(moved(before, model.trainable_variables))
    assert np.isfinite([history[key] for key in history]).all()
    assert discriminator(data).shape == (16, logits)
    assert model.generate(5, seed=0).shape == (5, *shape)


# ------------------------------------------------------------------- history and evaluation


def test_history_is_the_mean_over_the_epoch():
    by_fit, by_hand = point_model(), point_model()
    history = by_fit.fit(POINTS, epochs=2, **FIT).history
    for epoch in range(2):
        logs = [by_hand.train_on_batch(b, return_dict=True) for b in np.split(POINTS, 4)]
        for key in KEYS:
            mean = np.mean([log[key] for log in logs])
            assert history[key][epoch] == pytest.approx(mean, abs=1e-5)


def test_evaluate_reports_and_changes_nothing():
    model = point_model(FixedLatents, average_decay=0.9)
    model.fit(POINTS, **FIT)
    variables = model.generator.variables + model.discriminator.variables
    variables += model.average_generator.variables + model.optimizer.variables
    before = values(variables)
    first, second = (
        model.evaluate(POINTS[:8], batch_size=8, verbose=0, return_dict=True) for _ in range(2)
    )
    assert not any(moved(before, variables))
    assert set(first) == KEYS
    assert first == second
    fake = model.generator(normal(64, 3, seed=9)[:8], training=False)
    logits = [ops.convert_to_numpy(model.discriminator(x)) for x in (POINTS[:8], fake)]
    loss = np.mean(np.logaddexp(0, -logits[0])) + np.mean(np.logaddexp(0, logits[1]))
    assert first["discriminator_loss"] == pytest.approx(loss, abs=1e-5)
    loss = np.mean(np.logaddexp(0, -logits[1]))
    assert first["generator_loss"] == pytest.approx(loss, abs=1e-5)
    assert first["real_accuracy"] == np.mean(logits[0] > 0)
    assert first["fake_accuracy"] == np.mean(logits[1] <= 0)


@pytest.mark.parametrize("of_instance", [False, True])
def test_logs_are_waited_for_only_if_a_callback_reads_them(of_instance):
    class Reading(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs)

    seen, histories, read = [], [], []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs))
    for callbacks in ([], [watch if of_instance else Reading()]):
        model, returned = point_model(FixedLatents), []
        model.make_train_function()
        take_step = model.train_function

        def spy(*args, take_step=take_step, returned=returned):
            results = take_step(*args)
            returned.append(results[0] if isinstance(results, tuple) else results)
            return results

        model.train_function = spy
        histories.append(model.fit(POINTS, callbacks=callbacks, **FIT).history)
        read.append({bool(logs) for logs in returned})
    assert read == [{False}, {True}]
    assert histories[0] == histories[1]
    assert {type(value) for logs in seen for value in logs.values()} == {float}
    assert {frozenset(logs) for logs in seen} == {frozenset(histories[0])}


class Sampling(keras.callbacks.Callback):
    """Looks at samples while an epoch is under way."""

    def __init__(self):
        super().__init__()
        self.samples = []

    def on_train_batch_end(self, batch, logs=None):
        self.samples.append(self.model.generate(2, seed=0))


def test_validation_and_sampling_in_mid_epoch_do_not_disturb_training():
    looked_at, left_alone = point_model(FixedLatents), point_model(FixedLatents)
    sampling = Sampling()
    history = looked_at.fit(
        POINTS, validation_data=POINTS[:8], epochs=2, callbacks=[sampling], **FIT
    ).history
    expected = left_alone.fit(POINTS, epochs=2, **FIT).history
    assert set(history) == {*KEYS, "skipped_steps"} | {f"val_{key}" for key in KEYS}
    for key in KEYS:
        np.testing.assert_allclose(history[key], expected[key], rtol=1e-5)
    assert len(sampling.samples) == 8
    for earlier, later in zip(sampling.samples, sampling.samples[1:], strict=False):
        assert not np.array_equal(earlier, later)
    np.testing.assert_array_equal(sampling.samples[-1], looked_at.generate(2, seed=0))


# --------------------------------------------------------------------- compilation, precision


def fit_losses(points=POINTS, **settings):
    history = point_model(FixedLatents, **settings).fit(points, epochs=2, **FIT).history
    return [history[key] for key in sorted(KEYS)]


@no_torch
def test_several_steps_per_execution_train_alike():
    # 32 points make 4 batches of 8; with 3 steps at once the last round is an odd one.
    np.testing.assert_allclose(fit_losses(steps_per_execution=3), fit_losses(), rtol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="the limit is torch's")
def test_several_steps_per_execution_are_refused_on_torch():
    with pytest.raises(ValueError, match="`steps_per_execution` must be 1"):
        point_model(steps_per_execution=2).fit(POINTS, **FIT)


# On torch it wraps the step in `torch.compile`, which takes half a minute or more.
SLOW_ON_TORCH = [pytest.mark.slow] if BACKEND == "torch" else []


# Both come from within torch's compiler: from its import, and from its look at every tensor.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("jit_compile", [pytest.param(True, marks=SLOW_ON_TORCH)])
def test_jit_compilation_changes_no_loss(jit_compile):
    compiled, plain = (fit_losses(POINTS[:8], jit_compile=value) for value in (jit_compile, False))
    np.testing.assert_allclose(compiled, plain, rtol=1e-4)


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
def test_mixed_precision_trains_float32_variables(policy):
    model = image_model(
        generator_optimizer=adam(),
        discriminator_optimizer=adam(),
        gradient_penalty=1.0,
        r1_penalty=1.0,
        average_decay=0.9,
    )
    before = values(model.trainable_variables)
    images = make_images(24)
    history = model.fit(images, validation_data=images, epochs=2, **FIT).history
    assert np.isfinite([history[key] for key in history]).all()
    assert all(moved(before, model.trainable_variables))
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model.generator.layers[0].compute_dtype == policy.removeprefix("mixed_")
    assert model.generate(3, seed=0).dtype == np.uint8
    scaled = [
        isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        for optimizer in (
            model.optimizer.generator_optimizer,
            model.optimizer.discriminator_optimizer,
        )
    ]
    assert scaled == [policy == "mixed_float16"] * 2


@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_an_overflow_skips_the_update_and_halves_the_scale(policy):
    model = point_model(
        generator_optimizer=keras.optimizers.LossScaleOptimizer(adam()),
        discriminator_optimizer=keras.optimizers.LossScaleOptimizer(adam()),
        loss="wasserstein",  # whose gradient by the logits never vanishes
    )
    pair = model.optimizer
    optimizers = [pair.generator_optimizer, pair.discriminator_optimizer]
    slots = [v for optimizer in optimizers for v in optimizer.inner_optimizer.variables]
    variables = model.trainable_variables + slots
    model.train_on_batch(POINTS[:8])
    # 2^126 / 8 times 1e4 is infinite even where a compiler keeps float16 values in float32.
    kernel = model.discriminator.layers[-1].kernel
    small = values([kernel])[0]
    kernel.assign(np.full_like(small, 1e4))
    for optimizer in optimizers:
        optimizer.dynamic_scale.assign(2.0**126)
    before = values(variables)
    model.train_on_batch(POINTS[:8])
    assert not any(moved(before, variables))
    assert [float(optimizer.dynamic_scale) for optimizer in optimizers] == [2.0**125] * 2
    assert all(np.isfinite(value).all() for value in values(model.variables))
    # And it goes on as if nothing had been.
    kernel.assign(small)
    for optimizer in optimizers:
        optimizer.dynamic_scale.assign(2.0**10)
    before = values(model.generator.trainable_variables)
    model.train_on_batch(POINTS[:8])
    assert all(moved(before, model.generator.trainable_variables))
    assert [int(optimizer.iterations) for optimizer in optimizers] == [2, 2]


# --------------------------------------------------------------------------------- schedules


def test_each_optimizer_follows_its_own_schedule():
    def piecewise(first, then):
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [first, then])
        return keras.optimizers.SGD(schedule)  # the first rate for the updates 0 and 1

    model = point_model(
        generator_optimizer=piecewise(0.1, 0.0), discriminator_optimizer=piecewise(0.0, 0.1)
    )
    trained = []
    for _ in range(4):
        networks = model.generator, model.discriminator
        before = [values(network.trainable_variables) for network in networks]
        model.train_on_batch(POINTS[:8])
        pairs = zip(before, networks, strict=True)
        trained.append([any(moved(old, n.trainable_variables)) for old, n in pairs])
    assert trained == [[True, False], [True, False], [False, True], [False, True]]


# ------------------------------------------------------------------------------------ saving


def continue_training(model):
    return [model.train_on_batch(batch) for batch in np.split(POINTS, 4)]


SETTINGS = {
    "loss": "hinge",
    "discriminator_steps": 2,
    "gradient_penalty": 0.5,
    "r1_penalty": 0.25,
    "average_decay": 0.9,
}


def test_saved_weights_continue_where_training_stood(tmp_path):
    model = point_model(FixedLatents, average_decay=0.9)
    model.fit(POINTS, **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    optimizer = values(model.optimizer.variables)
    expected = continue_training(model)
    other = FixedLatents(*point_networks(), latent_dim=3)
    other.compile(adam(), adam(), average_decay=0.9)
    other.load_weights(tmp_path / "model.weights.h5")
    # Steps, rate, and two moments for each of 6 and of 4 variables.
    assert len(optimizer) == 2 * 2 + 2 * (6 + 4)
    assert not any(moved(optimizer, other.optimizer.variables))
    np.testing.assert_allclose(continue_training(other), expected, rtol=1e-6)
    latents = normal(4, 3)
    np.testing.assert_allclose(
        other.generate(latents=latents), model.generate(latents=latents), atol=1e-6
    )


def test_keras_file_brings_back_networks_settings_and_training_state(tmp_path):
    model = point_model(
        FixedLatents,
        generator_optimizer=keras.optimizers.Adam(1e-2, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.RMSprop(2e-2),
        loss=zoo.losses.NonSaturating(real_label=0.9),
        r1_penalty=0.25,
        average_decay=0.9,
    )
    model.fit(POINTS, **FIT)
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(other, FixedLatents)
    assert other.get_compile_config() == model.get_compile_config()
    assert isinstance(other.optimizer.discriminator_optimizer, keras.optimizers.RMSprop)
    assert other.optimizer.generator_optimizer.beta_1 == 0.5
    assert rates(other) == pytest.approx([1e-2, 2e-2])
    assert other.setup.loss.real_label == 0.9
    assert other.setup.average_decay == 0.9
    latents = normal(4, 3)
    samples = model.generate(latents=latents)
    np.testing.assert_allclose(other.generate(latents=latents), samples, atol=1e-6)
    np.testing.assert_allclose(continue_training(other), continue_training(model), rtol=1e-5)


def test_keras_file_goes_on_drawing_where_the_model_stopped(tmp_path):
    model = point_model()
    model.fit(POINTS, **FIT)
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(other.draw_latents(4)), array(model.draw_latents(4)))


def test_neighboring_seeds_draw_latents_of_their_own():
    models = [zoo.AdversarialModel(*point_networks(), latent_dim=3, seed=seed) for seed in range(3)]
    drawn = {array(model.draw_latents(1)).tobytes() for model in models for _ in range(4)}
    assert len(drawn) == 12


def test_keras_file_of_a_dcgan(tmp_path):
    model = zoo.DCGAN((16, 16, 1), latent_dim=3, base_filters=2, kernel_size=3, seed=0)
    model.compile(adam(), adam(), **SETTINGS)
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(other, zoo.DCGAN)
    assert other.get_config() == model.get_config()
    assert other.get_compile_config() == model.get_compile_config()
    np.testing.assert_array_equal(other.generate(3, seed=0), model.generate(3, seed=0))


def test_keras_file_of_a_model_that_was_not_compiled(tmp_path):
    model = zoo.AdversarialModel(*point_networks(), latent_dim=3)
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(other.generate(3, seed=0), model.generate(3, seed=0), atol=1e-6)


def test_compiling_again_keeps_the_weights_and_makes_no_second_average():
    model = point_model(average_decay=0.9)
    weights, variables = model.generator.get_weights(), len(model.variables)
    model.compile()
    model.compile(average_decay=0.9)
    assert len(model.variables) == variables
    for weight, expected in zip(model.generator.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
