"""The comparison on few images: both runs alike but for one argument, and what it writes."""

import json

import numpy as np
import pytest

from scripts import little_data
from zoo import registry


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The command, with training and scoring of stand-ins; what they were called with."""
    trained, scores = [], {"plain": 40.0, "augmented": 10.0}
    images = np.arange(50, dtype="uint8").reshape(-1, 1, 1, 1) * np.ones((28, 28, 1), "uint8")
    labels = np.zeros(50, "int64")
    monkeypatch.setattr(little_data.datasets, "load", lambda *_: (images, labels))
    monkeypatch.setattr(little_data, "train_run", lambda *given: trained.append(given))
    monkeypatch.setattr(little_data, "score_run", lambda _, weights, grid: scores[grid.stem])

    def run(*options):
        command = ["little_data", "--images", "10", "--out", str(tmp_path), *options]
        monkeypatch.setattr("sys.argv", command)
        little_data.main()
        return trained

    return run


def test_the_runs_differ_in_the_augmentation_alone(runs, tmp_path, capsys):
    plain, augmented = runs("--steps", "7")
    assert (plain[3], augmented[3]) == (None, ("color", "translation", "cutout"))
    assert plain[0] is augmented[0]
    assert plain[1] is augmented[1]
    assert plain[2] == augmented[2] == 7
    assert len(np.unique(plain[1][:, 0, 0, 0])) == 10
    record = json.loads((tmp_path / "little_data.json").read_text())
    assert record["frechet_distance"] == {"plain": 40.0, "augmented": 10.0}
    assert record["ratio"] == 0.25
    assert capsys.readouterr().out.endswith("ratio 0.25\n")


def test_one_of_them_alone(runs, tmp_path):
    ((_, _, _, policy, _),) = runs("--only", "augmented")
    assert policy is not None
    assert json.loads((tmp_path / "augmented.json").read_text())["images"] == 10


def test_a_run_takes_its_steps_and_its_augmentation(tmp_path, monkeypatch):
    spec = registry.find("gan_mnist_small").with_recipe(batch_size=4, precision="float32")
    compiled = {}
    original = little_data.compile_arguments

    def compile_arguments(recipe, steps):
        compiled.update(original(recipe, steps), steps=steps)
        return {key: value for key, value in compiled.items() if key != "steps"}

    monkeypatch.setattr(little_data, "compile_arguments", compile_arguments)
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), "uint8")
    little_data.train_run(spec, images, 3, ("cutout",), tmp_path / "x.weights.h5")
    assert (tmp_path / "x.weights.h5").is_file()
    assert compiled["diff_augment"] == ("cutout",)
    assert compiled["steps"] == 4  # whole passes of two
    assert int(compiled["generator_optimizer"].iterations) == 4
