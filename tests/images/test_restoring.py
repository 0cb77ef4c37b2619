"""Restoring picture files: only what the mask marks is changed."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.images.pictures import HOLE, SIZE, exif_of, load, mode_of, noise, refuse, save, upside_up
from tests.tiny import set_weights
from zoo.images.photos import Photo, read_photo
from zoo.images.restoring import check_channels, inpaint_file, restore, restore_classically

pytestmark = pytest.mark.no_backend


class Painter:
    """Draws a color that no pixel has."""

    def __init__(self, channels):
        self.image_shape = (16, 16, channels)

    def inpaint(self, images, masks):
        drawn = images + np.uint8(77)
        drawn[..., 0] += 1
        return np.where(masks[..., None], drawn, images)


COLOR, GRAY = Painter(3), Painter(1)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(noise(3), "in.png")
    save((HOLE * 255).astype("uint8"), "mask.png")


def check_restored(restored, original, hole=HOLE):
    """Known pixels are the original's, missing ones aren't."""
    assert restored.dtype == np.uint8
    assert restored.shape == original.shape
    assert np.array_equal(restored[~hole], original[~hole])
    assert (restored[hole] != original[hole]).mean() > 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_drawn_is_what_the_model_draws(channels):
    model = zoo.InpaintingGAN((16, 16, channels), base_filters=4, halvings=2, dilations=(1,))
    set_weights(model)
    pixels, hole = noise(channels, size=(41, 97)), np.zeros((41, 97), bool)
    hole[30:, 90:] = True
    save(pixels.squeeze(), "in.png")
    save(hole, "mask.png")
    inpaint_file(model, Path("in.png"), Path("mask.png"), Path("a/b/out.png"))
    restored = load("a/b/out.png").reshape(pixels.shape)
    check_restored(restored, pixels, hole)
    assert np.array_equal(restored, model.inpaint(pixels, hole))


WITH_ALPHA = (".png", ".tif", ".webp")


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((suffix, mode) for suffix in WITH_ALPHA for mode in ("L", "LA", "RGB", "RGBA")),
        *((suffix, mode) for suffix in (".bmp", ".jpg") for mode in ("L", "RGB")),
    ],
)
def test_known_pixels_channels_and_alpha_stay(suffix, mode):
    pixels = noise(len(mode)).squeeze()
    save(pixels, "in.png")
    inpaint_file(COLOR, "in.png", "mask.png", f"out{suffix}")
    written = {"L": "RGB", "LA": "RGBA"}.get(mode, mode) if suffix == ".webp" else mode
    assert mode_of(f"out{suffix}") == written
    if suffix == ".jpg":
        return  # lossy
    restored, original = load(f"out{suffix}", mode), pixels
    if mode.endswith("A"):
        assert np.array_equal(restored[..., -1], original[..., -1])
        restored, original = restored[..., :-1], original[..., :-1]
    check_restored(restored, original)


@pytest.mark.parametrize("model", [COLOR, GRAY])
def test_gray_in_three_channels_stays_gray_whatever_the_hole_shows(model):
    pixels = np.repeat(noise(1), 3, axis=-1)
    pixels[HOLE] = (255, 0, 0)
    save(pixels, "in.png")
    inpaint_file(model, "in.png", "mask.png", "out.png")
    restored = load("out.png")
    check_restored(restored, pixels)
    assert (restored == restored[..., :1]).all()


def test_where_nothing_is_known_colors_are_drawn():
    save(np.full(SIZE, 255, "uint8"), "mask.png")
    inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    restored = load("out.png")
    assert (restored != restored[..., :1]).any()


def test_a_mask_of_another_size_is_refused_or_resized():
    small = HOLE[::2, ::2]
    save(small.astype("uint8") * 255, "mask.png")
    arguments = (COLOR, "in.png", "mask.png", "out.png")
    refuse(inpaint_file, *arguments, words=["26x20", "13x10", "--resize-mask", "mask.png"])
    inpaint_file(*arguments, resize_mask=True)
    check_restored(load("out.png"), noise(3), small.repeat(2, axis=0).repeat(2, axis=1))
    save((HOLE * 255).astype("uint8"), "mask.png")
    inpaint_file(*arguments, resize_mask=True)  # there is nothing to resize
    check_restored(load("out.png"), noise(3))


def test_holes_that_change_nothing_are_worth_a_warning():
    pixels = noise(4)
    pixels[HOLE, 3] = 0
    save(pixels, "in.png")
    with pytest.warns(UserWarning, match=r"transparent in in\.png and stays so"):
        inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    assert np.array_equal(load("out.png")[..., 3], pixels[..., 3])
    save(HOLE.astype("uint8"), "mask.png")  # of ones, where 255 is meant
    with pytest.warns(UserWarning, match="marks nothing as missing.* brightest is 1"):
        inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    assert np.array_equal(load("out.png"), pixels)


def test_models_of_other_channels_are_refused():
    refuse(inpaint_file, GRAY, "in.png", "mask.png", "out.png", words=["colors", "grayscale"])
    refuse(check_channels, 4, read_photo("in.png"), HOLE, words=["1 or 3 channels"])


def test_sizes_are_compared_upright():
    save(noise(3), "in.png", exif=exif_of(6))
    save(HOLE[::2].astype("uint8") * 255, "mask.png")
    refuse(inpaint_file, COLOR, "in.png", "mask.png", "out.png", words=["20x26", "26x10"])


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_that_lies_as_its_photograph_does_is_turned_with_it(orientation):
    pixels = noise(3)
    save(pixels, "in.png", exif=exif_of(orientation))
    save((HOLE * 255).astype("uint8"), "mask.png")
    inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    upright, hole = upside_up(pixels, orientation), upside_up(HOLE, orientation)
    restored = load("out.png")
    assert np.array_equal(restored[~hole], upright[~hole])
    assert not np.array_equal(restored[hole], upright[hole])


@pytest.mark.parametrize("size", [(15, 40), (16, 8193)])
def test_sizes_out_of_range_are_refused(size):
    for path in ("in.png", "mask.png"):
        save(np.full(size, 255, "uint8"), path)
    words = ["16 to 8192", f"{size[1]}x{size[0]}"]
    refuse(inpaint_file, COLOR, "in.png", "mask.png", "out.png", words=words)


def test_outputs_are_checked_before_inputs_are_read():
    os.symlink("in.png", "link.png")
    os.link("mask.png", "hard.png")
    for output in ("in.png", "./in.png", "link.png", "mask.png", "hard.png", Path.cwd() / "in.png"):
        refuse(inpaint_file, COLOR, "in.png", "mask.png", output, words=["replace an input"])
    refuse(inpaint_file, COLOR, "missing.png", "mask.png", "out.gif", words=["out.gif", ".webp"])


def test_an_earlier_output_is_replaced_whole_or_not_at_all(monkeypatch):
    Path("out.png").write_bytes(b"what was here before")
    with monkeypatch.context() as context:

        def full(image, path, **_):
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")

        context.setattr(Image.Image, "save", full)
        with pytest.raises(OSError, match="No space left"):
            inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    assert Path("out.png").read_bytes() == b"what was here before"
    assert sorted(os.listdir()) == ["in.png", "mask.png", "out.png"]
    inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    check_restored(load("out.png"), noise(3))


def test_inputs_arent_changed():
    before = Path("in.png").read_bytes(), Path("mask.png").read_bytes()
    photo = read_photo("in.png")
    assert isinstance(restore(COLOR, photo, HOLE), Photo)
    assert np.array_equal(photo.pixels, noise(3))
    inpaint_file(COLOR, "in.png", "mask.png", "out.png")
    assert (Path("in.png").read_bytes(), Path("mask.png").read_bytes()) == before


def test_transparency_can_be_the_mask_and_the_result_is_opaque():
    pixels = noise(4)
    pixels[..., 3] = np.where(HOLE, 0, 255)
    save(pixels, "in.png")
    inpaint_file(COLOR, "in.png", None, "out.png")
    assert mode_of("out.png") == "RGB"
    check_restored(load("out.png"), pixels[..., :3])
    save(noise(3), "in.png")
    refuse(inpaint_file, COLOR, "in.png", None, "out.png", words=["alpha channel", "in.png"])


def test_a_classical_method_changes_only_the_holes():
    pytest.importorskip("cv2")
    photo = read_photo("in.png")
    restored = restore_classically("telea", photo, HOLE)
    check_restored(restored.pixels, photo.pixels)
