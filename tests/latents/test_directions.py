"""Directions in latent space: of labels, of the generator's first layer, and walks along them."""

import keras
import numpy as np
import pytest

import zoo
from tests.helpers import normal
from tests.tiny import build_tiny, set_weights
from zoo.errors import InvalidInputError
from zoo.latents import class_directions, closed_form_directions, direction_grid

# ------------------------------------------------------------------------ class_directions


@pytest.mark.no_backend
def test_labels_that_depend_on_one_direction_find_it():
    wanted = normal(20, seed=1)
    wanted /= np.linalg.norm(wanted)
    latents = zoo.latents.sample_latent(20_000, 20, seed=0)
    away, toward = class_directions(latents, latents @ wanted > 0.3)
    assert toward @ wanted > 0.99
    np.testing.assert_allclose(away, -toward, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(toward), 1.0, rtol=1e-6)
    assert toward.dtype == np.float32


@pytest.mark.no_backend
def test_each_class_has_a_direction_in_the_order_of_the_labels():
    latents = zoo.latents.sample_latent(9000, 3, seed=0)
    labels = np.abs(latents).argmax(axis=1) + 3 * (latents.sum(axis=1) > 99)
    shifted = latents + 2.0 * np.eye(3)[labels]
    directions = class_directions(shifted, np.array(["c", "a", "b"])[labels])
    assert directions.argmax(axis=1).tolist() == [1, 2, 0]


@pytest.mark.no_backend
@pytest.mark.parametrize(
    ("latents", "labels"),
    [(np.ones((4, 2)), np.ones(4)), (np.ones((4, 2)), np.arange(3)), (np.ones(4), np.arange(4))],
)
def test_labels_that_say_nothing_are_refused(latents, labels):
    with pytest.raises(InvalidInputError, match="at least two classes"):
        class_directions(latents, labels)


# ------------------------------------------------------------------ closed_form_directions


@pytest.mark.parametrize("name", ["gan_mnist", "dcgan_mnist", "cdcgan_mnist"])
def test_directions_are_those_that_the_first_layer_enlarges_most(name):
    model = build_tiny(name)
    set_weights(model)
    directions = closed_form_directions(model)
    size = model.latent_dim
    np.testing.assert_allclose(directions @ directions.T, np.eye(size), atol=1e-5)
    np.testing.assert_array_equal(directions[:3], closed_form_directions(model, 3))
    assert (np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1) > 0).all()
    # What the first layer makes of them, by running it.
    dense = next(x for x in model.generator.layers if isinstance(x, keras.layers.Dense))
    rows = np.pad(directions, ((0, 0), (0, getattr(model, "classes", 0))))
    features = keras.ops.convert_to_numpy(dense(rows) - dense(np.zeros_like(rows)))
    lengths = np.linalg.norm(features, axis=1)
    assert (np.diff(lengths) < 0).all()
    others = normal(200, size, seed=7)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    rows = np.pad(others, ((0, 0), (0, getattr(model, "classes", 0))))
    features = keras.ops.convert_to_numpy(dense(rows) - dense(np.zeros_like(rows)))
    assert np.linalg.norm(features, axis=1).max() < lengths[0]


def test_the_moving_average_is_the_network_that_counts():
    model = build_tiny("gan_mnist")
    model.compile(average_decay=0.9)
    before = closed_form_directions(model)
    set_weights(model)  # of the generator, not of the average
    np.testing.assert_array_equal(closed_form_directions(model), before)


@pytest.mark.parametrize("count", [0, 9, 1.5])
def test_numbers_of_directions_that_there_are_not(count):
    with pytest.raises(InvalidInputError, match="count"):
        closed_form_directions(build_tiny("gan_mnist"), count)


def test_generators_that_begin_otherwise_are_refused():
    layers = keras.layers
    generator = keras.Sequential([layers.Reshape((2, 2)), layers.Conv1D(3, 1), layers.Flatten()])
    model = zoo.AdversarialModel(generator, keras.Sequential([layers.Dense(1)]), latent_dim=4)
    for other in (model, build_tiny("inpaint_scenes64")):
        with pytest.raises(InvalidInputError, match="dense layer"):
            closed_form_directions(other)


# -------------------------------------------------------------------------- direction_grid


@pytest.mark.no_backend
def test_a_grid_has_a_row_for_each_direction_with_the_start_in_its_middle():
    start, directions = normal(4, seed=1), normal(3, 4, seed=2)
    grid = direction_grid(start, directions, steps=5, distance=2.0).reshape(3, 5, 4)
    for row, direction in zip(grid, directions, strict=True):
        np.testing.assert_allclose(row[2], start, rtol=1e-6)
        np.testing.assert_allclose(row[4], start + 2.0 * direction, rtol=1e-5)
        np.testing.assert_allclose(np.diff(row, axis=0), np.tile(direction, (4, 1)), rtol=1e-4)
    assert grid.dtype == np.float32


@pytest.mark.no_backend
@pytest.mark.parametrize(
    "changes",
    [{"steps": 4}, {"steps": 1}, {"distance": 0.0}, {"start": np.ones(3)}, {"start": 1.0}],
)
def test_grids_that_can_not_be(changes):
    arguments = {"start": np.ones(4), "directions": np.ones((2, 4)), **changes}
    with pytest.raises(InvalidInputError, match=next(iter(changes))):
        direction_grid(**arguments)
