"""Restoring picture files: what is read, what is refused, and that known pixels stay."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, features

import zoo
from tests.tiny import set_weights
from zoo.errors import InvalidInputError
from zoo.images.photos import Photo, read_mask, read_photo, write_photo
from zoo.images.restoring import check_channels, inpaint_file, restore

pytestmark = pytest.mark.no_backend

SIZE = (20, 26)  # height, width
ORIENTATION = 0x0112


def build(channels):
    model = zoo.InpaintingGAN(
        image_shape=(16, 16, channels), base_filters=4, halvings=2, dilations=(1,), seed=0
    )
    set_weights(model)
    return model


@pytest.fixture(scope="module")
def color_model():
    return build(3)


@pytest.fixture(scope="module")
def gray_model():
    return build(1)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noise(*channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, *channels)).astype("uint8")


HOLE = np.zeros(SIZE, bool)
HOLE[5:15, 8:20] = True


def save(pixels, path, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


@pytest.fixture
def mask(here):
    return save((HOLE * 255).astype("uint8"), "mask.png")


def load(path, mode=None):
    with Image.open(path) as image:
        return np.array(image if mode is None else image.convert(mode))


def mode_of(path):
    with Image.open(path) as image:
        return image.mode


def check_restored(restored, original, hole=HOLE):
    """Known pixels are the original's, missing ones aren't."""
    assert restored.dtype == np.uint8
    assert restored.shape == original.shape
    assert np.array_equal(restored[~hole], original[~hole])
    assert (restored[hole] != original[hole]).mean() > 0.5


def refuse(*words, call=inpaint_file, **arguments):
    """The one-line error of a call that must fail and leave the folder as it was."""
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    with pytest.raises(InvalidInputError) as caught:
        call(**arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


# ----------------------------------------------------------- formats and modes


LOSSLESS = [".png", ".tif", ".TIFF", ".webp", ".bmp"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_known_pixels_of_a_color_picture_stay(color_model, mask, suffix):
    save(noise(3), "in.png")
    inpaint_file(color_model, "in.png", mask, f"out{suffix}")
    assert mode_of(f"out{suffix}") == "RGB"
    check_restored(load(f"out{suffix}"), noise(3))


def test_what_is_drawn_is_what_inpaint_draws(color_model, gray_model, mask):
    save(noise(3), "in.png")
    inpaint_file(color_model, "in.png", mask, "out.png")
    assert np.array_equal(load("out.png"), color_model.inpaint(noise(3), HOLE))
    save(noise(), "gray.png")
    inpaint_file(gray_model, Path("gray.png"), Path(mask), Path("out.png"))
    assert np.array_equal(load("out.png"), gray_model.inpaint(noise(1), HOLE)[..., 0])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".tif", ".gif", ".bmp"])
def test_every_common_format_is_read(color_model, mask, suffix):
    save(noise(3), f"in{suffix}")
    inpaint_file(color_model, f"in{suffix}", mask, "out.png")
    check_restored(load("out.png"), load(f"in{suffix}", "RGB"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"])
def test_every_mode_is_read(color_model, mask, mode):
    original = save(Image.fromarray(noise(3)).convert(mode), "in.tif")
    inpaint_file(color_model, original, mask, "out.png")
    assert mode_of(original) == mode
    assert mode_of("out.png") == {"1": "L"}.get(
        mode, mode if mode in ("L", "LA", "RGBA") else "RGB"
    )
    plain = "L" if mode in ("1", "L", "LA") else "RGB"
    check_restored(load("out.png", plain), load(original, plain))


def test_a_bigger_picture_of_odd_sides_is_restored(color_model):
    pixels = np.random.default_rng(0).integers(0, 256, (41, 97, 3)).astype("uint8")
    hole = np.zeros((41, 97), bool)
    hole[30:, 90:] = True
    save(pixels, "in.png")
    save(hole.astype("uint8") * 255, "mask.png")
    inpaint_file(color_model, "in.png", "mask.png", "out.png")
    check_restored(load("out.png"), pixels, hole)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
def test_a_gray_picture_stays_gray_after_a_model_of_colors(color_model, mask, suffix):
    save(noise(), "in.png")
    inpaint_file(color_model, "in.png", mask, f"out{suffix}")
    assert mode_of(f"out{suffix}") == ("RGB" if suffix == ".webp" else "L")
    channels = load(f"out{suffix}", "RGB")
    assert (channels == channels[..., :1]).all()
    check_restored(channels[..., 0], noise())


@pytest.mark.parametrize("model", ["color_model", "gray_model"])
def test_gray_in_three_channels_stays_gray_whatever_the_hole_shows(model, mask, request):
    pixels = np.repeat(noise(1), 3, axis=-1)
    pixels[HOLE] = (255, 0, 0)
    save(pixels, "in.png")
    inpaint_file(request.getfixturevalue(model), "in.png", mask, "out.png")
    restored = load("out.png")
    check_restored(restored, pixels)
    assert (restored == restored[..., :1]).all()


def test_a_color_picture_needs_a_model_of_colors(gray_model, mask):
    save(noise(3), "in.png")
    arguments = {"image_path": "in.png", "mask_path": mask, "output_path": "out.png"}
    refuse("colors", "grays", model=gray_model, **arguments)
    with pytest.raises(InvalidInputError, match="1 channel or 3"):
        check_channels(4, read_photo("in.png"), HOLE)


def test_where_nothing_is_known_colors_are_drawn(color_model):
    save(noise(3), "in.png")
    save(np.full(SIZE, 255, "uint8"), "white.png")
    inpaint_file(color_model, "in.png", "white.png", "out.png")
    restored = load("out.png")
    assert (restored != restored[..., :1]).any()


def test_of_an_animation_the_first_frame_counts(color_model, mask):
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    save(frames[0], "in.gif", save_all=True, append_images=frames[1:])
    inpaint_file(color_model, "in.gif", mask, "out.png")
    check_restored(load("out.png", "L"), noise(seed=0))


def test_jpeg_is_written_at_high_quality(color_model, mask):
    smooth = np.broadcast_to(np.linspace(0, 255, SIZE[1])[:, None], (*SIZE, 3)).astype("uint8")
    save(smooth, "in.png")
    inpaint_file(color_model, "in.png", mask, "out.jpg")
    with Image.open("out.jpg") as image:
        assert image.format == "JPEG"
        error = np.abs(np.asarray(image, "int16") - smooth)
    # Blocks of 8 pixels that the hole doesn't touch.
    assert error[16:].max() <= 4


# ---------------------------------------------------------------- orientation


def upside_up(pixels, orientation):
    """What a viewer shows of pixels with an EXIF orientation, by its definition."""
    turns = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: lambda x: np.rot90(x, 1),
    }
    return turns[orientation](pixels)


def exif_of(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(color_model, orientation):
    save(noise(3), "in.png", exif=exif_of(orientation))
    upright = upside_up(noise(3), orientation)
    hole = upside_up(HOLE, orientation)
    save(hole.astype("uint8") * 255, "mask.png")
    inpaint_file(color_model, "in.png", "mask.png", "out.png")
    check_restored(load("out.png"), upright, hole)
    with Image.open("out.png") as image:
        assert image.getexif().get(ORIENTATION, 1) == 1
    # A mask may have an orientation of its own.
    save((HOLE * 255).astype("uint8"), "turned.png", exif=exif_of(orientation))
    assert np.array_equal(read_mask("turned.png"), hole)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_the_orientation_is_applied_in_other_formats(suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    plain = save(noise(3), f"plain{suffix}", **options)
    save(noise(3), f"in{suffix}", exif=exif_of(6), **options)
    photo = read_photo(f"in{suffix}")
    assert np.array_equal(photo.pixels, upside_up(load(plain, "RGB"), 6))
    write_photo(photo, f"out{suffix}")
    with Image.open(f"out{suffix}") as image:
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.size == (SIZE[0], SIZE[1])


# ---------------------------------------------------------------------- alpha


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_comes_out_as_it_went_in(color_model, mask, suffix, channels):
    pixels = noise(channels)
    pixels[:, :3, -1] = 0  # colors of pixels that nobody sees stay as well
    save(pixels, "in.png")
    inpaint_file(color_model, "in.png", mask, f"out{suffix}")
    restored = load(f"out{suffix}", "LA" if channels == 2 else "RGBA")
    assert np.array_equal(restored[..., -1], pixels[..., -1])
    check_restored(restored[..., :-1], pixels[..., :-1])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_transparent_colors_become_alpha(color_model, mask, mode):
    pixels = noise(3)
    pixels[:4] = 0
    image = Image.fromarray(pixels).convert(mode)
    key = image.getpixel((0, 0))
    save(image, "in.png", transparency=key)
    inpaint_file(color_model, "in.png", mask, "out.png")
    expected = "LA" if mode in ("1", "L") else "RGBA"
    assert mode_of("out.png") == expected
    restored = load("out.png")
    drawn = np.array(image).reshape(*SIZE, -1)
    alpha = np.where((drawn == key).all(-1), 0, 255)
    assert alpha[:4].max() == 0
    assert np.array_equal(restored[..., -1], alpha)
    check_restored(restored[..., :-1], np.array(image.convert(expected))[..., :-1])


def test_a_palette_with_alpha_keeps_every_value(color_model, mask):
    image = Image.fromarray(noise(3)).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    alphas = bytes(range(0, 256, 16))
    save(image, "in.png", transparency=alphas)
    inpaint_file(color_model, "in.png", mask, "out.png")
    expected = np.frombuffer(alphas, "uint8")[np.array(image)]
    assert np.array_equal(load("out.png")[..., 3], expected)
    check_restored(load("out.png", "RGB"), np.array(image.convert("RGB")))


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_isnt_dropped(color_model, mask, suffix):
    arguments = {"model": color_model, "image_path": "in.png", "mask_path": mask}
    save(noise(4), "in.png")
    refuse("transparent", ".png", output_path=f"out{suffix}", **arguments)
    # Where it says nothing, it isn't missed.
    pixels = noise(4)
    pixels[..., 3] = 255
    save(pixels, "in.png")
    inpaint_file(output_path=f"out{suffix}", **arguments)
    assert mode_of(f"out{suffix}") == "RGB"


def test_a_hole_that_stays_transparent_is_worth_a_warning(color_model, mask):
    pixels = noise(4)
    pixels[HOLE, 3] = 0
    save(pixels, "in.png")
    with pytest.warns(UserWarning, match="transparent in in.png, and stays so"):
        inpaint_file(color_model, "in.png", mask, "out.png")
    assert np.array_equal(load("out.png")[..., 3], pixels[..., 3])


# ------------------------------------------------------------ profiles and dpi


def test_profile_and_resolution_are_kept(color_model, mask):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(noise(3), "in.png", icc_profile=profile, dpi=(300, 300))
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        inpaint_file(color_model, "in.png", mask, f"out{suffix}")
        with Image.open(f"out{suffix}") as image:
            assert image.info["icc_profile"] == profile
            if suffix != ".webp":  # holds none
                assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


def test_a_profile_of_other_colors_is_left_out():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"
    save(Image.fromarray(noise(3)).convert("CMYK"), "in.tif", icc_profile=bytes(profile))
    write_photo(read_photo("in.tif"), "out.png")
    with Image.open("out.png") as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("dpi", [(300, 72), (0.0, 0.0)])
def test_a_resolution_that_cant_be_kept_is_left_out(dpi):
    save(noise(), "in.tif", dpi=dpi)
    assert read_photo("in.tif").dpi is None


# ----------------------------------------------------------------------- masks


def test_masks_are_cut_at_127():
    values = np.zeros(SIZE, "uint8")
    values[0, :4] = (126, 127, 128, 255)
    save(values, "mask.png")
    found = read_mask("mask.png")
    assert (found.dtype, found.shape) == (bool, SIZE)
    assert found.sum() == 2
    assert found[0, 2:4].all()


def test_masks_of_16_bits_are_cut_at_half():
    values = np.zeros(SIZE, "uint16")
    values[0, :4] = (255, 32767, 32768, 65535)
    save(values, "mask.png")
    assert read_mask("mask.png").nonzero()[1].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((".tif", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")),
        *((".png", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *((".gif", mode) for mode in ("1", "L", "P", "RGB")),
        *((".jpg", mode) for mode in ("L", "RGB", "CMYK")),
    ],
)
def test_masks_of_every_mode(suffix, mode):
    image = Image.fromarray((HOLE * 255).astype("uint8"))
    image = image.convert("RGB").convert(mode) if mode in ("P", "CMYK") else image.convert(mode)
    save(image, f"mask{suffix}")
    found = read_mask(f"mask{suffix}")
    wrong = found != HOLE
    # JPEG rounds the corners.
    assert wrong.sum() <= (4 if suffix == ".jpg" else 0)


def test_colors_of_masks_count_by_luminance():
    values = np.zeros((*SIZE, 3), "uint8")
    values[0, :4] = [(0, 255, 0), (255, 0, 0), (255, 255, 0), (0, 0, 255)]
    save(values, "mask.png")
    assert read_mask("mask.png").nonzero()[1].tolist() == [0, 2]


def test_transparent_parts_of_masks_are_black():
    values = np.full((*SIZE, 4), 255, "uint8")
    values[..., 3] = 0
    values[0, :4, 3] = (255, 128, 127, 1)
    save(values, "mask.png")
    assert read_mask("mask.png").nonzero()[1].tolist() == [0, 1]


def test_masks_of_other_numbers_are_refused():
    save(np.ones(SIZE, "float32"), "mask.tif")
    refuse("mask.tif", "mode F", call=read_mask, path="mask.tif")


def test_a_mask_that_marks_nothing_is_worth_a_warning(color_model):
    save(noise(3), "in.png")
    save(HOLE.astype("uint8"), "mask.png")  # of ones, where 255 is meant
    with pytest.warns(UserWarning, match="marks nothing as missing.* brightest is 1"):
        inpaint_file(color_model, "in.png", "mask.png", "out.png")
    assert np.array_equal(load("out.png"), noise(3))


def test_a_mask_of_another_size_is_refused_or_resized(color_model):
    save(noise(3), "in.png")
    small = HOLE[::2, ::2]
    save(small.astype("uint8") * 255, "mask.png")
    arguments = {"model": color_model, "image_path": "in.png", "mask_path": "mask.png"}
    arguments["output_path"] = "out.png"
    refuse("26x20", "13x10", "--resize-mask", "mask.png", **arguments)
    inpaint_file(**arguments, resize_mask=True)
    hole = small.repeat(2, axis=0).repeat(2, axis=1)
    check_restored(load("out.png"), noise(3), hole)
    # Of the right size, there is nothing to resize.
    save((HOLE * 255).astype("uint8"), "mask.png")
    inpaint_file(**arguments, resize_mask=True)
    check_restored(load("out.png"), noise(3))


def test_sizes_are_compared_upright(color_model, mask):
    save(noise(3), "in.png", exif=exif_of(6))
    refuse(
        "20x26",
        "26x20",
        model=color_model,
        image_path="in.png",
        mask_path=mask,
        output_path="out.png",
    )


@pytest.mark.parametrize("size", [(15, 40), (16, 2049)])
def test_sizes_out_of_range_are_refused(color_model, size):
    save(np.zeros(size, "uint8"), "in.png")
    save(np.full(size, 255, "uint8"), "mask.png")
    refuse(
        "16 to 2048",
        f"{size[1]}x{size[0]}",
        model=color_model,
        image_path="in.png",
        mask_path="mask.png",
        output_path="out.png",
    )


# ------------------------------------------------------------------- bit depth


def deep_png(color_type, channels):
    """A PNG of 16 bits a channel, most of which Pillow can read and not write."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = SIZE
    rows = (b"\0" + os.urandom(2 * channels * width)) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def refuse_depth(path):
    with Image.open(path):
        pass  # Pillow takes it: the refusal is ours
    refuse("more than 8 bits", path, "magick", call=read_photo, path=path)


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_of_png_are_refused(color_type, channels):
    Path("in.png").write_bytes(deep_png(color_type, channels))
    refuse_depth("in.png")


def test_16_bits_of_other_formats_are_refused():
    save(np.zeros(SIZE, "uint16"), "gray.tif")
    refuse_depth("gray.tif")
    save(np.zeros(SIZE, "uint16"), "gray.jp2")
    refuse_depth("gray.jp2")
    save(np.zeros(SIZE, "float32"), "float.tif")
    refuse_depth("float.tif")
    save(noise(3), "deep.sgi", bpc=2)
    refuse_depth("deep.sgi")
    height, width = SIZE
    Path("deep.ppm").write_bytes(b"P6 %d %d 65535\n" % (width, height) + bytes(6 * width * height))
    refuse_depth("deep.ppm")


@pytest.mark.parametrize("compression", [1, 8])  # none, zlib
def test_16_bits_of_tiff_in_color_are_refused(compression):
    height, width = SIZE
    data = bytes(6 * width * height)
    data = zlib.compress(data) if compression == 8 else data
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, compression)]
    entries += [(262, 3, 1, 2), (273, 4, 1, 200), (277, 3, 1, 3), (278, 4, 1, height)]
    entries += [(279, 4, 1, len(data))]
    head = b"II*\0" + struct.pack("<I", 14) + struct.pack("<HHH", 16, 16, 16)
    head += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    Path("in.tif").write_bytes(head.ljust(200, b"\0") + data)
    assert load("in.tif").shape == (*SIZE, 3)
    refuse_depth("in.tif")


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow without OpenJPEG")
def test_16_bits_of_jpeg_2000_in_color_are_refused():
    save(noise(3), "in.jp2")
    assert np.array_equal(read_photo("in.jp2").pixels, noise(3))
    data = Path("in.jp2").read_bytes()
    first = data.index(b"\xff\x4f\xff\x51") + 4 + 38
    assert data[first] == 7  # of 8 bits
    Path("in.jp2").write_bytes(data[:first] + b"\x0f" + data[first + 1 :])
    refuse_depth("in.jp2")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_10_bits_of_avif_are_refused():
    save(noise(3), "in.avif")
    assert read_photo("in.avif").pixels.shape == (*SIZE, 3)
    data = bytearray(Path("in.avif").read_bytes())
    data[data.index(b"av1C") + 6] |= 0x40
    start = data.index(b"pixi") + 8
    assert data[start : start + 4] == bytes([3, 8, 8, 8])
    data[start + 1 : start + 4] = bytes([10, 10, 10])
    Path("in.avif").write_bytes(data)
    refuse_depth("in.avif")


@pytest.mark.parametrize("suffix", [".ppm", ".sgi", ".tif", ".png"])
def test_8_bits_arent_taken_for_16(suffix):
    save(noise(3), f"in{suffix}")
    assert np.array_equal(read_photo(f"in{suffix}").pixels, noise(3))


def test_lab_is_refused():
    save(Image.new("LAB", SIZE[::-1]), "in.tif")
    refuse("mode LAB", "magick", call=read_photo, path="in.tif")


# ---------------------------------------------------------------------- errors


@pytest.fixture
def bad_files(here):
    """Name -> what its error says of it."""
    Path("text.png").write_text("no picture")
    Path("empty.jpg").touch()
    Path("folder.png").mkdir()
    os.symlink("nowhere.png", "dangling.png")
    expected = {"text.png": "none", "empty.jpg": "none", "folder.png": "a folder"}
    expected |= {"dangling.png": "no file", "missing.png": "no file"}
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    for suffix in (".png", ".jpg", ".webp", ".gif", ".bmp"):
        data = Path(save(pixels, f"cut{suffix}")).read_bytes()
        Path(f"cut{suffix}").write_bytes(data[: len(data) // 2])
        expected[f"cut{suffix}"] = "whole"
    return expected


def test_files_that_cant_be_read_are_refused(color_model, mask, bad_files):
    save(noise(3), "in.png")
    for path, word in bad_files.items():
        refuse(
            path,
            word,
            model=color_model,
            image_path=path,
            mask_path=mask,
            output_path="out.png",
        )
        refuse(
            path,
            word,
            model=color_model,
            image_path="in.png",
            mask_path=path,
            output_path="out.png",
        )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused():
    os.chmod(save(noise(3), "in.png"), 0)
    with pytest.raises(InvalidInputError, match="Permission denied"):
        read_photo("in.png")


@pytest.mark.parametrize("limit", [SIZE[0] * SIZE[1] - 1, SIZE[0] * SIZE[1] // 2 - 1])
def test_decompression_bombs_are_refused(monkeypatch, mask, limit):
    """Pillow warns of pictures over its limit, and fails over twice the limit."""
    save(noise(3), "in.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    refuse(f"{limit:,} pixels", "in.png", call=read_photo, path="in.png")
    refuse(f"{limit:,} pixels", mask, call=read_mask, path=mask)


def test_postscript_isnt_run():
    save(noise(3), "in.eps")
    os.rename("in.eps", "in.png")
    refuse("which is none", call=read_photo, path="in.png")


@pytest.mark.parametrize("output", ["out.gif", "out.jp2", "out", "out.xyz", "out.png.bak"])
def test_other_suffixes_are_refused(color_model, mask, output):
    save(noise(3), "in.png")
    refuse(
        ".webp",
        output,
        model=color_model,
        image_path="in.png",
        mask_path=mask,
        output_path=output,
    )


def test_inputs_are_never_replaced(color_model, mask):
    save(noise(3), "in.png")
    os.symlink("in.png", "link.png")
    os.link("mask.png", "hard.png")
    for output in ("in.png", "./in.png", "link.png", "mask.png", "hard.png", Path.cwd() / "in.png"):
        refuse(
            "replace an input",
            model=color_model,
            image_path="in.png",
            mask_path=mask,
            output_path=output,
        )


def test_an_earlier_output_is_replaced_whole_or_not_at_all(color_model, mask, monkeypatch):
    save(noise(3), "in.png")
    Path("out.png").write_bytes(b"what was here before")
    with monkeypatch.context() as context:

        def full(image, path, **_):
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")

        context.setattr(Image.Image, "save", full)
        with pytest.raises(OSError, match="No space left"):
            inpaint_file(color_model, "in.png", mask, "out.png")
    assert Path("out.png").read_bytes() == b"what was here before"
    assert sorted(os.listdir()) == ["in.png", "mask.png", "out.png"]
    inpaint_file(color_model, "in.png", mask, "out.png")
    check_restored(load("out.png"), noise(3))


def test_folders_above_the_output_are_made(color_model, mask):
    save(noise(3), "in.png")
    inpaint_file(color_model, "in.png", mask, "a/b/out.png")
    check_restored(load("a/b/out.png"), noise(3))


def test_inputs_arent_changed(color_model, mask):
    save(noise(3), "in.png")
    before = Path("in.png").read_bytes(), Path(mask).read_bytes()
    photo = read_photo("in.png")
    restored = restore(color_model, photo, HOLE)
    assert isinstance(restored, Photo)
    assert np.array_equal(photo.pixels, noise(3))
    inpaint_file(color_model, "in.png", mask, "out.png")
    assert (Path("in.png").read_bytes(), Path(mask).read_bytes()) == before
