"""Galleries: one picture of all images, and nothing else changed."""

import sys

import numpy as np
import pytest
from PIL import Image

from tests.keras_cv import needs_keras_cv
from zoo.errors import InvalidInputError, MissingDependencyError
from zoo.images.gallery import save_gallery

pytestmark = pytest.mark.no_backend

LEVELS = [0, 40, 80, 120, 160, 200]


def flat_images(channels, count=6):
    return np.array(LEVELS[:count], "uint8").reshape(-1, 1, 1, 1) * np.ones(
        (8, 8, channels), "uint8"
    )


def read(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGBA"))


def centers(pixels, rows, columns):
    """The pixel in the middle of each image, in reading order: (rows * columns, 4)."""
    height, width = pixels.shape[0] / rows, pixels.shape[1] / columns
    down = ((np.arange(rows) + 0.5) * height).astype(int)
    across = ((np.arange(columns) + 0.5) * width).astype(int)
    return pixels[np.ix_(down, across)].reshape(-1, 4)


@needs_keras_cv
@pytest.mark.parametrize(("channels", "columns", "rows"), [(1, 3, 2), (3, 6, 1), (1, 1, 6)])
def test_images_lie_in_reading_order_in_their_own_grays(tmp_path, channels, rows, columns):
    save_gallery(flat_images(channels), tmp_path / "g.png", columns=columns)
    shown = centers(read(tmp_path / "g.png"), rows, columns)
    np.testing.assert_array_equal(shown, [[level] * 3 + [255] for level in LEVELS])


@needs_keras_cv
@pytest.mark.parametrize(("count", "side"), [(1, 1), (2, 2), (3, 2), (5, 3)])
def test_what_is_left_of_the_last_row_is_white(tmp_path, count, side):
    save_gallery(flat_images(1, count), tmp_path / "folder" / "epoch.12")
    rows = -(-count // side)
    shown = centers(read(tmp_path / "folder" / "epoch.12"), rows, side)
    expected = [*LEVELS[:count], *[255] * (rows * side - count)]
    np.testing.assert_array_equal(shown[:, 0], expected)


@needs_keras_cv
def test_the_ground_is_transparent_and_colors_stay(tmp_path):
    images = np.zeros((2, 4, 4, 3), "uint8")
    images[0, :, :2] = (255, 0, 0)
    images[0, :, 2:] = (0, 0, 255)
    save_gallery(images, tmp_path / "g.png")
    pixels = read(tmp_path / "g.png")
    middle = pixels[len(pixels) // 2]
    assert middle[5].tolist() == [255, 0, 0, 255]
    assert middle[:, 3].min() == 0
    colors = {tuple(color) for color in middle[middle[:, 3] == 255][:, :3]}
    assert {(255, 0, 0), (0, 0, 255), (0, 0, 0)} == colors  # nothing blurred


@needs_keras_cv
def test_matplotlib_stays_as_it_was(tmp_path):
    import matplotlib
    from matplotlib import pyplot

    with matplotlib.rc_context({"image.cmap": "hot", "savefig.dpi": 33}):
        figure = pyplot.figure()
        before, settings = matplotlib.get_backend(), dict(matplotlib.rcParams)
        save_gallery(flat_images(1), tmp_path / "g.png")
        assert dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == [figure.number]
    assert matplotlib.get_backend() == before
    pyplot.close(figure)


@needs_keras_cv
def test_a_failure_leaves_the_earlier_file_and_no_figure(tmp_path, monkeypatch):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    (tmp_path / "g.png").write_bytes(b"what was here before")
    with pytest.raises(OSError, match="No space left"):
        save_gallery(flat_images(1), tmp_path / "g.png")
    assert [path.name for path in tmp_path.iterdir()] == ["g.png"]
    assert (tmp_path / "g.png").read_bytes() == b"what was here before"
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("images", "columns", "expected"),
    [
        (np.zeros((2, 4, 4, 4), "uint8"), None, "C one of 1, 3"),
        (np.zeros((0, 4, 4, 3), "uint8"), None, "at least one pixel"),
        (np.zeros((401, 1, 1, 1), "uint8"), None, "up to 400 images.*Received: 401"),
        (flat_images(1), 0, "columns"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, images, columns, expected):
    with pytest.raises(InvalidInputError, match=expected):
        save_gallery(images, tmp_path / "g.png", columns=columns)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["keras_cv", "matplotlib.pyplot"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "keras-gan-zoo\[cv\]"'):
        save_gallery(flat_images(1), tmp_path / "g.png")
    assert not any(tmp_path.iterdir())
