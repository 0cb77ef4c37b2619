"""The inpainting GAN: its networks, what its step minimizes, and what training does."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from tests.tiny import set_weights, training_images
from zoo import masks
from zoo.adversarial.step import Batch, evaluation_step, generate
from zoo.errors import InvalidInputError
from zoo.layers.spectral import Normalizations
from zoo.models.inpainting_loss import features

CONFIG = {"image_shape": (16, 16, 3), "base_filters": 4, "halvings": 2, "dilations": (1, 2)}


@pytest.fixture
def model():
    model = zoo.InpaintingGAN(**CONFIG, seed=0)
    set_weights(model)
    return model


@pytest.fixture
def batch(model):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype("float32")
    holes = masks.draw("free_form", 4, (16, 16), seed=0)[..., None].astype("float32")
    return Batch(ops.convert_to_tensor(images), ops.convert_to_tensor(holes))


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


# ------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"first_guess": False},
        {"gated": False},
        {"skip_connections": False},
        {"spectral_norm": False},
        {"dilations": ()},
        {"halvings": 3},
        {"image_shape": (24, 16, 1)},
    ],
    ids=str,
)
def test_shapes_and_configuration(changes):
    model = zoo.InpaintingGAN(**{**CONFIG, **changes}, seed=0)
    height, width, channels = model.image_shape
    images = training_images(model, 2).astype("float32") / 127.5 - 1
    holes = np.zeros((2, height, width, 1), "float32")
    assert model.generator([images, holes]).shape == (2, height, width, channels)
    logits = model.discriminator([images, holes])
    assert logits.shape[0] == 2
    assert logits.shape[1] > 1  # patches
    assert logits.shape[3] == 1
    copy = zoo.InpaintingGAN.from_config(model.get_config())
    for one, other in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # the seed is in the configuration


@pytest.mark.parametrize("first_guess", [True, False])
def test_what_lies_in_a_hole_has_no_influence(batch, first_guess):
    model = zoo.InpaintingGAN(**CONFIG, first_guess=first_guess, seed=0)
    other = np.where(numpy(batch.condition) > 0.5, np.float32(0.7), numpy(batch.real))
    first = numpy(model.generator([batch.real, batch.condition]))
    second = model.generator([ops.convert_to_tensor(other), batch.condition])
    np.testing.assert_array_equal(first, numpy(second))


def test_the_bottleneck_sees_across_a_hole():
    model = zoo.InpaintingGAN(image_shape=(64, 64, 1), base_filters=4, seed=0)
    holes = np.zeros((1, 64, 64, 1), "float32")
    images = np.zeros((1, 64, 64, 1), "float32")
    changed = images.copy()
    changed[0, 32, 0] = 1.0
    moved = numpy(model.generator([changed, holes])) - numpy(model.generator([images, holes]))
    assert np.abs(moved[0, 32, 40:]).max() > 0


def test_what_the_discriminator_sees_is_the_image_with_only_its_hole_replaced(model, batch):
    fake = generate(model, batch)
    shown, known = numpy(model.composite(fake, batch)), numpy(batch.condition)[..., 0] < 0.5
    np.testing.assert_allclose(shown[known], numpy(batch.real)[known], atol=1e-6)
    np.testing.assert_allclose(shown[~known], numpy(fake)[~known], atol=1e-6)
    completed = numpy(model([batch.real, batch.condition]))
    np.testing.assert_allclose(completed[known], numpy(batch.real)[known], atol=1e-6)


# ----------------------------------------------------------------------- loss


@pytest.mark.parametrize(("kind", "power"), [("l1", 1), ("l2", 2)])
def test_the_reconstruction_is_a_mean_over_missing_and_over_known_values(model, batch, kind, power):
    model.compile(reconstruction=kind, hole_weight=2.0, known_weight=0.5, adversarial_weight=0.0)
    fake = generate(model, batch)
    loss, extras = model.generator_loss(fake, batch, adversarial_loss=None)
    error = np.abs(numpy(fake) - numpy(batch.real)) ** power
    missing = numpy(batch.condition)[..., 0] > 0.5
    in_hole = error[missing].mean()
    np.testing.assert_allclose(numpy(extras["reconstruction_loss"]), in_hole, rtol=1e-4)
    expected = 2.0 * in_hole + 0.5 * error[~missing].mean()
    np.testing.assert_allclose(numpy(loss), expected, rtol=1e-4)


def test_the_adversarial_part_is_the_loss_on_patches_of_the_completed_image(model, batch):
    model.compile(hole_weight=0.0, known_weight=0.0, adversarial_weight=0.3)
    fake = model.composite(generate(model, batch), batch)
    logits = model.discriminator([fake, batch.condition], training=False)
    loss = evaluation_step(model, batch)["generator_loss"]
    np.testing.assert_allclose(numpy(loss), -0.3 * numpy(logits).mean(), rtol=1e-4)


def test_features_match_exactly_where_the_image_does(model, batch):
    model.compile(hole_weight=0.0, known_weight=0.0, adversarial_weight=0.0, feature_weight=1.0)
    loss, _ = model.generator_loss(batch.real, batch, None, training=False)
    assert numpy(loss) == 0.0
    loss, _ = model.generator_loss(generate(model, batch), batch, None, training=False)
    assert numpy(loss) > 0.0


def test_features_are_those_the_logits_come_from(model, batch):
    hidden = features(model.discriminator, batch.real, batch.condition, training=False)
    assert len(hidden) == 3
    logits = model.discriminator.layers[-1](hidden[-1])
    expected = model.discriminator([batch.real, batch.condition], training=False)
    np.testing.assert_allclose(numpy(logits), numpy(expected), atol=1e-5)


# ------------------------------------------------------------------- training


def test_training_learns_to_fill_stripes():
    """Rows of one color: the hole's are seen beside it."""
    rows = np.random.default_rng(0).integers(0, 256, (256, 16, 1, 3), "uint8")
    images = rows.repeat(16, axis=2)
    model = zoo.InpaintingGAN(**{**CONFIG, "base_filters": 8}, seed=0)
    model.compile(
        keras.optimizers.Adam(3e-3, beta_1=0.5),
        keras.optimizers.Adam(1e-3, beta_1=0.5),
        masks="center_square",
        feature_weight=0.1,
        average_decay=0.9,
        flip=True,
        zoom=2.0,
    )
    holes = masks.draw("center_square", len(images), (16, 16))

    def error():
        return np.abs(model.inpaint(images, holes).astype(int) - images)[holes].mean()

    before = error()
    history = model.fit(images, batch_size=32, epochs=6, verbose=0).history
    assert error() < 0.85 * before
    assert np.isfinite(list(history.values())).all()
    assert set(history) == {
        "discriminator_loss",
        "generator_loss",
        "real_accuracy",
        "fake_accuracy",
        "reconstruction_loss",
        "diversity",
        "skipped_steps",
    }
    scores = model.evaluate(images, batch_size=32, verbose=0, return_dict=True)
    assert scores["reconstruction_loss"] < history["reconstruction_loss"][0]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32"])
@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_masks_that_come_along_are_used_and_go_with_their_images(model, dtype, channel, flip):
    model.compile(masks="center_square", flip=flip)
    images = training_images(model, 32) // 2
    holes = masks.draw("rectangles", 32, (16, 16), seed=0)
    images[holes] = 255  # each mask marks what is white
    given = holes[..., None] if channel else holes
    given = given.astype(dtype) * (255 if dtype == "uint8" else 1)
    model.check_arrays(images, given)
    batch = model.prepare_batch((ops.convert_to_tensor(images), ops.convert_to_tensor(given)))
    missing = numpy(batch.condition)
    np.testing.assert_array_equal(numpy(batch.real).min(axis=-1, keepdims=True) == 1.0, missing)
    assert (missing[..., 0] != holes).any() == flip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (np.arange(4), r"masks.*\(batch, 16, 16\).*shape \(4,\)"),
        (np.zeros((16, 16), bool), "np.broadcast_to"),
        (np.zeros((4, 16, 16, 3), bool), "16, 16, 3"),
        (np.full((4, 16, 16), 7, "uint8"), "255 where it is missing"),
        (np.full((4, 16, 16), 0.5), "must be bool"),
    ],
)
def test_what_is_no_mask_is_refused(model, given, reason):
    model.compile()
    with pytest.raises(InvalidInputError, match=reason):
        model.fit(training_images(model, 4), given, verbose=0)


def test_each_batch_gets_masks_of_its_own(model):
    model.compile(masks="free_form")
    images = ops.convert_to_tensor(training_images(model, 4))
    first, second = (numpy(model.prepare_batch((images,)).condition) for _ in range(2))
    assert (first != second).any()


def test_without_the_discriminator_only_the_generator_trains(model):
    model.compile(adversarial_weight=0.0, discriminator_steps=0)
    before = [numpy(v).copy() for v in model.discriminator.trainable_variables]
    history = model.fit(training_images(model, 8), batch_size=4, verbose=0).history
    for one, other in zip(before, model.discriminator.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, numpy(other))
    names = {"generator_loss", "reconstruction_loss", "diversity", "skipped_steps"}
    assert set(history) == names


def test_a_keras_file_brings_model_and_training_back(model, tmp_path):
    model.compile(masks=masks.FreeForm((0.2, 0.4)), adversarial_weight=0.2, flip=True, zoom=2)
    model.fit(training_images(model, 8), batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    images = training_images(model, 3)
    holes = masks.draw("free_form", 3, (16, 16), seed=0)
    np.testing.assert_array_equal(copy.inpaint(images, holes), model.inpaint(images, holes))
    assert copy.masks.coverage == (0.2, 0.4)
    assert copy.inpainting_loss == model.inpainting_loss
    assert (copy.flip, copy.zoom) == (True, 2)
    copy.fit(images, batch_size=3, verbose=0)


@keras.saving.register_keras_serializable("tests")
class LeftHalf(masks.Masks):
    def __init__(self, coverage=(0.4, 0.6)):
        super().__init__(coverage)

    def numbers(self, height, width):
        return 1

    def paint(self, xp, uniforms, height, width):
        columns = xp.arange(width) < width // 2
        return xp.broadcast_to(columns, (xp.shape(uniforms)[0], height, width))


@pytest.mark.parametrize("kind", [LeftHalf(), masks.Mixture([LeftHalf(), "rectangles"])])
def test_user_defined_masks_save_load_and_resume(model, tmp_path, kind):
    images = training_images(model, 4)
    model.compile(masks=kind)
    model.fit(images, verbose=0, callbacks=[zoo.Checkpoint(tmp_path / "run")])
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    assert masks.serialize(copy.masks) == masks.serialize(kind)
    resumed = zoo.Checkpoint(tmp_path / "run")
    copy.compile(masks=copy.masks)
    copy.fit(images, epochs=2, verbose=0, callbacks=[resumed])
    assert resumed.resumed_from["epoch"] == 1


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda m: zoo.InpaintingGAN(image_shape=(18, 16, 3), halvings=2), "multiples of 4"),
        (lambda m: zoo.InpaintingGAN(image_shape=(8, 8, 3), halvings=2), "at least 16"),
        (lambda m: zoo.InpaintingGAN(base_filters=1), "base_filters"),
        (lambda m: zoo.InpaintingGAN(halvings=0), "halvings"),
        (lambda m: zoo.InpaintingGAN(dilations=(1, 0)), "dilations"),
        (lambda m: zoo.InpaintingGAN(dilations=2), "dilations"),
        (lambda m: m.compile(masks="hole"), "masks='hole'"),
        (lambda m: m.compile(reconstruction="l3"), "'l1', 'l2'"),
        (lambda m: m.compile(adversarial_weight=-1), "adversarial_weight"),
        (lambda m: m.compile(zoom=0.5), "`zoom` must be a finite number of at least 1"),
        (lambda m: m.compile(loss="l1"), "`loss` must be one of"),
    ],
)
def test_bad_input_is_told(model, call, reason):
    with pytest.raises(InvalidInputError) as caught:
        call(model)
    assert reason in str(caught.value)


@pytest.mark.parametrize("wrap", [lambda x: {"drawn": x, "guess": x}, lambda x: [x, x]])
@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_network_with_several_outputs_is_refused_before_any_update(model, name, wrap):
    network = getattr(model, name)
    setattr(model, name, keras.Model(network.inputs, wrap(network.output)))
    model.normalizations = Normalizations(model.generator, model.discriminator)
    model.compile(run_eagerly=True)
    before = [numpy(v).copy() for v in model.trainable_variables]
    for call in (model.fit, model.evaluate):
        with pytest.raises(InvalidInputError, match=f"`{name}` must return one tensor.*of 2"):
            call(training_images(model, 4), batch_size=4, verbose=0)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(numpy(variable), old)


def test_images_of_another_shape_are_refused_before_training(model):
    model.compile()
    with pytest.raises(InvalidInputError, match="16, 16, 3"):
        model.fit(np.zeros((4, 20, 16, 3), "uint8"), verbose=0)
