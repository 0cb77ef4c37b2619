"""The page in a browser: draws, restores an upload that is painted over, and leaves no trace."""

import base64
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.demo.test_serving import wait_until_gone
from tests.processes import HERE, environment
from zoo.images.grids import show

if importlib.util.find_spec("gradio") is None:
    pytest.skip("no Gradio", allow_module_level=True)

pytestmark = [
    pytest.mark.cross_backend,
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals"),
]
NAMES = ("gan_mnist_small", "dcgan_mnist", "inpaint_scenes64")
# A shell lets processes in the background ignore Ctrl-C. Whom it calls is told on standard error.
PROGRAM = """
import signal, socket, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

def watch(function, host_of):
    def watched(*arguments, **options):
        host = host_of(*arguments)
        if host not in (None, "", "127.0.0.1", "localhost"):
            print("CALLED", host, file=sys.stderr, flush=True)
            raise OSError("no network")
        return function(*arguments, **options)
    return watched

socket.getaddrinfo = watch(socket.getaddrinfo, lambda host, *rest: host)
socket.socket.connect = watch(socket.socket.connect, lambda sock, address: address[0])
from zoo.cli import main
main()
"""


class Server:
    """`zoo demo` in a process of its own, whose temporary files and home lie in a folder."""

    def __init__(self, folder):
        self.temporary, self.home = folder / "tmp", folder / "home"
        self.temporary.mkdir()
        self.home.mkdir()
        folders = {
            "TMPDIR": self.temporary,
            "HOME": self.home,
            "KERAS_HOME": os.environ.get("KERAS_HOME") or Path.home() / ".keras",
            "MPLCONFIGDIR": folder / "matplotlib",  # which Gradio imports, and which caches fonts
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "demo", *NAMES],
            env=environment(HERE, **{name: str(path) for name, path in folders.items()}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )
        watchdog = threading.Timer(300, self.process.kill)
        watchdog.start()
        self.address = self.process.stdout.readline().split(" ")[0]
        watchdog.cancel()
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate()[1]

    def stop(self):
        """Ends it as Ctrl-C does; returns its exit status and what it said."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def files(self):
        folders = (self.temporary, self.home)
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def page(server):
    """The page in Chromium, which notes what it requests and what fails in it."""
    api = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    programs = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, programs)), None)
    if program is None:
        pytest.skip("no Chromium")
    requests, errors = [], []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address)
        page.get_by_role("button", name="Draw").wait_for()
        yield page
        browser.close()
    # The server ends before the page does.
    assert [error for error in errors if not error.startswith("Connection errored out")] == []
    local = (server.address, "data:", "blob:")
    assert [url for url in requests if not url.startswith(local)] == []


def shown(page, caption):
    """Returns the picture above a caption, as an array."""
    source = page.get_by_alt_text(caption, exact=True).get_attribute("src")
    data = base64.b64decode(source.partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def fill(page, label, value):
    page.get_by_label(label).locator("visible=true").first.fill(str(value))


def test_draws_what_the_model_draws(page):
    fill(page, "Seed", 3)
    page.get_by_role("button", name="Draw").click()
    picture = shown(page, "36 images of gan_mnist_small, seed 3")
    expected = np.asarray(show(zoo.load("gan_mnist_small").generate(36, seed=3)), int)
    assert abs(picture - expected).max() <= 1


def test_a_wrong_seed_is_told_in_the_page(page):
    fill(page, "Seed", -1)
    page.get_by_role("button", name="Draw").click()
    page.get_by_text("`seed` must be an integer of at least 0. Received: seed=-1").wait_for()


def test_compares_models_on_the_same_latents(page):
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Compare").click()
    for name in NAMES[:2]:
        expected = np.asarray(show(zoo.load(name).generate(36, seed=0)), int)
        assert abs(shown(page, name) - expected).max() <= 1


def test_an_upload_is_restored_where_it_is_painted_over_and_leaves_no_trace(page, server, tmp_path):
    y, x = np.mgrid[:48, :64]
    upload = np.stack([4 * x, 5 * y, 255 - 2 * (x + y)], axis=-1).astype("uint8")
    Image.fromarray(upload).save(tmp_path / "upload.png")
    page.get_by_role("tab", name="Restore").click()
    button = page.get_by_role("button", name="Restore")
    button.click()
    page.get_by_text("There is no picture yet").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "upload.png")
    page.get_by_text(re.compile(r"^\d+%$")).wait_for()  # the zoom of what is in the editor
    page.wait_for_timeout(2000)
    box = page.locator("canvas").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 30, middle[1], steps=5)
    page.mouse.up()
    button.click()
    restored = shown(page, "inpaint_scenes64")
    changed = (restored != upload).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert 10 < changed.sum() < 48 * 64 / 4
    assert (rows.min() > 10) & (rows.max() < 38), "far from the stroke"
    assert (columns.min() > 20) & (columns.max() < 60), "far from the stroke"
    page.get_by_alt_text("telea", exact=True).or_(page.get_by_text("Left out")).first.wait_for()
    # While it runs, what was uploaded is readable by its owner only.
    (folder,) = server.temporary.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    status, said = server.stop()
    assert status == 130, said
    assert "Traceback" not in said
    assert "CALLED" not in said
    wait_until_gone(folder)
    assert server.files() == []
    assert list(server.temporary.iterdir()) == []
