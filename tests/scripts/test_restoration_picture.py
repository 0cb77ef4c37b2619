"""The picture of restored images: what lands where."""

import numpy as np
import pytest
from PIL import Image

from scripts.restoration_picture import HOLE_COLOR, PIXELS, draw, save
from zoo.errors import InvalidInputError
from zoo.images.grids import make_grid

pytestmark = pytest.mark.no_backend

PADDING = 2


def some_images(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 255, shape).astype("uint8")


def hole(images):
    masks = np.zeros(images.shape[:3], bool)
    masks[:, 2:6, 3:7] = True
    return masks


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_originals_holes_and_methods_beside_their_labels(channels):
    images, telea, ours = (some_images((5, 12, 10, channels), seed) for seed in range(3))
    masks = hole(images)
    picture = draw(images, masks, {"telea": telea, "ours": ours})
    assert picture.mode == "RGB"

    holed = np.repeat(images, 3 // channels, axis=-1)
    holed[masks] = HOLE_COLOR
    rows = [np.broadcast_to(part, (5, 12, 10, 3)) for part in (images, holed, telea, ours)]
    grid = make_grid(np.concatenate(rows), columns=5, padding=PADDING)
    scale = PIXELS // grid.shape[1]
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    pixels = np.asarray(picture)
    assert pixels.shape[0] == grid.shape[0]
    assert np.array_equal(pixels[:, -grid.shape[1] :], grid)

    labels = pixels[:, : -grid.shape[1]]
    assert np.all(labels[:, :2] == 255), "a label is cut off"
    for band in np.array_split(labels, 4):
        assert band.min() < 128, "a row has no label"
    first, *_, last = np.array_split(labels, 4)
    assert not np.array_equal(first, last)


@pytest.mark.parametrize(("side", "width"), [(28, 964), (32, 1092), (64, 1058)])
def test_sixteen_columns_have_a_width_to_look_at(side, width):
    images = some_images((16, side, side, 3))
    grid_width = (16 * (side + PADDING) + PADDING) * max(1, PIXELS // (16 * (side + PADDING)))
    assert grid_width == width
    assert width < draw(images, hole(images), {"ours": images}).width < width + 100


def test_saves_a_png(tmp_path):
    images = some_images((3, 12, 10, 3))
    path = tmp_path / "made" / "restored.png"
    save(images, hole(images), {"navier_stokes": images}, path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        expected = draw(images, hole(images), {"navier_stokes": images})
        assert np.array_equal(np.asarray(picture), np.asarray(expected))


def test_refuses_other_shapes(tmp_path):
    images = some_images((3, 12, 10, 3))
    with pytest.raises(InvalidInputError, match=r"'ours'\]` must have the originals' shape"):
        save(images, hole(images), {"ours": images[:2]}, tmp_path / "restored.png")
    with pytest.raises(InvalidInputError, match="bool masks"):
        save(images, hole(images)[:2], {"ours": images}, tmp_path / "restored.png")
    with pytest.raises(InvalidInputError, match="1 or 3 channels"):
        draw(images[..., :2], hole(images), {})
    assert not list(tmp_path.iterdir())
