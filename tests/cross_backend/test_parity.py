"""The same weights make the same images, and the same training, on every backend.

Each backend computes in a process of its own (`parity_worker.py`), the arrays meet on disk, and
every pair of backends is compared.
"""

import itertools

import numpy as np
import pytest

import zoo
from tests.cross_backend.parity_worker import LOSSES
from tests.processes import BACKENDS, on_each_backend, run_python

pytestmark = [
    pytest.mark.cross_backend,
    pytest.mark.skipif(len(BACKENDS) < 2, reason="needs two backends"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Maps each backend to its arrays."""
    folder = tmp_path_factory.mktemp("parity")

    def compute(backend):
        path = folder / f"{backend}.npz"
        run_python("-m", "tests.cross_backend.parity_worker", path, backend=backend, timeout=1800)
        return dict(np.load(path))

    return on_each_backend(compute)


def pairs(results, key):
    """Yields a description and two arrays for every pair of backends."""
    for one, other in itertools.combinations(results, 2):
        yield f"{one}, {other}", results[one][key], results[other][key]


@pytest.mark.parametrize("name", zoo.list_models())
def test_same_weights_and_latents_give_the_same_samples(results, name):
    for backends, one, other in pairs(results, f"samples/{name}"):
        assert one.std() > 0.05  # a generator stuck at one value would agree with anything
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4, err_msg=backends)


@pytest.mark.parametrize(
    "key",
    [
        *(f"images/{name}" for name in zoo.list_models()),
        *(f"pretrained/{name}" for name in zoo.list_models(pretrained=True)),
        "photograph",
    ],
)
def test_same_seed_gives_the_same_images_up_to_one_gray_level(results, key):
    for backends, one, other in pairs(results, key):
        assert np.abs(one.astype(int) - other).max() <= 1, backends


@pytest.mark.parametrize("name", [*zoo.list_models(), *LOSSES])
def test_same_batches_and_latents_give_the_same_losses(results, name):
    for backends, one, other in pairs(results, f"losses/{name}"):
        assert np.ptp(one, axis=0).min() > 1e-3  # training moves
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6, err_msg=backends)
