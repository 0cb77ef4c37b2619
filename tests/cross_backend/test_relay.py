"""Training handed from backend to backend: saved on one, continued on the next."""

import json

import numpy as np
import pytest

from tests.cross_backend import relay_worker
from tests.processes import BACKENDS, HERE, run_python

pytestmark = [
    pytest.mark.cross_backend,
    pytest.mark.skipif(len(BACKENDS) < 2, reason="needs two backends"),
]


def test_losses_go_on_from_where_they_were_on_another_backend(tmp_path):
    """Each backend hands on to another and takes over from another; beside it, one runs through."""
    start = BACKENDS.index(HERE)
    relay = [*BACKENDS[start:], *BACKENDS[:start], HERE]
    handed_on = alone = "-"
    finish = None
    for leg, backend in enumerate(relay):
        paths = [tmp_path / f"relay{leg}.weights.h5", tmp_path / f"relay{leg}.json"]
        run_python("-m", "tests.cross_backend.relay_worker", handed_on, *paths, backend=backend)
        handed_on, found = paths[0], json.loads(paths[1].read_text())
        end = tmp_path / f"alone{leg}.weights.h5"
        expected, alone = relay_worker.train(alone, end), end
        for key in ("before", "history", "after"):
            for name, value in expected[key].items():
                np.testing.assert_allclose(found[key][name], value, rtol=2e-3, err_msg=name)
        assert found["iterations"] == [8 * (leg + 1)] * 2
        if finish is not None:  # what it starts from is what the one before ended with
            for name, value in finish.items():
                np.testing.assert_allclose(found["before"][name], value, rtol=1e-4, err_msg=name)
        finish = found["after"]
    difference = np.abs(np.subtract(found["images"], expected["images"]))
    assert difference.max() <= 1
