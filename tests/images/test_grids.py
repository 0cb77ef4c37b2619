"""Grids and animations: what lands where, and what is refused."""

import os

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import InvalidInputError
from zoo.images.grids import make_grid, save_gif, save_png

pytestmark = pytest.mark.no_backend

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def some_images(count, shape=(5, 7, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 255, (count, *shape)).astype("uint8")


@pytest.mark.parametrize(
    ("count", "columns", "expected", "padding", "channels"),
    [(1, None, (1, 1), 2, 1), (5, None, (2, 3), 0, 3), (5, 2, (3, 2), 2, 4)],
)
def test_grid_holds_every_image_and_nothing_else(count, columns, expected, padding, channels):
    images = some_images(count, (5, 7, channels))
    grid = make_grid(images, columns, padding)
    rows, columns = expected
    assert grid.dtype == np.uint8
    size = rows * (5 + padding) + padding, columns * (7 + padding) + padding
    assert grid.shape == (*size, channels)
    rest = grid.copy()
    for index, image in enumerate(images):
        top = (index // columns) * (5 + padding) + padding
        left = (index % columns) * (7 + padding) + padding
        assert np.array_equal(grid[top : top + 5, left : left + 7], image)
        rest[top : top + 5, left : left + 7] = 255
    assert np.all(rest == 255)


@pytest.mark.parametrize("channels", MODES)
def test_png_is_the_grid_enlarged(tmp_path, channels):
    images = some_images(4, (5, 7, channels))
    path = tmp_path / "made" / "grid.png"
    save_png(images, path, scale=3)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", MODES[channels])
        pixels = np.asarray(picture).reshape(16 * 3, 20 * 3, channels)
    assert np.array_equal(pixels[::3, ::3], make_grid(images))
    assert np.array_equal(pixels[2::3, 2::3], make_grid(images))


@pytest.mark.parametrize(
    ("shape", "count", "columns", "size"),
    [
        ((28, 28, 1), 64, None, (726, 726)),
        ((64, 64, 3), 64, None, (530, 530)),
        ((28, 28, 1), 1, None, (896, 896)),
        ((8, 8, 1), 100, 1, (12, 1002)),
    ],
)
def test_png_has_a_size_to_look_at(tmp_path, shape, count, columns, size):
    save_png(np.zeros((count, *shape), "uint8"), tmp_path / "grid.png", columns)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == size


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_loops_through_all_frames(tmp_path, channels):
    frames = [np.full((4, 5, 7, channels), level, "uint8") for level in (0, 90, 180)]
    path = tmp_path / "walk.gif"
    save_gif(frames, path, scale=2, frame_ms=50)
    with Image.open(path) as picture:
        assert (picture.format, picture.n_frames, picture.info["loop"]) == ("GIF", 3, 0)
        assert picture.size == (2 * 20, 2 * 16)
        for index, frame in enumerate(frames):
            picture.seek(index)
            assert picture.info["duration"] == 50
            assert picture.convert("RGB").getpixel((6, 6)) == (frame[0, 0, 0, 0],) * 3


def test_gif_lays_transparent_pixels_on_white(tmp_path):
    image = np.zeros((1, 4, 4, 4), "uint8")
    image[:, :2] = (200, 0, 0, 255)
    save_gif([image], tmp_path / "still.gif", scale=1)
    with Image.open(tmp_path / "still.gif") as picture:
        pixels = picture.convert("RGB")
        assert pixels.getpixel((3, 2)) == (200, 0, 0)
        assert pixels.getpixel((3, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "images", [np.zeros((4, 5, 7, 2), "uint8"), np.zeros((0, 5, 7, 3), "uint8")]
)
def test_other_arrays_are_refused(tmp_path, images):
    path = tmp_path / "picture"
    path.write_bytes(b"what was here before")
    calls = (
        lambda: make_grid(images),
        lambda: save_png(images, path),
        lambda: save_gif([some_images(4), images], path),
    )
    for call in calls:
        with pytest.raises(InvalidInputError, match="C one of 1, 3, 4, with at least one pixel"):
            call()
    assert path.read_bytes() == b"what was here before"
    assert os.listdir(tmp_path) == ["picture"]


@pytest.mark.parametrize(
    "arguments", [{"columns": 0}, {"columns": 2.0}, {"scale": 0}, {"scale": True}, {"frame_ms": 0}]
)
def test_numbers_out_of_range_are_refused(tmp_path, arguments):
    (name,) = arguments
    with pytest.raises(InvalidInputError, match=name):
        save_gif([some_images(4)], tmp_path / "walk.gif", **arguments)
    if name != "frame_ms":
        with pytest.raises(InvalidInputError, match=name):
            save_png(some_images(4), tmp_path / "grid.png", **arguments)
    with pytest.raises(InvalidInputError, match="padding"):
        make_grid(some_images(4), padding=-1)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("frames", [[], [some_images(4), some_images(3)]], ids=["none", "uneven"])
def test_frames_must_be_some_of_one_shape(tmp_path, frames):
    with pytest.raises(InvalidInputError, match="one shape"):
        save_gif(frames, tmp_path / "walk.gif")


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    path.write_bytes(b"what was here before")

    def fail(self, file, **options):
        file.write_bytes(b"half a pict")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    for save in (lambda: save_png(some_images(4), path), lambda: save_gif([some_images(4)], path)):
        with pytest.raises(OSError, match="No space"):
            save()
    assert path.read_bytes() == b"what was here before"
    assert os.listdir(tmp_path) == ["grid.png"]


def test_the_public_names_of_the_modules():
    assert zoo.pictures.save_png is save_png
    assert zoo.picture_files.__name__ == "zoo.images.restoring"


def test_a_shown_grid_is_the_one_that_is_saved(tmp_path):
    images = some_images(3)
    shown = zoo.pictures.show(images, columns=3, scale=2)
    save_png(images, tmp_path / "grid.png", columns=3, scale=2)
    with Image.open(tmp_path / "grid.png") as saved:
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(saved))
    assert shown._repr_png_().startswith(b"\x89PNG")  # what a notebook displays
    assert max(zoo.pictures.show(images).size) > 800
    with pytest.raises(InvalidInputError, match="uint8"):
        zoo.pictures.show(images / 255.0)
