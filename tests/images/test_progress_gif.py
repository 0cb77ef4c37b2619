"""The animation of a training run: which epochs, in which order, of which size, for how long."""

import os

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from zoo.errors import InvalidInputError
from zoo.images import grids
from zoo.images.progress_gif import FRAMES, save_progress

pytestmark = pytest.mark.no_backend


@pytest.fixture
def run(tmp_path):
    """A training run's folder, without a picture so far."""
    (tmp_path / "run" / "samples").mkdir(parents=True)
    return tmp_path / "run"


def write(run, number, pixels, digits=4):
    Image.fromarray(pixels).save(run / "samples" / f"epoch_{number:0{digits}}.png")


def level(value, size=(20, 30)):
    return np.full(size, value, "uint8")


def read(path):
    """Every frame in RGB, and how long it shows."""
    with Image.open(path) as picture:
        assert (picture.format, picture.info.get("loop")) == ("GIF", 0)
        frames, durations = [], []
        for index in range(picture.n_frames):
            picture.seek(index)
            frames.append(np.asarray(picture.convert("RGB")))
            durations.append(picture.info["duration"])
    return frames, durations


def read_gray(path):
    """The first frame, in grays."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def noise(count, shape=(28, 28, 1)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("uint8")


def test_epochs_follow_each_other_by_number_and_the_last_one_stays(run):
    for number in (10, 9, 11, 1):
        write(run, number, level(20 * number), digits=1)
    Image.fromarray(level(30)).save(run / "samples" / "epoch_best.png")
    (run / "samples" / ".x.epoch_0003.png").write_bytes(b"half a pict")
    assert save_progress(run, run / "progress.gif", frame_ms=50, last_ms=700) == 4
    frames, durations = read(run / "progress.gif")
    assert [frame[0, 0, 0] for frame in frames] == [20, 180, 200, 220]
    assert durations == [50, 50, 50, 700]


def test_the_folder_of_the_pictures_will_do(run):
    write(run, 3, level(30))
    assert save_progress(run, run / "made" / "a.gif") == 1
    save_progress(run / "samples", run / "b.gif")
    assert (run / "made" / "a.gif").read_bytes() == (run / "b.gif").read_bytes()
    with Image.open(run / "b.gif") as picture:
        assert (picture.n_frames, picture.size) == (1, (30, 20))


def test_epochs_that_look_the_same_take_their_time(run):
    for number in range(FRAMES):  # the most there can be: they fit a GIF
        write(run, number, level(10, (2, 2)))
    assert save_progress(run, run / "progress.gif", frame_ms=5000, last_ms=60_000) == FRAMES
    write(run, FRAMES - 1, level(20, (2, 2)))
    save_progress(run, run / "progress.gif", frame_ms=5000, last_ms=60_000)
    _, durations = read(run / "progress.gif")
    assert sum(durations) == (FRAMES - 1) * 5000 + 60_000


def test_of_many_epochs_some_are_shown_at_even_distances(run):
    count = FRAMES + 87
    for number in range(count):
        write(run, number, level(number, (4, 4)))
    assert save_progress(run, run / "progress.gif") == FRAMES
    frames, _ = read(run / "progress.gif")
    shown = [int(frame[0, 0, 0]) for frame in frames]
    assert (len(shown), shown[0], shown[-1]) == (FRAMES, 0, count - 1)
    assert set(np.diff(shown)) == {1, 2}


# ------------------------------------------------------------------------ sizes


def test_enlarged_grids_are_enlarged_less_and_lose_nothing(run):
    images = noise(64)
    for number in (1, 2):
        name = f"epoch_{number:04}.png"
        grids.save_png(images[::-1] if number == 2 else images, run / "samples" / name)
    save_progress(run, run / "progress.gif")
    frames, _ = read(run / "progress.gif")
    grid = grids.make_grid(images)
    assert frames[0].shape == (484, 484, 3)  # of 726: every pixel twice in place of three times
    assert np.array_equal(frames[0], np.broadcast_to(grid, (242, 242, 3)).repeat(2, 0).repeat(2, 1))


def test_grids_that_dont_say_how_often_pixels_are_repeated_are_averaged(run):
    images = noise(64)
    grids.save_png(images, run / "samples" / "epoch_0001.png")
    with Image.open(run / "samples" / "epoch_0001.png") as picture:
        pixels = np.asarray(picture)
    write(run, 1, pixels)  # as an earlier version did
    save_progress(run, run / "progress.gif")
    frame = read_gray(run / "progress.gif")
    assert frame.shape == (500, 500)
    assert abs(frame.mean() - pixels.mean()) < 1


@pytest.mark.parametrize("text", ["7", "0", "-3", "three", "9" * 5000])
def test_a_scale_that_isnt_true_does_no_harm(run, text):
    info = PngInfo()
    info.add_text(grids.SCALE, text)
    pixels = noise(1, (60, 50))[0]
    Image.fromarray(pixels).save(run / "samples" / "epoch_0001.png", pnginfo=info)
    save_progress(run, run / "progress.gif")
    np.testing.assert_array_equal(read_gray(run / "progress.gif"), pixels)


@pytest.mark.parametrize(("shape", "factor"), [((600, 1000), 2), ((500, 321), 1)])
def test_only_grids_over_500_pixels_are_averaged(run, shape, factor):
    pixels = noise(1, shape)[0]
    write(run, 1, pixels)
    save_progress(run, run / "progress.gif")
    height, width = (side // factor for side in shape)
    expected = pixels.reshape(height, factor, width, factor).mean((1, 3))
    np.testing.assert_allclose(read_gray(run / "progress.gif"), expected, atol=factor - 1)


def test_transparent_pixels_are_laid_on_white(run):
    pixels = np.zeros((4, 6, 4), "uint8")
    pixels[:, :2], pixels[:, 2:4] = (200, 0, 40, 255), (100, 100, 100, 51)
    write(run, 1, pixels)
    save_progress(run, run / "progress.gif")
    with Image.open(run / "progress.gif") as picture:
        row = [picture.convert("RGB").getpixel((x, 1)) for x in (0, 2, 4)]
    assert row == [(200, 0, 40), (224, 224, 224), (255, 255, 255)]


# ----------------------------------------------------------------------- errors


@pytest.mark.parametrize("folder", ["run", "run/samples", "nowhere", "run/notes.txt"])
def test_a_folder_without_epochs_is_refused(run, folder):
    (run / "notes.txt").touch()
    with pytest.raises(InvalidInputError, match=r"`folder` must be .*epoch_0001.*Received: .*"):
        save_progress(run.parent / folder, run / "progress.gif")
    assert not (run / "progress.gif").exists()


@pytest.mark.parametrize("other", [level(2, (20, 31)), np.zeros((20, 30, 3), "uint8")])
def test_pictures_of_two_sizes_are_refused(run, other):
    write(run, 1, level(1))
    write(run, 2, other)
    with pytest.raises(InvalidInputError, match=r"one size.*epoch_0001\.png.*epoch_0002\.png"):
        save_progress(run, run / "progress.gif")


@pytest.mark.parametrize("name", ["frame_ms", "last_ms"])
@pytest.mark.parametrize("value", [9, 60_001, 50.0])
def test_times_out_of_range_are_refused(run, name, value):
    write(run, 1, level(1))
    with pytest.raises(InvalidInputError, match=f"`{name}` must be an integer .*Received: {name}="):
        save_progress(run, run / "progress.gif", **{name: value})


def test_a_failure_keeps_what_was_there(run, monkeypatch):
    def fail(self, file, **options):
        file.write_bytes(b"half a pict")
        raise OSError("No space left on device")

    path = run / "progress.gif"
    path.write_bytes(b"what was here before")
    write(run, 1, noise(1, (40, 40))[0])
    write(run, 2, noise(1, (40, 40))[0])
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", fail)
        with pytest.raises(OSError, match="No space"):
            save_progress(run, path)
    bad = run / "samples" / "epoch_0002.png"
    for content in (bad.read_bytes()[:900], b"junk", b""):
        bad.write_bytes(content)
        with pytest.raises(InvalidInputError, match=r"Received: .*epoch_0002\.png"):
            save_progress(run, path)
    assert path.read_bytes() == b"what was here before"
    assert sorted(os.listdir(run)) == ["progress.gif", "samples"]
