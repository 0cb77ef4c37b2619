"""The same weights make the same images, and the same training, on every backend.

Each backend computes in a process of its own (`parity_worker.py`), and the arrays meet on disk. A
test run under one backend compares it with the next one; runs under all backends close the ring.
"""

import subprocess
import sys

import numpy as np
import pytest

import zoo
from tests.cross_backend.parity_worker import LOSSES
from tests.processes import BACKENDS, HERE, NEXT, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(BACKENDS) < 2, reason="needs two backends"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Backend -> arrays, of this one and of the next."""
    folder = tmp_path_factory.mktemp("parity")
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.cross_backend.parity_worker", folder / f"{backend}.npz"],
            env=environment(backend),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for backend in (HERE, NEXT)
    ]
    for worker in workers:
        output, _ = worker.communicate(timeout=900)
        assert worker.returncode == 0, output
    return [dict(np.load(folder / f"{backend}.npz")) for backend in (HERE, NEXT)]


@pytest.mark.parametrize("name", zoo.list_models())
def test_same_weights_and_latents_give_the_same_samples(results, name):
    here, other = (arrays[f"samples/{name}"] for arrays in results)
    assert here.std() > 0.05  # a generator stuck at one value would agree with anything
    np.testing.assert_allclose(here, other, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", zoo.list_models())
def test_same_seed_gives_the_same_images_up_to_one_gray_level(results, name):
    here, other = (arrays[f"images/{name}"].astype(int) for arrays in results)
    assert np.abs(here - other).max() <= 1


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_pretrained_models_draw_the_same_images(results, name):
    here, other = (arrays[f"pretrained/{name}"].astype(int) for arrays in results)
    assert np.abs(here - other).max() <= 1


@pytest.mark.parametrize("name", [*zoo.list_models(), *LOSSES])
def test_same_batches_and_latents_give_the_same_losses(results, name):
    here, other = (arrays[f"losses/{name}"] for arrays in results)
    assert np.ptp(here, axis=0).min() > 1e-3  # training moves
    np.testing.assert_allclose(here, other, rtol=1e-3, atol=1e-6)
