"""Images back into latents, alike on every backend."""

import numpy as np
import pytest

from tests.processes import BACKENDS, on_each_backend, run_python
from tests.tiny import build_tiny, set_weights
from zoo.errors import InvalidInputError
from zoo.latents import invert


def model_with_weights(name):
    model = build_tiny(name)
    set_weights(model)
    return model


def error(model, images, latents, **options):
    drawn = model.generate(latents=latents, **options).astype(float)
    return np.sqrt(np.mean((drawn - images) ** 2, axis=(1, 2, 3)))


@pytest.mark.parametrize("name", ["gan_mnist", "cdcgan_mnist"])
def test_latents_of_drawn_images_draw_them_again(name):
    model = model_with_weights(name)
    options = {"labels": np.array([1, 2, 3])} if name == "cdcgan_mnist" else {}
    images = model.generate(3, seed=5, **options)
    before = error(model, images, model.sample_latent(3, seed=0), **options)
    latents = invert(model, images, steps=60, prior=0.0, **options)
    assert latents.shape == (3, model.latent_dim)
    assert latents.dtype == np.float32
    after = error(model, images, latents, **options)
    assert (after < before / 4).all()
    # Each image by itself, whatever is beside it.
    alone = invert(model, images, steps=60, prior=0.0, batch_size=2, **options)
    np.testing.assert_allclose(error(model, images, alone, **options), after, atol=1.0)


def test_images_can_be_floats_and_weights_stay_as_they_are():
    model = model_with_weights("gan_mnist")
    model.compile(average_decay=0.9)
    images = model.generate(2, seed=5)
    before = model.get_weights()
    floats = (images / 127.5 - 1.0).astype("float32")
    one, other = (invert(model, x, steps=3) for x in (images, floats))
    np.testing.assert_allclose(one, other, atol=1e-4)
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_a_prior_keeps_latents_near_the_middle():
    model = model_with_weights("gan_mnist")
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), "uint8")
    far, near = (invert(model, images, steps=40, prior=prior) for prior in (0.0, 10.0))
    assert (np.linalg.norm(near, axis=1) < np.linalg.norm(far, axis=1) / 2).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((2, 8, 8, 1), "uint8")}, "28, 28, 1"),
        ({"images": np.full((2, 28, 28, 1), 7.0)}, "Float"),
        ({"steps": 0}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"prior": -1.0}, "prior"),
        ({"labels": [1, 2]}, "labels"),
    ],
)
def test_what_can_not_be_inverted(changes, message):
    arguments = {"images": np.zeros((2, 28, 28, 1), "uint8"), **changes}
    with pytest.raises(InvalidInputError, match=message):
        invert(build_tiny("gan_mnist"), **arguments)


def test_classes_are_needed_and_a_model_that_draws():
    images = np.zeros((2, 28, 28, 1), "uint8")
    with pytest.raises(InvalidInputError, match="labels"):
        invert(build_tiny("cdcgan_mnist"), images)
    with pytest.raises(InvalidInputError, match="draw from latents"):
        invert(build_tiny("inpaint_scenes64"), images)


@pytest.mark.cross_backend
def test_backends_find_the_same_latents(tmp_path):
    code = """
import sys
import numpy as np
from tests.latents.test_inversion import model_with_weights
from zoo.latents import closed_form_directions, invert
model = model_with_weights("dcgan_mnist")
images = model.generate(2, seed=5)
latents, directions = invert(model, images, steps=20), closed_form_directions(model)
np.savez(sys.argv[1], latents=latents, directions=directions)
"""

    def on(backend):
        path = tmp_path / f"{backend}.npz"
        run_python("-c", code, path, backend=backend)
        return dict(np.load(path))

    found = on_each_backend(on)
    first = found[BACKENDS[0]]
    for other in found.values():
        np.testing.assert_allclose(other["latents"], first["latents"], atol=2e-3)
        np.testing.assert_allclose(other["directions"], first["directions"], atol=1e-5)
