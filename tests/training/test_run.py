"""A training run: its files, its record, and what a recipe compiles to."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from tests.helpers import array
from zoo.errors import CheckpointError, InvalidInputError, WeightsMismatchError
from zoo.hub import registry
from zoo.hub.cards import ModelCard
from zoo.training import run

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), "uint8")


@pytest.fixture
def spec(own_registry):
    """A registered model that trains in a moment."""

    @zoo.register(
        "squares",
        config={"image_shape": (8, 8, 1), "hidden_units": (8, 8), "latent_dim": 4},
        recipe={"epochs": 2, "batch_size": 16, "average_decay": 0.9, "schedule": "cosine"},
    )
    def squares(**config):
        return zoo.VanillaGAN(**config)

    return registry.find("squares")


def test_a_run_leaves_weights_card_and_pictures(spec, tmp_path):
    card = zoo.train("squares", IMAGES, tmp_path / "run")
    files = {path.relative_to(tmp_path / "run").as_posix() for path in tmp_path.rglob("*.*")}
    # Its own can be too soon after the start of such a short run.
    assert sorted(files - {"checkpoints/epoch_0001.checkpoint.h5"}) == [
        "checkpoints/epoch_0002.checkpoint.h5",
        "history.csv",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
        "squares.json",
        "squares.png",
        "squares.weights.h5",
    ]
    assert ModelCard.read(tmp_path / "run" / "squares.json") == card
    assert card.recipe == dataclasses.asdict(spec.recipe)
    assert (card.training["images"], card.training["epochs"]) == (40, 2)
    assert "phases" not in card.training
    assert card.training["backend"].startswith(keras.backend.backend())
    assert card.missing_for_release() == [
        "license",
        "dataset",
        "dataset_license",
        "metrics",
        "limits",
    ]
    assert card.parameters["generator"] > card.parameters["discriminator"] > 0


def test_what_ships_is_a_float32_model_that_draws_what_the_picture_shows(spec, tmp_path):
    run.train(spec.with_recipe(precision="mixed_bfloat16"), IMAGES, tmp_path)
    assert keras.config.dtype_policy().name == "float32"
    model = zoo.load("squares", weights=tmp_path / "squares.weights.h5")
    assert {variable.dtype for variable in model.generator.variables} == {"float32"}
    from PIL import Image

    from zoo.images.grids import make_grid

    with Image.open(tmp_path / "squares.png") as picture:
        shown = np.asarray(picture)
    scale = shown.shape[0] // make_grid(model.generate(64, seed=0)).shape[0]
    drawn = make_grid(model.generate(64, seed=0))[..., 0]
    np.testing.assert_allclose(shown[::scale, ::scale].astype(int), drawn.astype(int), atol=1)


def test_the_same_seed_gives_the_same_weights(spec, tmp_path):
    first, second, other = (
        run.train(changed, IMAGES, tmp_path / str(index)).sha256
        for index, changed in enumerate([spec, spec, spec.with_recipe(seed=1)])
    )
    assert first == second != other


def test_a_run_can_start_from_weights(spec, tmp_path):
    start = run.train(spec, IMAGES, tmp_path / "first")
    still = spec.with_recipe(epochs=1, generator_rate=0.0, average_decay=None, schedule="constant")
    weights = tmp_path / "first" / "squares.weights.h5"
    card = run.train(still, IMAGES, tmp_path / "second", initial_weights=weights)
    assert card.training["initial_weights_sha256"] == start.sha256
    kernels = [
        zoo.load("squares", weights=tmp_path / run / "squares.weights.h5")
        .generator.layers[0]
        .kernel
        for run in ("first", "second")
    ]
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, kernels))


def test_weights_of_another_model_are_refused_before_training(spec, tmp_path):
    run.train(spec, IMAGES, tmp_path / "first")
    wide = dataclasses.replace(spec, config={**spec.config, "hidden_units": (16,)})
    with pytest.raises(WeightsMismatchError):
        run.train(wide, IMAGES, tmp_path / "out", (), tmp_path / "first" / "squares.weights.h5")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("images", [IMAGES[:, :4], IMAGES[:0], IMAGES[..., 0]])
def test_images_of_another_shape_are_refused_before_anything_is_written(spec, tmp_path, images):
    with pytest.raises(InvalidInputError):
        run.train(spec, images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes", [{"precision": "half"}, {"schedule": "stairs"}, {"loss": "hing"}]
)
def test_what_a_recipe_can_not_hold_is_named(spec, tmp_path, changes):
    with pytest.raises(InvalidInputError, match=repr(*changes.values())):
        run.train(spec.with_recipe(**changes), IMAGES, tmp_path)
    assert keras.config.dtype_policy().name == "float32"


def test_a_recipe_in_two_phases_trains_both(spec, tmp_path):
    first = dataclasses.replace(spec.recipe, epochs=1, schedule_epochs=4, seed=3)
    rates = {"generator_rate": 0.0, "discriminator_rate": 0.0}
    both = spec.with_recipe(previous=first, epochs=1, batch_size=8, **rates)
    card = run.train(both, IMAGES, tmp_path)
    before = ModelCard.read(tmp_path / "first" / "squares.json")
    assert card.training["initial_weights_sha256"] == before.sha256
    assert registry.Recipe.from_dict(card.recipe) == both.recipe
    assert before.recipe == dataclasses.asdict(first)
    # The card of the result speaks of the whole run.
    phases = card.training["phases"]
    assert [phase["epochs"] for phase in phases] == [1, 1]
    assert [phase["batch_size"] for phase in phases] == [16, 8]
    assert all(phase["images_per_second"] > 0 for phase in phases)
    assert card.training["epochs"] == 2
    assert card.training["seconds"] == sum(phase["seconds"] for phase in phases)
    one, other = (
        zoo.load("squares", weights=folder / "squares.weights.h5")
        for folder in (tmp_path, tmp_path / "first")
    )
    # Rates of zero leave the weights of the first phase.
    for a, b in zip(one.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_phases_add_up_whatever_the_previous_card_records():
    phase = {"epochs": 2, "batch_size": 16, "seconds": 10, "images_per_second": 8}
    recipe = registry.Recipe(epochs=3, batch_size=4)
    # Cards of earlier versions have no phases, and the batch size in the recipe only.
    card = ModelCard("squares", "squares", {}, recipe=dataclasses.asdict(recipe), training=phase)
    assert run._phases_of(card) == [{**phase}]
    del phase["batch_size"]
    assert run._phases_of(card)[0]["batch_size"] == 4
    phases = [{**phase, "batch_size": 16}, {**phase, "epochs": 5, "seconds": 30}]
    record = run._record(recipe, 40, phases, "")
    assert (record["epochs"], record["seconds"], record["images_per_second"]) == (7, 40, 7)
    assert record["phases"] == phases
    card = dataclasses.replace(card, training=record)
    assert run._phases_of(card) == phases


def test_given_weights_take_the_place_of_a_first_phase(spec, tmp_path):
    run.train(spec, IMAGES, tmp_path / "before")
    both = spec.with_recipe(previous=spec.recipe)
    weights = tmp_path / "before" / "squares.weights.h5"
    card = run.train(both, IMAGES, tmp_path / "run", initial_weights=weights)
    assert "phases" not in card.training
    assert not (tmp_path / "run" / "first").exists()


@pytest.mark.parametrize(("schedule_epochs", "share"), [(None, 0.02), (4, 0.51)])
def test_a_longer_schedule_ends_before_its_rates_do(spec, tmp_path, schedule_epochs, share):
    class Rate(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.last = float(self.model.optimizer.generator_optimizer.learning_rate)

    rate = Rate()
    spec = spec.with_recipe(epochs=2, schedule_epochs=schedule_epochs)
    run.train(spec, IMAGES, tmp_path, [rate])
    assert rate.last == pytest.approx(share * spec.recipe.generator_rate, rel=1e-3)


def test_a_blend_lies_between_two_phases(spec, tmp_path):
    start = tmp_path / "start" / "squares.weights.h5"
    run.train(spec, IMAGES, tmp_path / "start")

    def generator(blend):
        folder = tmp_path / str(blend)
        fast = spec.with_recipe(blend=blend, generator_rate=0.02)
        run.train(fast, IMAGES, folder, initial_weights=start)
        return zoo.load("squares", weights=folder / "squares.weights.h5").generator

    before = zoo.load("squares", weights=start).generator.get_weights()
    whole, half = (generator(blend).get_weights() for blend in (1.0, 0.5))
    for old, new, mixed in zip(before, whole, half, strict=True):
        if old.ndim > 1:  # statistics of batches are measured anew
            assert np.abs(new - old).max() > 1e-3
            np.testing.assert_allclose(mixed, (old + new) / 2, atol=2e-3)


# ------------------------------------------------------------------------------------- going on


class Interrupt(keras.callbacks.Callback):
    """Stops a run in the middle, as Ctrl-C does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("phases", [1, 2])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(spec, tmp_path, phases):
    spec = spec.with_recipe(epochs=3)
    if phases == 2:
        spec = spec.with_recipe(previous=dataclasses.replace(spec.recipe, epochs=2), blend=0.5)
    whole = run.train(spec, IMAGES, tmp_path / "whole")
    out = tmp_path / "parts"
    for stop in (0, 1, 2):
        # What was done in an epoch without a checkpoint is done again.
        with pytest.raises(KeyboardInterrupt):
            run.train(spec, IMAGES, out, [Interrupt(stop)], resume=True)
        if phases == 2 and stop == 1:
            run.train(
                dataclasses.replace(spec, recipe=spec.recipe.previous),
                IMAGES,
                out / "first",
                resume=True,
            )
        # What there is so far can be drawn from.
        zoo.load(out if (out / "squares.weights.h5").exists() else out / "first")
    assert run.train(spec, IMAGES, out, resume=True).sha256 == whole.sha256
    assert run.train(spec, IMAGES, out, resume=True).sha256 == whole.sha256
    for path in ["history.csv", "first/history.csv"][:phases]:
        assert (out / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()


def test_other_images_or_another_recipe_are_refused_by_name(spec, tmp_path):
    run.train(spec, IMAGES, tmp_path)
    with pytest.raises(CheckpointError, match=r"recipe\.generator_rate: 0\.0002 then, 0\.1 now"):
        run.train(spec.with_recipe(generator_rate=0.1), IMAGES, tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"has done 2 epochs.*Received: epochs=1"):
        run.train(spec.with_recipe(epochs=1), IMAGES, tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="data: "):
        run.train(spec, 255 - IMAGES, tmp_path, resume=True)


def test_a_run_at_constant_rates_can_be_made_longer(spec, tmp_path):
    spec = spec.with_recipe(schedule="constant")
    run.train(spec, IMAGES, tmp_path / "parts")
    longer = spec.with_recipe(epochs=3)
    card = run.train(longer, IMAGES, tmp_path / "parts", resume=True)
    assert card.sha256 == run.train(longer, IMAGES, tmp_path / "whole").sha256


class Rates(keras.callbacks.Callback):
    """Keeps the generator's rate after every epoch."""

    def __init__(self):
        super().__init__()
        self.rates = {}

    def on_epoch_end(self, epoch, logs=None):
        self.rates[epoch + 1] = float(self.model.optimizer.generator_optimizer.learning_rate)


def test_rates_of_a_longer_run_fall_as_if_it_had_been_that_long(spec, tmp_path):
    rates, whole = Rates(), Rates()
    run.train(spec, IMAGES, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "parts")
    longer = spec.with_recipe(epochs=5)
    card = run.train(longer, IMAGES, tmp_path / "run", [rates], resume=True)
    run.train(longer, IMAGES, tmp_path / "whole", [whole])
    assert [*rates.rates] == [3, 4, 5]
    assert rates.rates.items() <= whole.rates.items()
    assert (card.recipe["epochs"], card.training["first_epochs"]) == (5, 2)
    # Also if the longer run is interrupted, and made longer still.
    for stop in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            run.train(longer, IMAGES, tmp_path / "parts", [Interrupt(stop)], resume=True)
    parts = run.train(longer, IMAGES, tmp_path / "parts", resume=True)
    assert (parts.sha256, parts.training["first_epochs"]) == (card.sha256, 2)
    assert run.train(spec.with_recipe(epochs=6), IMAGES, tmp_path / "run", resume=True).sha256


def test_the_card_claims_only_what_is_known_of_the_images(own_registry, tmp_path):
    config = {"image_shape": (8, 8, 1), "hidden_units": (4,), "latent_dim": 4}
    for name, dataset in {"digits": "mnist", "squares": "squares"}.items():
        zoo.register(
            name,
            config=config,
            dataset=dataset,
            recipe={"epochs": 1},
            description="Draws them.",
            limits="Nothing else.",
        )(zoo.VanillaGAN)

    def described(name, **options):
        out = tmp_path / f"{name}{len(list(tmp_path.iterdir()))}"
        card = zoo.train(name, IMAGES, out, **options)
        assert card == zoo.info(out)
        return card.dataset, card.description, card.limits

    assert described("digits") == described("squares", dataset="") == ("", "", "")
    assert described("digits", dataset="mnist") == ("mnist", "Draws them.", "Nothing else.")
    assert described("squares") == ("squares", "Draws them.", "Nothing else.")


def test_a_run_is_never_trained_into_another(spec, tmp_path):
    run.train(spec, IMAGES, tmp_path)
    with pytest.raises(CheckpointError, match="resume=True"):
        run.train(spec, IMAGES, tmp_path)


def test_images_are_augmented_on_their_way_to_the_step(spec, tmp_path):
    def darken(images, rng):
        seen.append(images.shape)
        return images // 2 + rng.integers(0, 2, images.shape, "uint8")

    seen = []
    run.train(spec, IMAGES, tmp_path / "plain")
    card = run.train(spec, IMAGES, tmp_path / "dark", augment=darken)
    assert {shape[1:] for shape in seen} == {(8, 8, 1)}
    assert card.sha256 != ModelCard.read(tmp_path / "plain" / "squares.json").sha256
    again = run.train(spec, IMAGES, tmp_path / "again", augment=darken)
    assert again.sha256 == card.sha256


def nested(momentum):
    """A generator whose normalization is Keras' own, in a network within the network."""
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, bias_initializer="ones"),
            keras.layers.BatchNormalization(momentum=momentum),
            keras.layers.Dropout(0.5),
        ]
    )
    return keras.Sequential([inner, keras.layers.Dense(2)])


@pytest.mark.parametrize("momentum", [0.9, 0.99])
@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_batch_statistics_are_those_of_the_weights(momentum, average_decay):
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = zoo.AdversarialModel(nested(momentum), discriminator, latent_dim=4, seed=0)
    model.compile(average_decay=average_decay)
    network = model.sampling_network()
    dense, normalization, _ = network.layers[0].layers
    normalization.moving_mean.assign(np.full(6, 50.0, "float32"))
    before = network.get_weights()
    flags = [layer.trainable for layer in network._flatten_layers()]
    run.refresh_batch_statistics(model)
    values = array(dense(model.sample_latent(20_000, seed=5)))
    error = (array(normalization.moving_mean) - values.mean(axis=0)) / values.std(axis=0)
    assert np.abs(error).max() < 0.03
    np.testing.assert_allclose(array(normalization.moving_variance), values.var(axis=0), rtol=0.05)
    assert flags == [layer.trainable for layer in network._flatten_layers()]
    assert normalization.momentum == momentum
    moved = [not np.array_equal(*pair) for pair in zip(before, network.get_weights(), strict=True)]
    assert sum(moved) == 2  # the mean and the variance


def test_frozen_statistics_stay():
    network = nested(0.9)
    network.layers[0].layers[1].trainable = False
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = zoo.AdversarialModel(network, discriminator, latent_dim=4, seed=0)
    before = network.get_weights()
    run.refresh_batch_statistics(model)
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def pictures(tmp_path):
    for index, image in enumerate(IMAGES):
        path = tmp_path / "pictures" / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return tmp_path / "pictures"


def test_a_stream_trains_as_its_array_and_resumes_bit_identical(spec, pictures, tmp_path):
    pytest.importorskip("grain")

    def stream():
        return zoo.datasets.stream(pictures, (8, 8, 1))

    spec = spec.with_recipe(epochs=4)
    whole = run.train(spec, IMAGES, tmp_path / "arrays")
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            run.train(spec, stream(), tmp_path / "parts", [Interrupt(stop)], resume=True)
    parts = run.train(spec, stream(), tmp_path / "parts", resume=True)
    assert parts.sha256 == whole.sha256
    assert parts.training["images"] == len(IMAGES)
    assert parts.training["data_names_and_sizes_sha256"] == stream().digest()
    (pictures / "00.png").unlink()
    with pytest.raises(CheckpointError, match="data"):
        run.train(spec.with_recipe(epochs=5), stream(), tmp_path / "parts", resume=True)
