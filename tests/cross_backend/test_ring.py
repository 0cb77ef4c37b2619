"""The ring of eight Gaussians, the field's test of mode coverage, through the shipped example."""

import pytest

from examples import ring_of_gaussians as ring

ON_EACH_BACKEND = "non_saturating"
"""That all losses train alike on all backends is for `test_parity.py` to say."""


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(loss, marks=() if loss == ON_EACH_BACKEND else pytest.mark.cross_backend)
        for loss in ring.RECIPES
    ],
)
def test_every_loss_covers_the_ring(loss):
    model = ring.train(loss)
    modes, share = ring.score(model.generate(2500, seed=0))
    assert modes >= 7
    assert share >= 0.7


@pytest.mark.no_backend
def test_score_sees_a_collapsed_generator():
    points = ring.sample_ring(2500, ring.np.random.default_rng(0))
    assert ring.score(points) == (8, 1.0)
    assert ring.score(points * 0 + ring.MODES[0])[0] == 1
    assert ring.score(points * 0) == (0, 0.0)
