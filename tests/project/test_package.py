"""What gets installed: a wheel that carries the weights, and models that load at once."""

import re
import subprocess
import sys
import tomllib

import pytest

import zoo
from tests.processes import ROOT, run_python

NO_NETWORK = """
import socket
def refuse(*arguments, **options):
    raise OSError("this test has no network")
socket.socket.connect = socket.getaddrinfo = refuse
"""

PRETRAINED = zoo.list_models(pretrained=True)


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory):
    """A folder that holds only what the wheel brings."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, wheel]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    return target


@pytest.mark.no_backend
def test_the_weights_fit_a_package_index():
    files = [path for path in (ROOT / "weights").rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 15e6
    # An index takes wheels of 100 MB, and the weights hardly compress.
    assert sum(path.stat().st_size for path in files) < 90e6


@pytest.mark.no_backend
def test_the_source_distribution_has_what_the_tests_import():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py"))
    imported = re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
    ours = {name for name in imported if (ROOT / name / "__init__.py").exists()}
    assert {"zoo", "scripts", "tests"} <= ours <= set(included)
    assert "examples" in included  # run by the tests of documents


@pytest.mark.no_backend
def test_every_model_that_draws_is_pretrained():
    drawing = {name for name in zoo.list_models() if zoo.info(name).family != "inpainting_gan"}
    assert drawing <= set(PRETRAINED)


@pytest.mark.cross_backend  # parity loads them on the other backends
def test_installed_wheel_draws_without_checkout_or_network(installed_wheel, tmp_path):
    code = f"""{NO_NETWORK}
import numpy as np, zoo
print(zoo.__file__)
for name in zoo.list_models(pretrained=True):
    model = zoo.load(name)
    images = np.random.default_rng(0).integers(0, 256, (4, *model.image_shape), "uint8")
    images = model.preview(images, 4, seed=0)
    print(name, images.dtype, int(images.std()) > 20)
"""
    where, *what = run_python("-c", code, cwd=tmp_path, PYTHONPATH=str(installed_wheel)).split("\n")
    assert where.startswith(str(installed_wheel))
    assert what[:-1] == [f"{name} uint8 True" for name in PRETRAINED]


@pytest.mark.skipif("dcgan_mnist" not in PRETRAINED, reason="no weights in this checkout")
def test_load_takes_a_second_beyond_importing_keras():
    # Processor time: the wall clock of a busy machine says little.
    code = """
import time, keras, zoo
start = time.process_time()
zoo.load("dcgan_mnist")
print(time.process_time() - start)
"""
    assert min(float(run_python("-c", code)) for _ in range(2)) < 1.0


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
    assert float(run_python("-c", code)) < 30
