"""Picture files as arrays: what is read and how, what is refused, what is written."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, features

from tests.images.pictures import HOLE, SIZE, exif_of, load, mode_of, noise, refuse, save, upside_up
from zoo.images.photos import Photo, mask_from_alpha, read_mask, read_photo, write_photo

pytestmark = pytest.mark.no_backend


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------ formats and modes


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((".tif", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr")),
        *((suffix, "RGB") for suffix in (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".sgi")),
        (".gif", "P"),
    ],
)
def test_common_formats_and_modes_are_read(suffix, mode):
    save(Image.fromarray(noise(3)).convert(mode), f"in{suffix}")
    assert mode_of(f"in{suffix}") == mode
    photo = read_photo(f"in{suffix}")
    gray = mode in ("1", "L", "LA")
    expected = load(f"in{suffix}", "L" if gray else "RGB").reshape(*SIZE, -1)
    np.testing.assert_array_equal(photo.pixels, expected)
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA"))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".webp", ".bmp"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_is_what_was_read(suffix, channels):
    pixels = noise(channels)
    alpha = pixels[..., -1] if channels in (2, 4) and suffix != ".bmp" else None
    if alpha is not None:
        alpha[:, :3] = 0  # the colors of invisible pixels stay as well
    colors = pixels[..., : 1 if channels < 3 else 3]
    write_photo(Photo(colors, alpha), f"out{suffix}")
    photo = read_photo(f"out{suffix}")
    gray = colors.shape[-1] == 1 and suffix != ".webp"  # which has no grayscale
    np.testing.assert_array_equal(photo.pixels, colors if gray else colors + np.zeros(3, "uint8"))
    np.testing.assert_array_equal(photo.alpha, alpha)


def test_jpeg_is_written_at_high_quality():
    smooth = np.broadcast_to(np.linspace(0, 255, SIZE[1])[:, None], (*SIZE, 3)).astype("uint8")
    write_photo(Photo(smooth), "out.jpg")
    assert np.abs(load("out.jpg").astype("int16") - smooth).max() <= 4


def test_only_the_first_frame_of_an_animation_is_read():
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    save(frames[0], "in.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_photo("in.gif").pixels[..., :1], noise(1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_to_pictures_and_masks(orientation):
    save(noise(3), "in.png", exif=exif_of(orientation))
    np.testing.assert_array_equal(read_photo("in.png").pixels, upside_up(noise(3), orientation))
    save((HOLE * 255).astype("uint8"), "mask.png", exif=exif_of(orientation))
    np.testing.assert_array_equal(read_mask("mask.png"), upside_up(HOLE, orientation))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_orientation_is_applied_once(suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    plain = save(noise(3), f"plain{suffix}", **options)
    photo = read_photo(save(noise(3), f"in{suffix}", exif=exif_of(6), **options))
    np.testing.assert_array_equal(photo.pixels, upside_up(load(plain, "RGB"), 6))
    write_photo(photo, f"out{suffix}")
    with Image.open(f"out{suffix}") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (SIZE[0], SIZE[1])


# ---------------------------------------------------------------------- alpha


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_transparent_colors_become_alpha(mode):
    pixels = noise(3)
    pixels[:4] = 0
    image = Image.fromarray(pixels).convert(mode)
    key = image.getpixel((0, 0))
    photo = read_photo(save(image, "in.png", transparency=key))
    alpha = np.where((np.array(image).reshape(*SIZE, -1) == key).all(-1), 0, 255)
    assert alpha[:4].max() == 0
    np.testing.assert_array_equal(photo.alpha, alpha)
    plain = np.array(image.convert("L" if mode in ("1", "L") else "RGB")).reshape(*SIZE, -1)
    np.testing.assert_array_equal(photo.pixels, plain)


def test_a_palette_with_alpha_keeps_every_value():
    image = Image.fromarray(noise(3)).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    alphas = bytes(range(0, 256, 16))
    photo = read_photo(save(image, "in.png", transparency=alphas))
    np.testing.assert_array_equal(photo.alpha, np.frombuffer(alphas, "uint8")[np.array(image)])
    np.testing.assert_array_equal(photo.pixels, np.array(image.convert("RGB")))


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_dropped_only_where_everything_is_opaque(suffix):
    alpha = np.full(SIZE, 255, "uint8")
    write_photo(Photo(noise(3), alpha), f"opaque{suffix}")
    assert mode_of(f"opaque{suffix}") == "RGB"
    alpha[0, 0] = 254
    photo = Photo(noise(3), alpha)
    refuse(write_photo, photo, f"out{suffix}", words=["transparent", ".png"])


# ------------------------------------------------------------ profiles and dpi


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_profile_and_resolution_are_kept(suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(noise(3), "in.png", icc_profile=profile, dpi=(300, 300))
    write_photo(read_photo("in.png"), f"out{suffix}")
    with Image.open(f"out{suffix}") as image:
        assert image.info["icc_profile"] == profile
        if suffix != ".webp":  # has no resolution
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


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        (np.array([126, 127, 128, 255], "uint8"), [2, 3]),
        (np.array([255, 32767, 32768, 65535], "uint16"), [2, 3]),
        # Colors count by their luminance; what is transparent is black.
        (np.array([(0, 255, 0), (255, 0, 0), (255, 255, 0), (0, 0, 255)], "uint8"), [0, 2]),
        (np.array([(255, 255, 255, alpha) for alpha in (255, 128, 127, 1)], "uint8"), [0, 1]),
    ],
    ids=["8 bits", "16 bits", "colors", "alpha"],
)
def test_masks_are_cut_in_the_middle(row, missing):
    values = np.zeros((*SIZE, *row.shape[1:]), row.dtype)
    values[0, :4] = row
    found = read_mask(save(values, "mask.png"))
    assert (found.dtype, found.shape) == (bool, SIZE)
    assert np.argwhere(found).tolist() == [[0, column] for column in missing]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((".tif", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")),
        *((".png", mode) for mode in ("1", "LA", "P", "RGBA")),
        *((".gif", mode) for mode in ("1", "P")),
        *((".jpg", mode) for mode in ("L", "RGB", "CMYK")),
    ],
)
def test_masks_of_every_mode(suffix, mode):
    image = Image.fromarray((HOLE * 255).astype("uint8"))
    image = image.convert("RGB").convert(mode) if mode in ("P", "CMYK") else image.convert(mode)
    wrong = read_mask(save(image, f"mask{suffix}")) != HOLE
    assert wrong.sum() <= (4 if suffix == ".jpg" else 0)  # JPEG rounds the corners


def test_masks_of_other_numbers_are_refused():
    save(np.ones(SIZE, "float32"), "mask.tif")
    refuse(read_mask, "mask.tif", words=["mask.tif", "mode F"])


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


def deep_tiff(compression):
    """A color TIFF of 16 bits a channel."""
    height, width = SIZE
    data = bytes(6 * width * height)
    data = zlib.compress(data) if compression == 8 else data
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, compression)]
    entries += [(262, 3, 1, 2), (273, 4, 1, 200), (277, 3, 1, 3), (278, 4, 1, height)]
    entries += [(279, 4, 1, len(data))]
    head = b"II*\0" + struct.pack("<I", 14) + struct.pack("<HHH", 16, 16, 16)
    head += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    return head.ljust(200, b"\0") + data


DEEP = {
    "gray.png": deep_png(0, 1),
    "color.png": deep_png(2, 3),
    "gray_alpha.png": deep_png(4, 2),
    "color_alpha.png": deep_png(6, 4),
    "plain.tif": deep_tiff(1),
    "zlib.tif": deep_tiff(8),
    "color.ppm": b"P6 %d %d 65535\n" % SIZE[::-1] + bytes(6 * SIZE[0] * SIZE[1]),
    "gray.tif": lambda path: save(np.zeros(SIZE, "uint16"), path),
    "float.tif": lambda path: save(np.zeros(SIZE, "float32"), path),
    "color.sgi": lambda path: save(noise(3), path, bpc=2),
}


@pytest.mark.parametrize("path", DEEP)
def test_more_than_8_bits_are_refused(path):
    made = DEEP[path]
    made(path) if callable(made) else Path(path).write_bytes(made)
    load(path)  # Pillow decodes it: the refusal is ours
    refuse(read_photo, path, words=["more than 8 bits", path, "magick"])


@pytest.mark.parametrize(("suffix", "feature"), [(".jp2", "jpg_2000"), (".avif", "avif")])
def test_formats_of_unknown_depth_are_refused_as_pictures_only(suffix, feature):
    if not features.check(feature):
        pytest.skip(f"Pillow without {feature}")
    path = save((HOLE * 255).astype("uint8"), f"in{suffix}")
    refuse(read_photo, path, words=["doesn't say", path, "magick"])
    assert (read_mask(path) != HOLE).sum() <= 4


def test_lab_is_refused():
    save(Image.new("LAB", SIZE[::-1]), "in.tif")
    refuse(read_photo, "in.tif", words=["mode LAB", "magick"])


# ---------------------------------------------------------------------- errors


def test_files_that_cant_be_read_are_refused():
    Path("text.png").write_text("no picture")
    Path("empty.jpg").touch()
    Path("folder.png").mkdir()
    os.symlink("nowhere.png", "dangling.png")
    # PostScript would run as a program.
    os.rename(save(noise(3), "in.eps"), "postscript.png")
    expected = dict.fromkeys(("text.png", "empty.jpg", "postscript.png"), "isn't one")
    expected |= {"folder.png": "a folder", "dangling.png": "no file", "missing.png": "no file"}
    for suffix in (".png", ".jpg", ".webp", ".gif", ".bmp"):
        data = Path(save(noise(3, size=(64, 64)), f"cut{suffix}")).read_bytes()
        Path(f"cut{suffix}").write_bytes(data[: len(data) // 2])
        expected[f"cut{suffix}"] = "complete"
    for path, word in expected.items():
        refuse(read_photo, path, words=[path, word])
        refuse(read_mask, path, words=[path, word])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused():
    os.chmod(save(noise(3), "in.png"), 0)
    refuse(read_photo, "in.png", words=["Permission denied"])


@pytest.mark.parametrize("limit", [SIZE[0] * SIZE[1] - 1, SIZE[0] * SIZE[1] // 2 - 1])
def test_decompression_bombs_are_refused(monkeypatch, limit):
    """Pillow warns of pictures over its limit, and fails over twice the limit."""
    save(noise(3), "in.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    refuse(read_photo, "in.png", words=[f"{limit:,} pixels", "in.png"])
    refuse(read_mask, "in.png", words=[f"{limit:,} pixels", "in.png"])


@pytest.mark.parametrize("path", ["out.gif", "out.jp2", "out", "out.xyz", "out.png.bak"])
def test_other_suffixes_are_refused(path):
    refuse(write_photo, Photo(noise(3)), path, words=[".webp", path])
    assert not Path(path).exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("source", [".jpg", ".tif", ".png"])
def test_exif_fields_are_kept_and_the_size_follows_the_rotation(source, suffix):
    exif = exif_of(6)
    exif[271], exif[33432] = "Zeiss", "Jane Doe"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0xA002: SIZE[1], 0xA003: SIZE[0]})
    exif.get_ifd(0x8825).update({1: "N"})
    write_photo(read_photo(save(noise(3), f"in{source}", exif=exif.tobytes())), f"out{suffix}")
    with Image.open(f"out{suffix}") as image:
        kept = image.getexif()
        assert (kept[271], kept[33432]) == ("Zeiss", "Jane Doe")
        details = kept.get_ifd(0x8769)
        assert details[0x9003] == "2024:05:06 07:08:09"
        assert (details[0xA002], details[0xA003]) == image.size == (SIZE[0], SIZE[1])
        assert kept.get_ifd(0x8825)[1] == "N"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_broken_exif_data_are_left_out():
    save(noise(3), "in.png", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff")
    write_photo(read_photo("in.png"), "out.png")
    np.testing.assert_array_equal(load("out.png"), load("in.png"))


def test_transparency_is_a_mask():
    pixels = noise(4)
    pixels[..., 3] = 255
    pixels[:5, :, 3], pixels[5, :, 3] = 100, 128
    photo, mask = mask_from_alpha(read_photo(save(pixels, "in.png")), "in.png")
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, pixels[..., :3])
    assert mask[:5].all()
    assert not mask[5:].any()


def test_transparency_that_marks_nothing_or_is_not_there():
    refuse(
        mask_from_alpha, read_photo(save(noise(3), "in.png")), "in.png", words=["in.png", "alpha"]
    )
    pixels = noise(4)
    pixels[..., 3] = 200
    with pytest.warns(UserWarning, match=r"in\.png marks nothing .* lowest is 200"):
        mask_from_alpha(read_photo(save(pixels, "in.png")), "in.png")


def test_broken_exif_fields_are_left_out_with_a_warning():
    software = struct.pack("<HHII", 305, 11, 1, 0)  # a float instead of a text
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + software + bytes(4)
    path = save(noise(3), "in.jpg", exif=exif)
    with pytest.warns(UserWarning, match=r"in\.jpg: its EXIF fields are broken, and left out"):
        photo = read_photo(path)
    assert photo.exif is None
