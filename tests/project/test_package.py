"""What gets installed: a wheel that carries the weights, and models that are there at once."""

import subprocess
import sys

import pytest

import zoo
from tests.processes import HERE, ROOT, environment
from zoo.hub import registry

NO_NETWORK = """
import socket
def refuse(*arguments, **options):
    raise OSError("this test has no network")
socket.socket.connect = socket.getaddrinfo = refuse
"""

PRETRAINED = zoo.list_models(pretrained=True)


def python(code, cwd=None, **changes):
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment(HERE, **changes),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory):
    """A folder that holds nothing but what the wheel brings."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, wheel]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    return target


def test_the_weights_fit_a_package_index():
    files = [path for path in (ROOT / "weights").rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 15e6
    # An index takes wheels of 100 MB, and the weights hardly compress.
    assert sum(path.stat().st_size for path in files) < 90e6


def test_every_model_that_draws_is_pretrained():
    drawing = [name for name in zoo.list_models() if registry.find(name).task == "draw"]
    assert set(drawing) <= set(PRETRAINED)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRETRAINED)
def test_installed_wheel_draws_without_checkout_or_network(installed_wheel, tmp_path, name):
    code = f"""{NO_NETWORK}
import numpy as np, zoo
print(zoo.__file__)
model = zoo.load({name!r})
images = np.random.default_rng(0).integers(0, 256, (4, *model.image_shape), "uint8")
images = model.preview(images, 4, seed=0)
print(images.shape, images.dtype, int(images.std()) > 20)
"""
    output = python(code, cwd=tmp_path, PYTHONPATH=str(installed_wheel))
    where, what = output.strip().splitlines()
    assert where.startswith(str(installed_wheel))
    assert what.endswith("uint8 True")


@pytest.mark.slow
@pytest.mark.skipif("dcgan_mnist" not in PRETRAINED, reason="no weights in this checkout")
def test_load_takes_a_second_beyond_importing_keras():
    # Processor time: the wall clock of a busy machine says little.
    code = """
import time, keras, zoo
start = time.process_time()
zoo.load("dcgan_mnist")
print(time.process_time() - start)
"""
    assert min(float(python(code)) for _ in range(2)) < 1.0


@pytest.mark.slow
def test_memory_stays_flat_in_the_number_of_images():
    code = """
import resource
from tests.tiny import build_tiny
model = build_tiny("dcgan_mnist")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB
model.generate(1000, seed=0)
before = peak()
images = model.generate(10_000, seed=0)
print(peak() - before - images.nbytes / 2**20)
"""
    assert float(python(code)) < 30
