"""The metrics against torch-fidelity's values."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.evaluation.torch_fidelity_values import KERNEL_SIZE, VALUES, features
from tests.processes import ROOT
from zoo.evaluation import StreamingMoments, frechet_distance
from zoo.evaluation.metrics.inception_score import inception_score
from zoo.evaluation.metrics.kernel import kernel_distance

pytestmark = pytest.mark.no_backend


def gaussian(vectors):
    moments = StreamingMoments()
    moments.update(vectors)
    return moments.gaussian()


def our_values():
    features1, features2, logits = features()
    gaussian1, gaussian2 = gaussian(features1), gaussian(features2)
    odds = np.exp(logits)
    return {
        "frechet_distance": frechet_distance(
            gaussian1.mean, gaussian1.covariance, gaussian2.mean, gaussian2.covariance
        ),
        "kernel_distance": kernel_distance(features1[:KERNEL_SIZE], features2, subsets=1)[0],
        "inception_score": inception_score(odds / odds.sum(axis=1, keepdims=True), splits=1)[0],
    }


def test_agrees_with_torch_fidelity():
    values = json.loads(VALUES.read_text())
    assert values.pop("torch_fidelity") == "0.3.0"
    assert our_values() == pytest.approx(values, rel=1e-10)


@pytest.mark.skipif(not importlib.util.find_spec("torch_fidelity"), reason="needs torch-fidelity")
def test_agrees_with_the_torch_fidelity_installed_here(tmp_path):
    path = tmp_path / "values.json"
    # In a process of its own, which may put a stand-in for torchvision into its modules.
    command = [sys.executable, "-m", "tests.evaluation.torch_fidelity_values", path]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    values = json.loads(path.read_text())
    del values["torch_fidelity"]
    assert our_values() == pytest.approx(values, rel=1e-10)
