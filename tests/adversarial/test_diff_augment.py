"""DiffAugment against NumPy, its gradients, and who sees it in a step."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from tests.helpers import array
from zoo import backend
from zoo.adversarial import penalties
from zoo.adversarial.diff_augment import DiffAugment, color, cutout, translation
from zoo.checks import POLICIES
from zoo.errors import InvalidInputError

RNG = np.random.default_rng(0)


def images_of(height, width, channels, count=6):
    return RNG.uniform(-1, 1, (count, height, width, channels)).astype("float32")


def draws_of(number, count=6):
    draws = RNG.uniform(0, 1, (number, count, 1)).astype("float32")
    draws[:, 0], draws[:, 1] = 0.0, np.nextafter(np.float32(1), np.float32(0))  # both ends
    return draws


# ------------------------------------------- one image after the other, as the paper's code


def numpy_color(image, brightness, saturation, contrast):
    image = image + (brightness - 0.5)
    gray = image.mean(axis=-1, keepdims=True)
    image = (image - gray) * (saturation * 2) + gray
    return (image - image.mean()) * (contrast + 0.5) + image.mean()


def numpy_translation(image, down, right):
    height, width, _ = image.shape
    moved = np.zeros_like(image)
    shifts = []
    for draw, side in ((down, height), (right, width)):
        largest = int(side * 0.125 + 0.5)
        shifts.append(min(int(draw * (2 * largest + 1)), 2 * largest) - largest)
    for y, x in np.ndindex(height, width):
        before = y - shifts[0], x - shifts[1]
        if 0 <= before[0] < height and 0 <= before[1] < width:
            moved[y, x] = image[before]
    return moved


def numpy_cutout(image, down, right):
    image = image.copy()
    ends = []
    for draw, side in zip((down, right), image.shape[:2], strict=True):
        size = int(side * 0.5 + 0.5)
        places = side + 1 - size % 2
        start = min(int(draw * places), places - 1) - size // 2
        ends.append((max(start, 0), max(start + size, 0)))
    (top, bottom), (left, far) = ends
    image[top:bottom, left:far] = 0.0
    return image


FUNCTIONS = {
    "color": (color, numpy_color, 3),
    "translation": (translation, numpy_translation, 2),
    "cutout": (cutout, numpy_cutout, 2),
}


@pytest.mark.parametrize("shape", [(16, 16, 3), (28, 20, 1), (10, 6, 2)])
@pytest.mark.parametrize("name", POLICIES)
def test_each_image_is_changed_by_its_own_draws_as_in_numpy(name, shape):
    function, reference, number = FUNCTIONS[name]
    images, draws = images_of(*shape), draws_of(number)
    changed = array(function(*map(ops.convert_to_tensor, (images, *draws))))
    for image, given, *own in zip(changed, images, *draws[..., 0], strict=True):
        np.testing.assert_allclose(image, reference(given, *own), atol=2e-6)


def test_a_half_everywhere_changes_nothing():
    images = ops.convert_to_tensor(images_of(16, 16, 3))
    half = ops.full((6, 1), 0.5)
    np.testing.assert_allclose(array(color(images, half, half, half)), array(images), atol=1e-6)
    np.testing.assert_allclose(array(translation(images, half, half)), array(images), atol=1e-6)


def test_half_of_the_side_is_hidden_and_all_shifts_are_as_likely():
    augment = DiffAugment("translation", (16, 16, 1))
    images = np.zeros((4000, 16, 16, 1), "float32")
    images[:, 8, 8] = 1.0
    moved, _ = augment(images, None, keras.random.SeedGenerator(3))
    where = np.argwhere(array(moved)[..., 0] > 0.5)[:, 1:] - 8
    assert where.min() == -2
    assert where.max() == 2
    counts = np.bincount(np.ravel_multi_index((where + 2).T, (5, 5)), minlength=25)
    # 160 each, with a standard deviation of 12.4.
    assert counts.min() > 100
    assert counts.max() < 220
    whole = cutout(ops.ones((1, 16, 16, 1)), ops.full((1, 1), 0.5), ops.full((1, 1), 0.5))
    assert array(whole).sum() == 16 * 16 - 8 * 8


def test_the_middle_of_the_range_is_what_is_seen_of_nothing():
    """And a range of [0, 1] is scaled to that of the paper and back."""
    images = images_of(16, 16, 1)
    for policy in POLICIES:
        signed, _ = DiffAugment(policy, (16, 16, 1))(images, None, keras.random.SeedGenerator(1))
        unsigned, _ = DiffAugment(policy, (16, 16, 1), 0.0, 1.0)(
            (images + 1) / 2, None, keras.random.SeedGenerator(1)
        )
        np.testing.assert_allclose(array(unsigned), (array(signed) + 1) / 2, atol=1e-6)


def test_policies_are_applied_in_the_order_given():
    images, seeds = images_of(16, 16, 1), itertools.repeat(5)
    one, other = (
        array(DiffAugment(policy, (16, 16, 1))(images, None, keras.random.SeedGenerator(s))[0])
        for policy, s in zip(("color,cutout", "cutout,color"), seeds, strict=False)
    )
    # The hidden pixels are exactly the middle only if nothing came after.
    assert (one == 0.0).mean() > 0.1
    assert (other == 0.0).mean() < 0.01


# ------------------------------------------------------------------------------ conditions


def test_a_mask_moves_with_its_image_and_is_zero_where_nothing_is_seen():
    augment = DiffAugment("color,translation,cutout", (16, 16, 1))
    masks = (RNG.random((32, 16, 16, 1)) < 0.5).astype("float32")
    # Without color, an image that is its own mask stays so.
    moved, with_it = DiffAugment("translation,cutout", (16, 16, 1))(
        masks, ops.convert_to_tensor(masks), keras.random.SeedGenerator(0)
    )
    np.testing.assert_array_equal(array(moved), array(with_it))
    assert array(with_it).sum() < 0.9 * masks.sum()
    _, with_it = augment(masks, ops.convert_to_tensor(masks), keras.random.SeedGenerator(0))
    assert set(np.unique(array(with_it))) == {0.0, 1.0}


def test_classes_stay():
    augment = DiffAugment(POLICIES, (10, 10, 1))
    classes = ops.eye(10)
    _, condition = augment(images_of(10, 10, 1, 10), classes, keras.random.SeedGenerator(0))
    np.testing.assert_array_equal(array(condition), np.eye(10))


# ------------------------------------------------------------------------------- gradients


def test_gradients_of_images_are_those_of_a_linear_map():
    """Translation and cutout: d sum(w * f(x)) / dx is f's transpose of w, once and again."""
    images, draws = images_of(12, 12, 2), draws_of(2)
    weights = ops.convert_to_tensor(images_of(12, 12, 2))

    for function in (translation, cutout):

        def weighted(x, function=function):
            return ops.sum(weights * function(x, *map(ops.convert_to_tensor, draws))), None

        _, gradient = backend.input_gradient(weighted, ops.convert_to_tensor(images))
        value = array(weighted(ops.convert_to_tensor(images))[0])
        assert (array(gradient) * images).sum() == pytest.approx(value, rel=1e-4)


def test_penalties_on_augmented_images_are_differentiated_again():
    """R1 of <s * w, f(x)>, its derivative by s against finite differences."""
    images = images_of(8, 8, 3)
    weights = ops.convert_to_tensor(images_of(8, 8, 3, 1))
    scale = keras.Variable(0.7)
    augment = DiffAugment(POLICIES, (8, 8, 3))

    def r1():
        def discriminate(x):
            shown, _ = augment(x, None, keras.random.SeedGenerator(2))
            return ops.sum(ops.tanh(scale * weights * shown), axis=(1, 2, 3))

        _, gradient = penalties.logits_and_gradient(discriminate, ops.convert_to_tensor(images))
        return penalties.r1_penalty(gradient), None

    (value, _), (gradient,) = backend.value_and_gradients(r1, [scale])
    around = []
    for shifted in (0.71, 0.69):
        scale.assign(shifted)
        (other, _), _ = backend.value_and_gradients(r1, [scale])
        around.append(float(array(ops.stop_gradient(other))))
    assert float(array(ops.stop_gradient(value))) > 0
    assert float(array(gradient)) == pytest.approx((around[0] - around[1]) / 0.02, rel=2e-2)


# ----------------------------------------------------------------------------- in the step


@keras.saving.register_keras_serializable("test_diff_augment")
class Watched(layers.Layer):
    """Keeps the sum over the batch of what the discriminator saw last, twice over."""

    def build(self, input_shape):
        shape = input_shape[1:]
        self.seen = [
            self.add_weight(shape=shape, initializer="zeros", trainable=False) for _ in range(3)
        ]

    def call(self, inputs, training=False):
        if training:
            for older, newer in itertools.pairwise(self.seen):
                older.assign(newer)
            self.seen[-1].assign(ops.sum(ops.cast(inputs, "float32"), axis=0))
        return inputs


def still():
    return keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0)


def watched_model(**settings):
    generator = keras.Sequential(
        [keras.Input((2,)), layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))]
    )
    watched = Watched()
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), watched, layers.Flatten(), layers.Dense(1)]
    )
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2, seed=0)
    model.compile(*still(), **settings)
    return model, watched


@pytest.mark.parametrize("settings", [{}, {"r1_penalty": 0.1}, {"gradient_penalty": 1.0}])
def test_every_pass_and_every_step_has_its_own_draws(settings):
    """On JAX too, where draws inside a differentiated function have to be carried out of it."""
    model, watched = watched_model(diff_augment="color,translation", **settings)
    images = np.repeat(images_of(8, 8, 1, 1), 4, axis=0)
    seen = []
    for _ in range(2):
        model.train_on_batch(images)
        seen += [array(v).copy() for v in watched.seen]
    for one, other in itertools.combinations(seen, 2):
        assert np.abs(one - other).max() > 1e-3


def test_real_images_are_augmented_each_in_its_own_way():
    """And not in evaluation, nor without being asked to."""
    image = np.zeros((16, 8, 8, 1), "float32")
    image[:, 3:5, 3:5] = 0.5
    model, watched = watched_model(r1_penalty=0.1, diff_augment="translation")
    model.train_on_batch(image)
    real = array(watched.seen[0])
    # Every copy of its own: the mass of 16 is spread over more than the four pixels.
    assert real.sum() == pytest.approx(image.sum(), rel=1e-5)
    assert (real > 0).sum() > 8
    model, watched = watched_model(r1_penalty=0.1)
    model.train_on_batch(image)
    np.testing.assert_allclose(array(watched.seen[0]), image.sum(axis=0), rtol=1e-5)


VANILLA = {"hidden_units": (8,), "output_activation": "sigmoid"}


@pytest.mark.parametrize(
    ("family", "arguments", "precision"),
    [
        (zoo.VanillaGAN, VANILLA, "float32"),
        (zoo.VanillaGAN, VANILLA, "mixed_bfloat16"),
        (zoo.VanillaGAN, VANILLA, "mixed_float16"),
        (zoo.ConditionalDCGAN, {"base_filters": 2, "classes": 3}, "float32"),
        (zoo.InpaintingGAN, {"base_filters": 2, "halvings": 1, "dilations": ()}, "float32"),
    ],
)
def test_families_train_with_it(family, arguments, precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = family((16, 16, 1), seed=0, **arguments)
    finally:
        keras.config.set_dtype_policy(before)
    model.compile(diff_augment=POLICIES, r1_penalty=0.1, instance_noise=0.05)
    weights = [array(v).copy() for v in model.generator.trainable_variables]
    images = RNG.integers(0, 256, (8, 16, 16, 1), "uint8")
    labels = np.arange(8) % 3 if family is zoo.ConditionalDCGAN else None
    history = model.fit(images, labels, batch_size=4, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    moved = [
        np.abs(array(v) - w).max()
        for v, w in zip(model.generator.trainable_variables, weights, strict=True)
    ]
    assert sum(change > 0 for change in moved) > len(moved) / 2


def test_the_range_is_the_generators():
    model = zoo.VanillaGAN((8, 8, 1), hidden_units=(4,), output_activation="sigmoid")
    model.compile(diff_augment="cutout")
    augment = model.setup.diff_augment
    assert (augment.middle, augment.half_range) == (0.5, 0.5)


def test_points_are_refused_when_the_model_is_compiled():
    generator = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    discriminator = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model = zoo.AdversarialModel(generator, discriminator, latent_dim=2)
    with pytest.raises(InvalidInputError, match=r"images.*\(3,\)"):
        model.compile(diff_augment="color")


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(InvalidInputError, match="'flip'"):
        watched_model(diff_augment="flip")


def test_keras_files_keep_the_techniques(tmp_path):
    model = zoo.VanillaGAN((8, 8, 1), hidden_units=(4,))
    model.compile(diff_augment="color,cutout", instance_noise=0.1, instance_noise_steps=7)
    model.save(tmp_path / "x.keras")
    setup = keras.saving.load_model(tmp_path / "x.keras").setup
    assert setup.diff_augment.policy == ("color", "cutout")
    assert (setup.instance_noise.stddev, setup.instance_noise.steps) == (0.1, 7)
