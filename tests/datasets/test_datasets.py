"""Data sets and picture folders: what is read, in which order, and what is refused."""

import io
import os
import subprocess
import sys
import types
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from zoo import datasets
from zoo.errors import DatasetError, InvalidInputError

pytestmark = pytest.mark.no_backend

GRAY, RGB, RGBA = (8, 8, 1), (8, 8, 3), (8, 8, 4)


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    return tmp_path


def save(path, color=(10, 20, 30), size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)
    return path


def zip_of(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return path


def one(folder, image_shape):
    """The only picture of a folder, as integers that can be subtracted."""
    images = datasets.from_folder(folder, image_shape)
    assert images.dtype == np.uint8
    assert images.shape == (1, *image_shape)
    return images[0].astype(int)


# --- from_folder: finding files ---------------------------------------------------------------


def make_tree(root):
    save(root / "b.png", (2, 2, 2))
    save(root / "a" / "deep" / "x.BMP", (1, 1, 1))
    save(root / "a-b" / "y.webp", (0, 0, 0), lossless=True)
    save(root / "z.gif", (3, 3, 3))
    (root / "notes.txt").write_text("not a picture")
    (root / "paper.pdf").write_bytes(b"%PDF-1.4")  # Pillow writes PDF, but doesn't read it.
    (root / "weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (root / "empty.png").mkdir()
    save(root / ".hidden.png", (99, 99, 99))
    save(root / ".cache" / "c.png", (99, 99, 99))
    save(root / "__MACOSX" / "b.png", (99, 99, 99))
    return root


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_reads_nested_files_in_path_order(tmp_path, kind):
    path = make_tree(tmp_path / "pictures")
    if kind == "zip":
        path = zip_of(path, tmp_path / "pictures.zip")
    images = datasets.from_folder(path, RGB)
    assert images.shape == (4, 8, 8, 3)
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_limit_counts_readable_pictures(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no picture")
    for value in range(1, 5):
        save(tmp_path / f"{value}.png", (value,) * 3)
    with pytest.warns(datasets.SkippedImageWarning, match=r"0\.png"):
        images = datasets.from_folder(tmp_path, RGB, limit=2)
    assert images[:, 0, 0, 0].tolist() == [1, 2]


def test_zip_paths_can_start_with_a_dot_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("./a/b.png", noise_bytes("png"))
        archive.writestr("./.hidden/b.png", noise_bytes("png"))
    assert datasets.from_folder(str(tmp_path / "a.zip"), np.array(RGB)).shape == (1, *RGB)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_picture(tmp_path):
    save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    assert len(datasets.from_folder(tmp_path, RGB)) == 1


# --- from_folder: pixels ----------------------------------------------------------------------


def test_keeps_pixels_of_the_right_size(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, RGB, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(one(tmp_path, RGB), pixels)


def palette(*colors):
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([value for color in colors for value in color])
    return picture


def flat(mode, color):
    return Image.new(mode, (8, 8), color)


@pytest.mark.parametrize(
    ("picture", "options", "gray", "rgb", "rgba"),
    [
        (flat("L", 90), {}, 90, (90, 90, 90), (90, 90, 90, 255)),
        (flat("1", 1), {}, 255, (255, 255, 255), (255, 255, 255, 255)),
        (palette((10, 20, 30)), {}, 18, (10, 20, 30), (10, 20, 30, 255)),
        # Without alpha in the result, transparent pixels lie on white.
        (flat("RGBA", (0, 0, 0, 0)), {}, 255, (255, 255, 255), (0, 0, 0, 0)),
        (flat("RGBA", (10, 20, 30, 40)), {}, 218, (216, 218, 219), (10, 20, 30, 40)),
        (flat("LA", (0, 0)), {}, 255, (255, 255, 255), (0, 0, 0, 0)),
        (flat("RGB", (7, 7, 7)), {"transparency": (7, 7, 7)}, 255, (255,) * 3, (7, 7, 7, 0)),
        (palette((10, 20, 30), (0, 0, 0)), {"transparency": 0}, 255, (255,) * 3, (10, 20, 30, 0)),
        (flat("CMYK", (0, 0, 0, 255)), {}, 0, (0, 0, 0), (0, 0, 0, 255)),
    ],
)
def test_every_mode_takes_the_channels_wanted(tmp_path, picture, options, gray, rgb, rgba):
    picture.save(tmp_path / ("a.tif" if picture.mode == "CMYK" else "a.png"), **options)
    for image_shape, expected in ((GRAY, gray), (RGB, rgb), (RGBA, rgba)):
        assert np.abs(one(tmp_path, image_shape)[3, 3] - expected).max() <= 1


@pytest.mark.parametrize("size", [(300, 9), (9, 300), (1, 40), (17, 43)])
def test_any_aspect_ratio_is_cropped_around_the_center(tmp_path, size):
    # The central square is bright, with a margin because resizing looks at the pixels around.
    x, y = size[0] // 2, size[1] // 2
    reach = min(size) // 2 + 8
    picture = Image.new("L", size, 0)
    picture.paste(200, (x - reach, y - reach, x + reach, y + reach))
    picture.save(tmp_path / "a.png")
    assert (one(tmp_path, GRAY) == 200).all()


def test_exif_orientation_is_respected(tmp_path):
    picture = Image.new("L", (16, 8), 0)
    picture.paste(255, (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees clockwise: the left half becomes the upper half.
    picture.save(tmp_path / "a.png", exif=exif)
    pixels = one(tmp_path, (16, 8, 1))
    assert (pixels[:8] == 255).all()
    assert (pixels[8:] == 0).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grayscale_is_scaled_not_clipped(tmp_path, name):
    ramp = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(ramp).save(tmp_path / name)
    expected = np.rint(ramp / 257).astype(int)
    np.testing.assert_array_equal(one(tmp_path, GRAY)[..., 0], expected)
    np.testing.assert_array_equal(one(tmp_path, RGB)[..., 2], expected)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "expected"),
    [
        *((0, high, "float32", (0, 255)) for high in (1, 255, 65535)),
        (-3, 3, "float32", (0, 255)),
        (0, 0, "float32", (0, 0)),
        (-5, -5, "float32", (0, 0)),
        (-100_000, 100_000, "int32", (0, 255)),
    ],
)
def test_other_numbers_are_scaled_by_their_range(tmp_path, low, high, dtype, expected):
    ramp = np.linspace(low, high, 64).astype(dtype).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    pixels = one(tmp_path, GRAY)
    assert (pixels.min(), pixels.max()) == expected
    assert (np.diff(pixels.ravel()) >= 0).all()


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), (value,) * 3) for value in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (one(tmp_path, RGB) == 0).all()


# --- from_folder: what can't be read ----------------------------------------------------------


def noise_bytes(format, size=(64, 64)):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_corrupt_files_are_skipped_with_one_warning_each(tmp_path, kind):
    folder = tmp_path / "pictures"
    save(folder / "good.png")
    for format in ("jpeg", "png"):
        data = noise_bytes(format)
        (folder / f"truncated.{format}").write_bytes(data[: len(data) // 2])
    (folder / "text.png").write_text("not a picture")
    (folder / "zero.jpg").write_bytes(b"")
    # Ghostscript would run whatever program this file is: content counts, not the suffix.
    (folder / "postscript.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    )
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(folder / "nan.tif")
    path = folder if kind == "folder" else zip_of(folder, tmp_path / "pictures.zip")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images = datasets.from_folder(path, RGB)
    assert images.shape == (1, 8, 8, 3)
    assert {warning.category for warning in caught} == {datasets.SkippedImageWarning}
    assert {warning.filename for warning in caught} == {__file__}
    messages = [str(warning.message) for warning in caught]
    bad = ["nan.tif", "postscript.png", "text.png", "truncated.jpeg", "truncated.png", "zero.jpg"]
    assert len(messages) == len(bad)
    assert all(name in message for name, message in zip(bad, messages, strict=True))


def test_a_damaged_zip_member_is_skipped(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.png", noise_bytes("png"))
        archive.writestr("good.png", noise_bytes("png"))
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF  # Within the first member: its checksum no longer agrees.
    path.write_bytes(data)
    with pytest.warns(datasets.SkippedImageWarning, match=r"bad\.png.*CRC"):
        assert len(datasets.from_folder(path, RGB)) == 1


def test_decompression_bombs_count_as_unreadable(tmp_path, monkeypatch):
    save(tmp_path / "bomb.png", size=(64, 64))
    save(tmp_path / "good.png", size=(4, 4))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.warns(datasets.SkippedImageWarning, match=r"bomb\.png.*DecompressionBombError"):
        assert len(datasets.from_folder(tmp_path, RGB)) == 1


def test_zip_bombs_count_as_unreadable(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.datasets.sources._MAX_MEMBER_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(20_000))
        archive.writestr("good.png", noise_bytes("jpeg"))
    with pytest.warns(datasets.SkippedImageWarning, match=r"bomb\.png.*20000 bytes"):
        assert len(datasets.from_folder(tmp_path / "a.zip", RGB)) == 1


def test_warnings_as_errors_stay_errors(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(datasets.SkippedImageWarning):
        datasets.from_folder(tmp_path, RGB)


def test_nothing_but_corrupt_files(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    with (
        pytest.warns(datasets.SkippedImageWarning),
        pytest.raises(DatasetError, match=r"3 files seen, 2 of them .*, 2 of those unreadable"),
    ):
        datasets.from_folder(tmp_path, RGB)


def test_what_holds_no_pictures_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    zip_of(tmp_path / "empty", tmp_path / "empty.zip")
    save(tmp_path / "pictures" / "a.png")
    cut = zip_of(tmp_path / "pictures", tmp_path / "cut.zip")
    cut.write_bytes(cut.read_bytes()[:-30])
    for path, expected in {
        "empty": r"No readable picture .* 0 files seen",
        "empty.zip": r"No readable picture .* 0 files seen",
        "nowhere": "there is neither",
        "pictures/a.png": r"a directory, a sound zip.*a\.png",
        "cut.zip": "sound zip",
    }.items():
        with pytest.raises(DatasetError, match=expected):
            datasets.from_folder(tmp_path / path, RGB)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        *(((".", shape), "image_shape") for shape in [(8, 8), (8, 8, 2), (0, 8, 3), (8.0, 8, 3)]),
        *(((".", shape), "image_shape") for shape in [(8, 8, True), "883", 8, None]),
        *(((".", RGB, limit), "limit") for limit in (0, -1, 1.5, True, "3")),
        ((3.5, RGB), "path"),
    ],
)
def test_wrong_arguments_are_refused(arguments, name):
    path, image_shape, *limit = arguments
    with pytest.raises(InvalidInputError, match=rf"`{name}` must .*Received: {name}="):
        datasets.from_folder(path, image_shape, limit=limit[0] if limit else None)


# --- records ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.names())
def test_records_are_complete(name):
    record = datasets.info(name)
    assert record.name == name
    assert record.title
    assert record.license
    assert len(record.image_shape) == 3
    assert record.splits[0] == "train"
    assert len(record.splits) == len(record.sizes) == 2
    assert len(record.classes) == len(set(record.classes))
    # A zip's class folders are sorted, and the labels have to agree with that.
    if record.file.endswith(".zip"):
        assert list(record.classes) == sorted(record.classes)
    with pytest.raises(AttributeError):
        record.license = "mine"


@pytest.mark.parametrize("function", [datasets.info, datasets.load])
def test_unknown_name(function):
    with pytest.raises(DatasetError, match=r"cifar10, .*'minst'.* Did you mean 'mnist'\?"):
        function("minst")
    with pytest.raises(DatasetError, match=r"Received: name=\['mnist'\]"):
        function(["mnist"])


@pytest.mark.parametrize(("name", "split"), [("mnist", "val"), ("scenes64", "test")])
def test_unknown_split(name, split):
    with pytest.raises(DatasetError, match=rf"splits train and \w+\. Received: '{split}'"):
        datasets.load(name, split)


def test_import_is_light():
    code = "import sys, zoo.datasets; assert not {'keras', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- load: files ------------------------------------------------------------------------------


def save_mnist(path, count=10_000, **replaced):
    arrays = {"x_test": np.zeros((count, 28, 28), np.uint8), "y_test": np.arange(count) % 10}
    arrays["x_test"][3] = 7
    np.savez(path, **(arrays | replaced))
    return path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_npz(data_dir, name):
    save_mnist(data_dir / f"{name}.npz")
    images, labels = datasets.load(name, split="test")
    assert images.shape == (10_000, 28, 28, 1)
    assert images.dtype == np.uint8
    assert (images[3] == 7).all()
    assert labels.dtype == np.int64
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "npy", "pickle"])
def test_corrupt_npz(data_dir, damage):
    path = save_mnist(data_dir / "mnist.npz")
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[5000] ^= 0xFF
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "npy":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    else:
        save_mnist(path, x_test=np.array([{"any": "object"}]))
    with pytest.raises(DatasetError, match=r"mnist\.npz.* x_test and y_test"):
        datasets.load("mnist", "test")
    save_mnist(path)  # which lacks the other split
    with pytest.raises(DatasetError, match=r"mnist\.npz.* x_train and y_train"):
        datasets.load("mnist", "train")


@pytest.mark.parametrize(
    "replaced",
    [
        {"x_test": np.zeros((9_999, 28, 28), np.uint8)},
        {"x_test": np.zeros((10_000, 32, 32), np.uint8)},
        {"x_test": np.zeros((10_000, 28, 28), np.float32)},
        {"y_test": np.zeros(9_999, np.int64)},
        {"y_test": np.zeros(10_000)},
        {"y_test": np.full(10_000, 10)},
        {"y_test": np.full(10_000, -1)},
    ],
)
def test_incomplete_npz(data_dir, replaced):
    save_mnist(data_dir / "mnist.npz", **replaced)
    with pytest.raises(DatasetError, match=r"(?s)Expected.*mnist\.npz.*Received"):
        datasets.load("mnist", "test")


def save_scenes(path, count=3_407, **extra):
    """A stand-in for the validation split: one flat color per class, reversed in the file."""
    classes = datasets.info("scenes64").classes
    pictures = []
    for label in range(len(classes)):
        buffer = io.BytesIO()
        Image.new("L", (64, 64), label * 40).save(buffer, "webp", lossless=True)
        pictures.append(buffer.getvalue())
    with zipfile.ZipFile(path, "w") as archive:
        for index in reversed(range(count)):
            label = index % len(classes)
            archive.writestr(f"val/{classes[label]}/{index:04}.webp", pictures[label])
        for name, data in extra.items():
            archive.writestr(name, data)
    return path


def test_zip(data_dir):
    save_scenes(data_dir / "scenes64.zip", **{"__MACOSX/val/sea/1.webp": b"", "val/.DS_Store": b""})
    images, labels = datasets.load("scenes64", split="val")
    assert images.shape == (3_407, 64, 64, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert (np.diff(labels) >= 0).all()
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(images[:, 5, 5, 1], labels * 40)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("val/sea/bad.webp", b"no picture", "UnidentifiedImageError"),
        ("val/sea/small.webp", noise_bytes("webp")[:100], "OSError"),
        ("val/desert/1.webp", noise_bytes("webp"), "KeyError: 'desert'"),
        ("val/1.webp", noise_bytes("webp"), "KeyError: '1.webp'"),
        ("val/sea/wide.webp", noise_bytes("webp", (64, 32)), "64x32 pixels instead of 64x64"),
    ],
    ids=["no picture", "truncated", "unknown class", "no class", "size"],
)
def test_corrupt_zip_member(data_dir, name, data, reason):
    save_scenes(data_dir / "scenes64.zip", 3_406, **{name: data})
    with pytest.raises(DatasetError, match=rf"scenes64\.zip.*'{name}'.*{reason}"):
        datasets.load("scenes64", "val")


@pytest.mark.parametrize("split", ["train", "val"])
def test_incomplete_zip(data_dir, split):
    save_scenes(data_dir / "scenes64.zip", 10)
    with pytest.raises(DatasetError, match=r"scenes64\.zip.*sound copy"):
        datasets.load("scenes64", split)


def test_truncated_zip_of_a_data_set(data_dir):
    path = save_scenes(data_dir / "scenes64.zip", 10)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"scenes64\.zip"):
        datasets.load("scenes64", "val")


def test_folders_without_the_file_are_refused(data_dir, monkeypatch):
    with pytest.raises(DatasetError, match=r"'scenes64\.zip'.*Put 'scenes64\.zip'.*into"):
        datasets.load("scenes64")
    monkeypatch.delenv("ZOO_DATA_DIR")
    with pytest.raises(DatasetError, match=r"Put 'scenes64\.zip'.*ZOO_DATA_DIR names"):
        datasets.load("scenes64")
    monkeypatch.setenv("ZOO_DATA_DIR", str(data_dir / "dta"))
    with pytest.raises(DatasetError, match=r"ZOO_DATA_DIR.*dta"):
        datasets.load("mnist")


# --- load: Keras ------------------------------------------------------------------------------


def fake_keras(monkeypatch, name, load_data):
    module = types.SimpleNamespace(load_data=load_data)
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(**{name: module}))
    monkeypatch.setattr(datasets, "import_keras", lambda: keras)


@pytest.mark.parametrize("folder", ["none", "without the file"])
def test_keras_provides_what_no_file_does(monkeypatch, tmp_path, capsys, folder):
    if folder == "none":
        monkeypatch.delenv("ZOO_DATA_DIR", raising=False)
    else:
        monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    train = np.zeros((50_000, 1, 1, 1)), np.zeros((50_000, 1))
    test = np.zeros((10_000, 32, 32, 3), np.uint8), np.full((10_000, 1), 9, np.uint8)

    def load_data():
        print("Downloading data")
        return train, test

    fake_keras(monkeypatch, "cifar10", load_data)
    images, labels = datasets.load("cifar10", "test")
    assert capsys.readouterr() == ("", "Downloading data\n")  # standard output is the caller's
    assert images.shape == (10_000, 32, 32, 3)
    assert labels.shape == (10_000,)
    assert labels.dtype == np.int64
    with pytest.raises(DatasetError, match=r"keras\.datasets\.cifar10"):
        datasets.load("cifar10", "train")


def test_failed_download(monkeypatch):
    def load_data():
        raise Exception("URL fetch failure on https://example.org")

    monkeypatch.delenv("ZOO_DATA_DIR", raising=False)
    fake_keras(monkeypatch, "mnist", load_data)
    with pytest.raises(DatasetError, match=r"URL fetch failure.*'mnist\.npz'.*ZOO_DATA_DIR"):
        datasets.load("mnist")


# --- the real data ----------------------------------------------------------------------------


@pytest.mark.skipif("ZOO_DATA_DIR" not in os.environ, reason="needs the data sets' own files")
@pytest.mark.parametrize("name", datasets.names())
def test_real_data(name):
    record = datasets.info(name)
    images, labels = datasets.load(name, record.splits[1])
    assert images.shape == (record.sizes[1], *record.image_shape)
    assert np.unique(labels).tolist() == list(range(len(record.classes)))
    assert images.min() == 0
    assert images.max() == 255
    if name == "mnist":
        assert labels[:5].tolist() == [7, 2, 1, 0, 4]
