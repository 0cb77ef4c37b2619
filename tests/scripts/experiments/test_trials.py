"""Scripts that hold variants of a run against each other: what differs, what they print."""

import json

import numpy as np
import pytest

from scripts.experiments import little_data, nonfinite, precision, trials
from tests.tiny import build_tiny
from zoo.hub import registry

IMAGES = np.arange(50, dtype="uint8").reshape(-1, 1, 1, 1) * np.ones((28, 28, 1), "uint8")


@pytest.fixture
def trained(monkeypatch):
    """Specs, images and folders of the trials that a script asks for, with no training."""
    calls = []
    for script in (little_data, precision):
        monkeypatch.setattr(script.datasets, "load", lambda *_: (IMAGES, np.zeros(50, "int64")))

        def stand_in(spec, images, folder):
            calls.append((spec.recipe, images, folder.name))
            return {"plain": 40.0, "augmented": 10.0}.get(folder.name, 20.0)

        monkeypatch.setattr(script, "train_and_score", stand_in)
    return calls


def run(script, monkeypatch, *options):
    monkeypatch.setattr("sys.argv", ["script", *map(str, options)])
    script.main()


def test_the_runs_on_little_data_differ_in_the_augmentation_alone(
    trained, tmp_path, monkeypatch, capsys
):
    (tmp_path / "out").mkdir()
    options = ["--images", 10, "--steps", 7, "--out", tmp_path / "out"]
    run(little_data, monkeypatch, *options)
    (plain, images, _), (augmented, others, _) = trained
    assert augmented.diff_augment == ("color", "translation", "cutout")
    assert plain.diff_augment is None
    spec = registry.find("dcgan_mnist").with_recipe(diff_augment=augmented.diff_augment, epochs=7)
    assert augmented == spec.recipe
    assert len(np.unique(images[:, 0, 0, 0])) == 10
    assert images is others
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["ratios"] == {"plain": 1.0, "augmented": 0.25}
    assert "augmented: Fréchet distance 10.00, 0.250 x plain" in capsys.readouterr().out


def test_one_of_the_runs_alone(trained, monkeypatch, capsys):
    run(little_data, monkeypatch, "--only", "augmented", "--steps", 7)
    assert [folder for *_, folder in trained] == ["augmented"]
    assert capsys.readouterr().out == ""


def test_the_runs_of_precision_differ_in_it_alone(trained, tmp_path, monkeypatch):
    run(precision, monkeypatch, "--epochs", 1, "--limit", 20, "--out", tmp_path)
    assert [recipe.precision for recipe, *_ in trained] == list(precision.PRECISIONS)
    assert len({recipe.seed for recipe, *_ in trained}) == 1
    assert {len(images) for _, images, _ in trained} == {20}


def test_a_trial_trains_by_its_recipe_and_scores_what_it_wrote(tmp_path, monkeypatch):
    scored = []
    monkeypatch.setattr(
        trials.evaluation,
        "evaluate",
        lambda model, dataset, count: (
            scored.append((model.generate(2, seed=0), dataset, count))
            or {"scores": {"frechet_distance": 3.0}}
        ),
    )
    spec = registry.find("gan_mnist_small").with_recipe(epochs=1, precision="float32")
    assert trials.train_and_score(spec, IMAGES, tmp_path) == 3.0
    assert trials.train_and_score(spec, IMAGES, tmp_path) == 3.0
    (first, dataset, count), (second, *_) = scored
    np.testing.assert_array_equal(first, second)
    assert (dataset, count) == ("mnist", trials.SAMPLES)


@pytest.mark.filterwarnings("ignore:epoch 1. 1 batches held other values:UserWarning")
@pytest.mark.parametrize("step", [1, None])
def test_one_batch_is_poisoned_in_the_first_epoch(step):
    model = build_tiny("gan_mnist")
    model.compile()
    batches = nonfinite.PoisonedBatches(model, IMAGES, 10, step)
    history = model.fit(batches, epochs=2, verbose=0).history
    assert history["skipped_steps"] == ([0, 0] if step is None else [1, 0])
    assert batches[0][0].min() >= -1


def test_the_cost_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(nonfinite, "STEPS_A_WINDOW", 1)
    run(nonfinite, monkeypatch, "cost", "gan_mnist_small", "--windows", 2)
    assert "x the throughput without the guard" in capsys.readouterr().out
