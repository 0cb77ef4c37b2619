"""`zoo inpaint`: what it writes, and how it fails; `zoo sample` of a model that restores."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import fail, run, run_process, succeed
from zoo.hub import catalog, registry
from zoo.hub.specs import ModelSpec
from zoo.hub.weights import save_weights

CONFIG = {"image_shape": (16, 16, 3), "base_filters": 4, "halvings": 2, "dilations": (1,)}
DRAWING = {"image_shape": (8, 8, 3), "hidden_units": (4,), "latent_dim": 3}


@pytest.fixture
def tiny(here):
    registry.add(ModelSpec("tiny", **catalog.INPAINTING_GAN, config=CONFIG))
    yield "tiny"
    registry.unregister("tiny")


@pytest.fixture
def weights(tiny, here):
    save_weights(zoo.load("tiny", weights=None, seed=1), here / "tiny.weights.h5")
    return "tiny.weights.h5"


@pytest.fixture
def drawing(here):
    registry.add(ModelSpec("drawing", **catalog.VANILLA_GAN, config=DRAWING))
    yield "drawing"
    registry.unregister("drawing")


@pytest.fixture
def photo(here):
    """photo.png and mask.png, and their arrays."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype("uint8")
    hole = np.zeros((30, 40), bool)
    hole[10:20, 14:34] = True
    Image.fromarray(pixels).save("photo.png")
    Image.fromarray(hole).save("mask.png")
    return pixels, hole


def read(path):
    with Image.open(path) as image:
        return np.array(image)


def test_inpaint_writes_what_the_model_draws(weights, photo):
    text = succeed(
        "inpaint", "tiny", "photo.png", "mask.png", "-o", "a/b.png", "--weights", weights
    )
    backend = keras.backend.backend()
    assert text == f"wrote a/b.png: 200 of 1,200 pixels drawn by tiny, on {backend}\n"
    pixels, hole = photo
    restored = read("a/b.png")
    assert np.array_equal(restored, zoo.load("tiny", weights=weights).inpaint(pixels, hole))
    assert np.array_equal(restored[~hole], pixels[~hole])
    assert (restored[hole] != pixels[hole]).any()


def test_inpaint_writes_beside_the_picture_by_default(weights, photo, here):
    Path("album").mkdir()
    os.rename("photo.png", "album/photo.png")
    Image.fromarray(photo[0]).save("album/other.jpg")
    for name in ("photo.png", "other.jpg"):
        written = f"album/{Path(name).stem}_restored.png"
        assert written in succeed(
            "inpaint", "tiny", f"album/{name}", "mask.png", "--weights", weights
        )
        with Image.open(written) as image:
            assert image.size == (40, 30)
    # Again: an earlier output is replaced.
    succeed("inpaint", "tiny", "album/photo.png", "mask.png", "--weights", weights)
    assert len(os.listdir("album")) == 4


def test_inpaint_resizes_the_mask_when_told(weights, photo):
    pixels, hole = photo
    Image.fromarray(hole[::2, ::2]).save("mask.png")
    options = ["inpaint", "tiny", "photo.png", "mask.png", "-o", "out.png", "--weights", weights]
    error = fail(*options)
    for word in ("40x30", "20x15", "--resize-mask"):
        assert word in error
    assert not Path("out.png").exists()
    assert "200 of 1,200" in succeed(*options, "--resize-mask")
    assert np.array_equal(read("out.png")[~hole], pixels[~hole])


@pytest.mark.filterwarnings("always::UserWarning")  # as outside of the tests
def test_a_warning_is_one_line(weights, photo):
    Image.fromarray(np.zeros((30, 40), "uint8")).save("mask.png")
    result = run("inpaint", "tiny", "photo.png", "mask.png", "--weights", weights)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: The mask mask.png marks nothing as missing")
    assert result.stderr.count("\n") == 1
    assert np.array_equal(read("photo_restored.png"), photo[0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.png", "mask.png"], "missing.png"),
        (["photo.png", "missing.png"], "missing.png"),
        (["folder", "mask.png"], "folder, a folder"),
        (["photo.png", "folder"], "folder, a folder"),
        (["text.png", "mask.png"], "text.png"),
        (["photo.png", "text.png"], "text.png"),
        (["deep.png", "mask.png"], "more than 8 bits"),
        (["photo.png", "small.png"], "--resize-mask"),
        (["photo.png", "mask.png", "-o", "photo.png"], "replace an input"),
        (["photo.png", "mask.png", "-o", "mask.png"], "replace an input"),
        (["photo.png", "mask.png", "-o", "out.gif"], ".webp"),
        (["photo.png", "mask.png", "-o", "out"], ".webp"),
        (["photo.png", "mask.png", "-o", "folder"], "folder, a folder"),
        (["photo.png", "mask.png", "-o", "text.png/out.png"], "text.png"),
        (["clear.png", "mask.png", "-o", "out.jpg"], "transparent"),
        (["photo.png", "mask.png", "--weights", "missing.weights.h5"], "missing.weights.h5"),
        (["photo.png", "mask.png"], "zoo train tiny"),
        (["photo.png"], "--help"),
        (["photo.png", "mask.png", "--frobnicate"], "--frobnicate"),
    ],
)
def test_inpaint_refuses_before_it_loads_a_model(tiny, photo, monkeypatch, arguments, expected):
    Path("folder").mkdir()
    Path("text.png").write_text("no picture")
    Image.fromarray(photo[0].astype("uint16")[..., 0]).save("deep.png")
    Image.fromarray(photo[1][:20, :20]).save("small.png")
    Image.fromarray(photo[0]).convert("RGBA").resize((40, 30)).save("clear.png")
    clear = read("clear.png")
    clear[0, 0, 3] = 0
    Image.fromarray(clear).save("clear.png")
    before = {path: path.is_dir() or path.read_bytes() for path in Path().iterdir()}
    monkeypatch.setattr(
        "zoo.hub.specs.ModelSpec.build", lambda *_, **__: pytest.fail("a model was built")
    )
    assert expected in fail("inpaint", "tiny", *arguments)
    assert {path: path.is_dir() or path.read_bytes() for path in Path().iterdir()} == before


def test_files_are_checked_before_keras_is_imported(here, photo):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('keras' in sys.modules))\n"
        "from zoo.cli import main; main()\n"
    )
    Path("photo.png").write_bytes(b"junk")
    result = run_process("inpaint", "inpaint_scenes64", "photo.png", "mask.png", code=code)
    assert (result.returncode, result.stdout) == (2, "False\n")
    assert result.stderr.startswith("error: Expected a picture file")
    assert result.stderr.count("\n") == 1


def test_a_color_picture_and_a_model_of_digits(here, photo, monkeypatch):
    monkeypatch.setattr("zoo.hub.loading.load", lambda *_, **__: pytest.fail("a model was loaded"))
    assert "colors" in fail("inpaint", "inpaint_mnist", "photo.png", "mask.png")
    assert sorted(os.listdir(here)) == ["mask.png", "photo.png"]


def test_pictures_of_other_sizes_are_refused(weights, here):
    Image.fromarray(np.zeros((10, 30), "uint8")).save("photo.png")
    Image.fromarray(np.full((10, 30), 255, "uint8")).save("mask.png")
    assert "30x10" in fail("inpaint", "tiny", "photo.png", "mask.png", "--weights", weights)
    assert not Path("photo_restored.png").exists()


def test_weights_that_arent_are_refused(tiny, photo):
    Path("junk.weights.h5").write_bytes(b"junk")
    Path("out.png").write_bytes(b"what was here before")
    options = ["-o", "out.png", "--weights", "junk.weights.h5"]
    assert "HDF5" in fail("inpaint", "tiny", "photo.png", "mask.png", *options)
    assert Path("out.png").read_bytes() == b"what was here before"


# ------------------------------------------------------------ kinds of models


def test_inpaint_wants_a_model_that_restores(drawing, tiny, photo):
    error = fail("inpaint", "drawing", "photo.png", "mask.png")
    assert "zoo sample drawing" in error
    assert "inpaint_scenes64" in error
    assert "tiny" in error
    assert "dcgan_mnist" not in error
    assert "Closest: inpaint_scenes64" in fail("inpaint", "inpaint_scene", "photo.png", "mask.png")


def test_sample_wants_a_model_that_draws(tiny, drawing, here):
    error = fail("sample", "tiny", "-n", 3)
    assert "zoo inpaint tiny" in error
    assert "dcgan_mnist" in error
    assert "inpaint_scenes64" not in error
    assert os.listdir(here) == []


@pytest.fixture
def own_families(here):
    """Models that somebody else's functions build: their families tell nothing."""

    def restorer(**config):
        return zoo.InpaintingGAN(**config)

    def drawer(**config):
        return zoo.VanillaGAN(**config)

    registry.register("own_restorer", config=CONFIG)(restorer)
    registry.register("own_drawer", config=DRAWING)(drawer)
    yield
    registry.unregister("own_restorer")
    registry.unregister("own_drawer")


def test_models_of_other_families_are_told_apart_once_they_are_built(own_families, photo):
    for name in ("own_restorer", "own_drawer"):
        save_weights(zoo.load(name, weights=None, seed=1), f"{name}.weights.h5")
    inputs = ["photo.png", "mask.png"]
    succeed("inpaint", "own_restorer", *inputs, "--weights", "own_restorer.weights.h5")
    succeed("sample", "own_drawer", "-n", 2, "--weights", "own_drawer.weights.h5")
    before = sorted(os.listdir())
    error = fail("inpaint", "own_drawer", *inputs, "--weights", "own_drawer.weights.h5")
    assert "zoo sample own_drawer" in error
    error = fail("sample", "own_restorer", "--weights", "own_restorer.weights.h5")
    assert "zoo inpaint own_restorer" in error
    assert sorted(os.listdir()) == before


def test_help_names_the_command(here):
    assert "inpaint" in succeed("--help")
    text = succeed("inpaint", "--help")
    for word in ("--resize-mask", "--weights", "127", "lossy", "PICTURE_restored.png"):
        assert word in text
