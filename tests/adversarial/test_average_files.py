"""What `generate` draws from is what was saved, whichever loader reads it back."""

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import InvalidInputError
from zoo.hub import weights

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")


def build():
    return zoo.VanillaGAN(image_shape=(8, 8, 1), latent_dim=4, hidden_units=(8,))


def train(model, **options):
    rate = keras.optimizers.Adam
    model.compile(rate(0.01), rate(0.01), **options)
    model.fit(IMAGES, batch_size=16, epochs=2, verbose=0)
    return model


def assert_alike(one, other):
    np.testing.assert_array_equal(one.generate(4, seed=0), other.generate(4, seed=0))


def load_before_compile(path):
    model = build()
    model.load_weights(path)
    return model


def compile_after(path):
    model = load_before_compile(path)
    model.compile(average_decay=0.9)
    return model


def compile_before(path):
    model = build()
    model.compile(average_decay=0.9)
    model.load_weights(path)
    return model


def compile_twice(path):
    model = compile_before(path)
    model.compile(average_decay=0.9)
    return model


def compile_without_average(path):
    model = train(build())
    model.load_weights(path)
    return model


def load_with_the_zoo(path):
    model = build()
    weights.load_weights(model, path)
    return model


def load_with_the_zoo_into_an_average(path):
    model = build()
    model.compile(average_decay=0.9)
    weights.load_weights(model, path)
    return model


LOADERS = [
    load_before_compile,
    compile_after,
    compile_before,
    compile_twice,
    compile_without_average,
    load_with_the_zoo,
    load_with_the_zoo_into_an_average,
]


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_weights_files(load, average_decay, tmp_path):
    model = train(build(), average_decay=average_decay)
    model.save_weights(tmp_path / "x.weights.h5")
    assert_alike(load(tmp_path / "x.weights.h5"), model)


@pytest.mark.parametrize("compiled", [False, True])
def test_keras_files(compiled, tmp_path):
    model = train(build(), average_decay=0.9)
    model.save(tmp_path / "x.keras")
    copy = keras.models.load_model(tmp_path / "x.keras", compile=compiled)
    assert_alike(copy, model)
    copy.compile(average_decay=0.9)
    assert_alike(copy, model)


def test_an_average_that_was_switched_off_is_not_saved(tmp_path):
    model = train(train(build(), average_decay=0.9))
    model.save_weights(tmp_path / "x.weights.h5")
    assert_alike(load_before_compile(tmp_path / "x.weights.h5"), model)
    assert len(model.layers) == 2
    train(model, average_decay=0.9)
    assert_alike(model, model)


def test_compiling_again_continues_the_average_unless_something_else_changed_the_generator():
    model = train(build(), average_decay=0.9)
    before = model.average_generator.get_weights()
    model.compile(average_decay=0.99)
    np.testing.assert_array_equal(model.average_generator.get_weights()[0], before[0])
    model.generator.set_weights([w + 1.0 for w in before])
    model.compile(average_decay=0.99)
    for ours, theirs in zip(
        model.average_generator.get_weights(), model.generator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_after_batches_of_ones_own_the_average_continues():
    model = build()
    model.compile(average_decay=0.9)
    for _ in range(3):
        model.train_on_batch(IMAGES)
    before = model.average_generator.get_weights()
    model.compile(average_decay=0.9)
    np.testing.assert_array_equal(model.average_generator.get_weights()[0], before[0])


@pytest.mark.parametrize("name", ["x.h5", "x.hdf5"])
def test_older_kinds_of_files_are_refused(name, tmp_path):
    with pytest.raises(InvalidInputError, match=r"\.keras"):
        build().save(tmp_path / name)
