"""The page of examples/browser draws what the model draws: opened from the disk, offline."""

import shutil

import numpy as np
import pytest

import zoo
from examples.browser.build import FOLDER, RUNTIME, build
from tests.exporting.test_export import require
from tests.tiny import build_tiny, set_weights
from zoo.errors import InvalidInputError

pytestmark = pytest.mark.cross_backend

READ_CANVAS = """() => {
  const canvas = document.getElementById("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.height, canvas.width, Array.from(pixels)];
}"""
READ_LATENTS = """([count, dim, classes, seed]) => [
  Array.from(window.sampleLatent(count, dim, BigInt(seed))),
  Array.from(window.sampleLabels(count, classes, BigInt(seed))),
]"""


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    programs = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page without a network, which notes what it requests and what fails in it."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.requests, page.errors = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def open_page(page, tmp_path):
    """Returns a function that builds the page of a model and opens it."""
    require("onnx")
    if not RUNTIME.is_dir():
        pytest.skip(f"no onnxruntime-web: npm install --prefix {FOLDER}")

    def open_it(name):
        path = tmp_path / "page.html"
        build(name, path)
        page.goto(path.as_uri())
        page.get_by_text("Seed 0: 64 images").wait_for()
        return page

    yield open_it
    assert page.errors == []
    assert [url.split(":")[0] for url in page.requests if not url.startswith("blob:")] == ["file"]


def draw(page, seed, count, label=None):
    """Draws, and returns the canvas as images (count, H, W, 3), given their height."""
    page.get_by_label("Seed").fill(str(seed))
    page.get_by_label("Images").fill(str(count))
    if label is not None:
        page.get_by_label("Class").select_option(label)
    page.get_by_role("button", name="Draw").click()
    page.get_by_text(f"Seed {seed}: {count} images").wait_for()
    return read(page, count)


def read(page, count):
    height, width, pixels = page.evaluate(READ_CANVAS)
    pixels = np.array(pixels, "uint8").reshape(height, width, 4)
    columns = int(np.ceil(np.sqrt(count)))
    rows = int(np.ceil(count / columns))
    tiles = pixels.reshape(rows, height // rows, columns, width // columns, 4).swapaxes(1, 2)
    tiles = tiles.reshape(rows * columns, height // rows, width // columns, 4)[:count]
    assert (tiles[..., 3] == 255).all()
    return tiles[..., :3].astype(int)


def test_the_page_draws_what_the_model_draws(open_page):
    page = open_page("gan_mnist_small")
    model = zoo.load("gan_mnist_small")
    assert abs(read(page, 64) - model.generate(64, seed=0)).max() <= 1
    assert not page.get_by_label("Class").is_visible()
    seed = 2**64 + 7
    assert abs(draw(page, seed, 5) - model.generate(5, seed=seed)).max() <= 1
    # A walk leaves its first image, and ends where it is stopped.
    before = read(page, 5)
    page.get_by_role("button", name="Walk").click()
    page.get_by_text(f"Walking from seed {seed} to {seed + 1}").wait_for()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Walk").wait_for()
    assert (read(page, 5) != before).any()
    assert abs(draw(page, 3, 4) - model.generate(4, seed=3)).max() <= 1


def test_the_page_draws_the_class_that_is_chosen(open_page, monkeypatch):
    model = build_tiny("cdcgan_cifar10")
    set_weights(model)
    monkeypatch.setattr(zoo, "load", lambda name: model)
    page = open_page("cdcgan_cifar10")
    assert abs(read(page, 64) - model.generate(64, seed=0)).max() <= 1
    cats = model.generate(3, seed=1, labels=3)
    assert abs(draw(page, 1, 3, label="cat") - cats).max() <= 1


def test_the_random_numbers_are_numpys(page):
    page.goto("about:blank")
    source = (FOLDER / "latents.js").read_text("utf-8").replace("export ", "")
    source += "Object.assign(window, { sampleLatent, sampleLabels });"
    page.add_script_tag(type="module", content=source)
    for seed in (0, 1, 2**32 - 1, 2**32, 12345678901234567890, 2**200 + 12345):
        latents, labels = page.evaluate(READ_LATENTS, [100, 100, 10, str(seed)])
        expected = zoo.latents.sample_latent(100, 100, seed)
        np.testing.assert_array_equal(np.array(latents, "float32").reshape(100, 100), expected)
        stream = zoo.latents.random_stream(seed, 1)
        np.testing.assert_array_equal(labels, (stream.random(100) * 10).astype(int))


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "export", lambda *_: pytest.fail("exported for nothing"))
    with pytest.raises(InvalidInputError, match=r"npm install --prefix"):
        build("gan_mnist_small", tmp_path / "page.html", runtime=tmp_path)
    with pytest.raises(InvalidInputError, match="restores pictures"):
        build("inpaint_mnist", tmp_path / "page.html")
