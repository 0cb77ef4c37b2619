"""Training handed from backend to backend: saved on one, continued on the next."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.processes import BACKENDS, HERE, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(BACKENDS) < 2, reason="needs two backends"),
]


def run(backend, start, folder, tag):
    end, results = folder / f"{tag}.weights.h5", folder / f"{tag}.json"
    command = [
        sys.executable,
        "-m",
        "tests.cross_backend.relay_worker",
        str(start),
        str(end),
        str(results),
    ]
    subprocess.run(command, env=environment(backend), check=True, timeout=600)
    return end, json.loads(results.read_text())


def test_losses_go_on_from_where_they_were_on_another_backend(tmp_path):
    """This backend starts, the others take over in turn; beside it, one runs through."""
    turn = BACKENDS.index(HERE)
    relay = [*BACKENDS[turn:], *BACKENDS[:turn]]
    handed_on = alone = "-"
    finish = None
    for leg, backend in enumerate(relay):
        handed_on, found = run(backend, handed_on, tmp_path, f"leg{leg}")
        alone, expected = run(HERE, alone, tmp_path, f"alone{leg}")
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
