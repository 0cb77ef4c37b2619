"""`zoo inpaint`: what it writes, and how it fails; commands and the models that they are for."""

import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import zoo
from tests.cli.commands import (
    KINDS,
    PRINT_WHETHER_KERAS_IS_LOADED,
    fail,
    register,
    run,
    run_process,
    save_fresh_weights,
    succeed,
)
from tests.images.pictures import load


@pytest.fixture
def tiny(here):
    register("tiny", "restores")
    return "tiny"


@pytest.fixture
def photo(here):
    """photo.png and mask.png, and their arrays."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype("uint8")
    hole = np.zeros((30, 40), bool)
    hole[10:20, 14:34] = True
    Image.fromarray(pixels).save("photo.png")
    Image.fromarray(hole).save("mask.png")
    return pixels, hole


def test_inpaint_writes_what_the_model_draws(weights, photo):
    inputs = ["inpaint", "tiny", "photo.png", "mask.png", "--weights", weights]
    text = succeed(*inputs, "-o", "a/b.png")
    backend = keras.backend.backend()
    assert text == f"wrote a/b.png: 200 of 1,200 pixels drawn by tiny, on {backend}\n"
    pixels, hole = photo
    restored = load("a/b.png")
    assert np.array_equal(restored, zoo.load("tiny", weights=weights).inpaint(pixels, hole))
    assert np.array_equal(restored[~hole], pixels[~hole])
    assert (restored[hole] != pixels[hole]).any()


def test_inpaint_writes_beside_the_picture_by_default(weights, photo):
    Path("album").mkdir()
    Image.fromarray(photo[0]).save("album/other.jpg")
    inputs = ["inpaint", "tiny", "album/other.jpg", "mask.png", "--weights", weights]
    for _ in range(2):  # an earlier output is replaced
        assert "album/other_restored.png" in succeed(*inputs)
        assert load("album/other_restored.png").shape == (30, 40, 3)
    assert len(os.listdir("album")) == 2


@pytest.mark.filterwarnings("always::UserWarning")  # as outside of the tests
def test_a_mask_is_resized_on_request_and_a_warning_is_one_line(weights, photo):
    Image.fromarray(np.zeros((15, 20), "uint8")).save("mask.png")
    inputs = ["inpaint", "tiny", "photo.png", "mask.png", "--weights", weights, "--resize-mask"]
    result = run(*inputs)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: The mask mask.png marks nothing as missing")
    assert result.stderr.count("\n") == 1
    assert np.array_equal(load("photo_restored.png"), photo[0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.png", "mask.png"], "missing.png"),
        (["photo.png", "missing.png"], "missing.png"),
        (["photo.png", "small.png"], "--resize-mask"),
        (["photo.png", "mask.png", "-o", "photo.png"], "replace an input"),
        (["photo.png", "mask.png", "-o", "out.gif"], ".webp"),
        (["photo.png", "mask.png", "-o", "folder"], "folder, a folder"),
        (["photo.png", "mask.png", "-o", "photo.png/out.png"], "photo.png"),
        (["clear.png", "mask.png", "-o", "out.jpg"], "transparent"),
        (
            ["photo.png", "mask.png", "--weights", "missing.weights.h5"],
            "no weights file at missing",
        ),
        (["photo.png", "mask.png"], "zoo train tiny"),
        (["photo.png"], "--help"),
        (["photo.png", "--mask-from-alpha"], "alpha channel"),
        (["photo.png", "photo.png", "mask.png"], "an output of its own"),
        (["photo.png", "clear.png", "mask.png", "-o", "small.png"], "into a folder"),
        (["photo.png", "clear.png", "folder"], "one mask of photo.png"),
    ],
)
def test_inpaint_refuses_before_it_builds_a_model(
    tiny, photo, builds_no_model, arguments, expected
):
    Path("folder").mkdir()
    Image.fromarray(photo[1][:20, :20]).save("small.png")
    Image.fromarray(np.full((30, 40, 4), 9, "uint8")).save("clear.png")
    before = {path: path.is_dir() or path.read_bytes() for path in Path().iterdir()}
    assert expected in fail("inpaint", "tiny", *arguments)
    assert {path: path.is_dir() or path.read_bytes() for path in Path().iterdir()} == before


def test_a_color_picture_and_a_model_of_digits(photo, builds_no_model):
    assert "colors" in fail("inpaint", "inpaint_mnist", "photo.png", "mask.png")


def test_files_are_checked_before_keras_is_imported(here, photo):
    Path("photo.png").write_bytes(b"junk")
    arguments = ["inpaint", "inpaint_scenes64", "photo.png", "mask.png"]
    result = run_process(*arguments, code=PRINT_WHETHER_KERAS_IS_LOADED)
    assert (result.returncode, result.stdout) == (2, "False\n")
    assert result.stderr.startswith("error: Expected a picture file")


def test_several_pictures_with_one_mask_or_a_folder_of_them(weights, photo):
    pixels, hole = photo
    Image.fromarray(pixels[::-1]).save("other.bmp")
    Path("masks").mkdir()
    Image.fromarray(hole).save("masks/photo.gif")
    Image.fromarray(hole[::-1]).save("masks/other.png")
    model = zoo.load("tiny", weights=weights)
    for masks, other_hole in (("mask.png", hole), ("masks", hole[::-1])):
        text = succeed(
            "inpaint", "tiny", "photo.png", "other.bmp", masks, "--weights", weights, "-o", "done"
        )
        assert text.count("wrote ") == 2
        assert np.array_equal(load("done/photo_restored.png"), model.inpaint(pixels, hole))
        expected = model.inpaint(pixels[::-1], other_hole)
        assert np.array_equal(load("done/other_restored.png"), expected)


def test_the_alpha_channel_is_the_mask(weights, photo):
    pixels, hole = photo
    alpha = np.where(hole, 0, 255).astype("uint8")
    Image.fromarray(np.dstack([pixels, alpha])).save("erased.png")
    inputs = ["inpaint", "tiny", "erased.png", "--mask-from-alpha", "--weights", weights]
    assert "200 of 1,200 pixels" in succeed(*inputs)
    expected = zoo.load("tiny", weights=weights).inpaint(pixels, hole)
    assert np.array_equal(load("erased_restored.png"), expected)


def test_classical_methods_are_written_beside_the_output(weights, photo):
    pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    text = succeed(
        "inpaint", "tiny", "photo.png", "mask.png", "--compare", "--weights", weights, "-o", "a.png"
    )
    pixels, hole = photo
    for method in ("telea", "navier_stokes", "biharmonic"):
        assert f"wrote a_{method}.png" in text
        restored = load(f"a_{method}.png")
        assert np.array_equal(restored[~hole], pixels[~hole])
        assert (restored[hole] != pixels[hole]).any()


@pytest.mark.parametrize(
    ("picture", "expected"),
    [("missing.png", "missing.png"), ("photo.png", "pip install opencv-python-headless")],
)
def test_pictures_are_looked_for_before_the_libraries_that_are_missing(
    tiny, photo, monkeypatch, builds_no_model, picture, expected
):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert expected in fail("inpaint", "tiny", picture, "mask.png", "--compare")


# ------------------------------------------------------------ kinds of models


def test_commands_refuse_models_of_the_other_kind(tiny, photo):
    register("drawing")
    error = fail("inpaint", "drawing", "photo.png", "mask.png")
    assert all(name in error for name in ("zoo sample drawing", "inpaint_scenes64", "tiny"))
    assert "dcgan_mnist" not in error
    error = fail("sample", "tiny", "-n", 3)
    assert all(name in error for name in ("zoo inpaint tiny", "dcgan_mnist", "drawing"))
    assert "inpaint_scenes64" not in error


def test_models_of_other_families_are_told_apart_once_they_are_built(photo):
    for name, kind, build in (
        ("own_restorer", "restores", zoo.InpaintingGAN),
        ("own_drawer", "draws", zoo.VanillaGAN),
    ):
        zoo.register(name, config=KINDS[kind][1])(build)
        save_fresh_weights(name)
    restorer, drawer = (["--weights", f"own_{kind}.weights.h5"] for kind in ("restorer", "drawer"))
    inputs = ["photo.png", "mask.png"]
    succeed("inpaint", "own_restorer", *inputs, *restorer)
    succeed("sample", "own_drawer", "-n", 2, *drawer)
    assert "zoo sample own_drawer" in fail("inpaint", "own_drawer", *inputs, *drawer)
    assert "zoo inpaint own_restorer" in fail("sample", "own_restorer", *restorer)
