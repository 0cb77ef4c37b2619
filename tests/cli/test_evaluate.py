"""`zoo evaluate` and `zoo train --evaluate-every`: what they tell and write, and how they fail."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from tests.cli.commands import fail, register, run, save_fresh_weights, save_pictures, succeed
from tests.evaluation import stand_ins
from tests.evaluation.stand_ins import Extractor, load_nothing
from zoo import datasets
from zoo.evaluation import EvaluationCallback
from zoo.evaluation.features import extractors
from zoo.evaluation.features.reference import reference_of, statistics_path, write_statistics
from zoo.hub.download import sha256_of
from zoo.hub.weights import load_weights

pytestmark = pytest.mark.cross_backend


def load_photos(name, split="train"):
    return stand_ins.load_photos(name, split, (8, 8, 3))


@pytest.fixture
def data(here, monkeypatch):
    """A small MNIST in color, and a stand-in for its classifier."""
    monkeypatch.setattr(datasets, "load", load_photos)
    monkeypatch.setattr(extractors, "load_extractor", Extractor)
    monkeypatch.setattr("zoo.evaluation.features.classifier.load_classifier", Extractor)


@pytest.fixture
def no_data(data, here, monkeypatch):
    """Nothing but the moments of the split for measuring."""
    path = statistics_path(here / "weights", "mnist", "test", "mnist")
    write_statistics(path, reference_of(load_photos("mnist", "test")[0], Extractor()), Extractor())
    monkeypatch.setattr(datasets, "load", load_nothing)


@pytest.fixture
def tiny(here):
    register("tiny", dataset="mnist", recipe={"epochs": 2})
    return "tiny"


@pytest.fixture
def others(here):
    """A model that restores, a class-conditional one, and one without a data set."""
    register("restoring", "restores", "mnist")
    register("conditional", "conditional", "mnist")
    register("homeless")


@pytest.fixture
def pictures(here):
    save_pictures(here / "pictures", 20, (30, 28, 3))
    return "pictures"


def records(*arguments):
    return json.loads(succeed("evaluate", *arguments, "--json"))


# --------------------------------------------------------------------- evaluate


def test_a_model_is_scored_with_other_weights(data, weights):
    record = records("tiny", "--weights", weights, "-n", 20, "--seed", 3)
    assert record["command"] == (
        "zoo evaluate tiny --dataset mnist -n 20 --seed 3 --weights tiny.weights.h5"
    )
    assert (record["model"], record["weights_sha256"]) == ("tiny", sha256_of(weights))
    assert record["versions"] == {
        "zoo": zoo.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    assert list(record["records"]) == ["tiny", "real (train)"]
    protocol = record["records"]["tiny"]["protocol"]
    assert (protocol["dataset"], protocol["split"]) == ("mnist", "test")
    assert (protocol["samples"], protocol["seed"], protocol["features"]) == (20, 3, "mnist")
    expected = zoo.evaluation.evaluate(
        zoo.load("tiny", weights=weights), "mnist", Extractor(), 20, seed=3
    )
    assert record["records"]["tiny"] == expected
    assert record == records("tiny", "--weights", weights, "-n", 20, "--seed", 3)
    floor = zoo.evaluation.evaluate_training_images("mnist", Extractor(), 20)
    assert record["records"]["real (train)"] == floor


def test_truncation_is_part_of_the_record(data, weights):
    record = records("tiny", "--weights", weights, "-n", 20, "--truncation", 0.5)
    assert "--truncation 0.5" in record["command"]
    scored, floor = record["records"].values()
    assert scored["protocol"]["truncation"] == 0.5
    assert floor["protocol"]["truncation"] is None
    expected = zoo.evaluation.evaluate(
        zoo.load("tiny", weights=weights), "mnist", Extractor(), 20, truncation=0.5
    )
    assert scored == expected
    assert scored != records("tiny", "--weights", weights, "-n", 20)["records"]["tiny"]


def test_so_is_the_factor_of_latents_where_there_is_one(data, weights):
    options = ["--weights", weights, "-n", 20, "--truncation", 0.9]
    scaled = records("tiny", *options, "--psi", 0.5)
    assert scaled["command"].endswith("--truncation 0.9 --psi 0.5")
    scored, floor = scaled["records"].values()
    assert (scored["protocol"]["psi"], "psi" in floor["protocol"]) == (0.5, False)
    plain = records("tiny", *options)["records"]["tiny"]
    # Without it, the protocol is that of the scores in the cards.
    assert {**plain["protocol"], "psi": 0.5} == scored["protocol"]
    assert plain["scores"] != scored["scores"]


def test_a_weights_file_says_which_model_it_is_of(data, weights):
    Path("run").mkdir()
    os.rename(weights, "run/tiny.weights.h5")
    by_file = records("run/tiny.weights.h5", "-n", 20, "--no-floor")
    by_name = records("tiny", "--weights", "run/tiny.weights.h5", "-n", 20, "--no-floor")
    options = "--dataset mnist -n 20 --seed 0"
    path = "run/tiny.weights.h5"
    assert by_file.pop("command") == f"zoo evaluate {path} {options} --no-floor"
    assert by_name.pop("command") == f"zoo evaluate tiny {options} --weights {path} --no-floor"
    assert by_file == by_name
    assert list(by_file["records"]) == ["tiny"]


def test_a_class_conditional_model_is_scored_by_the_classes_requested(data, others, monkeypatch):
    monkeypatch.setattr(datasets, "load", stand_ins.load_photos)
    save_fresh_weights("conditional")
    scores = records("conditional.weights.h5", "-n", 20)["records"]["conditional"]["scores"]
    assert 0.0 <= scores["label_agreement"] <= 1.0
    table = succeed("evaluate", "conditional.weights.h5", "-n", 20)
    assert f"\nas requested  {scores['label_agreement']:15.1%}" in table


def test_a_folder_of_pictures_is_scored(data, pictures):
    register("pictures")  # a file or folder takes precedence over a model of its name
    record = records(pictures, "--dataset", "mnist")
    assert record["images"] == "pictures"
    assert list(record["records"]) == ["pictures", "real (train)"]
    scores = record["records"]["pictures"]
    assert scores["protocol"]["samples"] == 20
    images = datasets.from_folder(pictures, (28, 28, 1))
    assert scores == zoo.evaluation.evaluate(images, "mnist", Extractor())


def test_every_array_of_a_file_is_scored(data, here):
    first, second = (stand_ins.photos(20, seed, (8, 8, 3)) for seed in (5, 6))
    np.savez("sets.npz", first=first, second=second)
    record = records("sets.npz", "--dataset", "mnist", "-n", 15)
    assert list(record["records"]) == ["first", "second", "real (train)"]
    for name, images in (("first", first), ("second", second)):
        expected = zoo.evaluation.evaluate(images, "mnist", Extractor(), 15)
        assert record["records"][name] == expected


def test_the_table_has_a_row_for_each_and_says_what_was_compared(data, here):
    np.savez("sets.npz", a=stand_ins.photos(20), b=stand_ins.photos(25))
    title, header, *rows = succeed("evaluate", "sets.npz", "--dataset", "mnist").splitlines()
    assert title == "against 40 images of mnist test, in the features of mnist"
    assert header.split() == ["a", "b", "real", "(train)"]
    assert rows[0].split() == ["images", "20", "25", "25"]  # a floor of as many images
    names = ["Fréchet", "kernel", "IS", "precision", "recall", "density", "coverage"]
    assert [row.split()[0] for row in rows[1:]] == [*names, "rarest", "confident"]
    assert max(map(len, rows)) <= 80
    scores = records("sets.npz", "--dataset", "mnist")["records"]["a"]["scores"]
    assert rows[1].split()[1] == f"{scores['frechet_distance']:.2f}"


def test_images_of_ones_own_are_the_real_ones(data, pictures, weights, here):
    record = records(weights, "--real", pictures, "--features", "mnist", "-n", 20)
    assert record["command"] == (
        "zoo evaluate tiny.weights.h5 --real pictures -n 20 --seed 0 --features mnist"
    )
    protocol = record["records"]["tiny"]["protocol"]
    assert (protocol["dataset"], protocol["split"]) == ("own images", None)
    assert protocol["reference_images"] == 20
    # Two folders, as pytorch-fid takes them; the pictures have the size of the first ones.
    record = records(pictures, "--real", pictures, "--features", "mnist")
    assert record["records"]["pictures"]["scores"]["frechet_distance"] == pytest.approx(0, abs=1e-6)
    table = succeed("evaluate", pictures, "--real", pictures, "--features", "mnist")
    assert table.startswith("against 20 own images, in the features of mnist\n")
    np.savez("sets.npz", a=stand_ins.photos(20), b=stand_ins.photos(25))
    result = run("evaluate", weights, "--real", "sets.npz", "--features", "mnist")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "one set of images" in result.stderr


def test_weights_of_ones_own_data_are_not_compared_without_a_word(data, weights, here):
    zoo.ModelCard(**{**vars(zoo.info("tiny")), "dataset": "photos"}).write("tiny.json")
    assert "Pass --real" in fail("evaluate", weights)
    assert records(weights, "--dataset", "mnist", "-n", 20)["records"]


def test_memorization_is_a_sentence_under_the_table(data, here):
    np.save("copies.npy", load_photos("mnist", "train")[0])
    command = ["copies.npy", "--dataset", "mnist", "--no-floor"]
    assert "training image" not in succeed("evaluate", *command)
    *_, sentence = succeed("evaluate", *command, "--memorization").splitlines()
    assert sentence.startswith("copies: 100.0% nearer to a training image")
    assert "median distance 0.00 times" in sentence


def test_options_reach_the_scores(data, here):
    np.save("a.npy", stand_ins.photos(20))
    options = ["--dataset", "scenes64", "--features", "inception", "--split", "train"]
    record = records("a.npy", *options, "-n", 12)["records"]["a"]
    protocol = record["protocol"]
    assert (protocol["dataset"], protocol["split"]) == ("scenes64", "train")
    assert (protocol["features"], protocol["samples"]) == ("inception", 12)
    assert "class_shares" not in record["scores"]


def test_the_json_goes_to_a_file_too(data, here):
    np.save("a.npy", stand_ins.photos(20))
    command = ["evaluate", "a.npy", "--dataset", "mnist", "-o", "made/scores.json"]
    table = succeed(*command)
    written = json.loads(Path("made/scores.json").read_text(encoding="utf-8"))
    assert table.startswith("against 40 images")
    assert json.loads(succeed(*command, "--json")) == written
    assert os.listdir("made") == ["scores.json"]


# pytest turns warnings into errors before the command can print them.
@pytest.mark.filterwarnings("default:Only the moments")
def test_without_the_data_there_is_no_floor_but_a_distance(no_data, weights):
    result = run("evaluate", "tiny", "--weights", weights, "-n", 20, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)["records"]
    assert list(record) == ["tiny"]
    assert "frechet_distance" in record["tiny"]["scores"]
    assert "recall" not in record["tiny"]["scores"]
    moments, floor, few = result.stderr.splitlines()
    assert few.startswith("warning: 20 images are few")
    assert moments.startswith("warning: Only the moments of mnist test are at hand")
    assert floor.startswith("warning: no scores of real training images")
    table = succeed("evaluate", "tiny", "--weights", weights, "-n", 20, "--no-floor")
    assert "recall" not in table


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tiny", "--features", "letters"], "inception. Received: letters"),
        (["tiny", "--dataset", "letters"], "letters"),
        (["tiny", "--split", "val"], "train, test. Received: val"),
        (["tiny", "-n", "1"], "-n=1"),
        (["tiny", "--seed", "-1"], "--seed=-1"),
        (["tiny", "--truncation", "-1"], "--truncation=-1.0"),
        (["pictures", "--dataset", "mnist", "--truncation", "1"], "--truncation is for models"),
        (["tiny", "--psi", "0"], "--psi=0.0"),
        (["pictures", "--dataset", "mnist", "--psi", "1"], "--psi is for models"),
        (["tiny", "--weights", "missing.weights.h5"], "missing.weights.h5"),
        (["tiny", "-o", "pictures"], "pictures, a folder"),
        (["tiny"], "zoo train tiny"),
        (["runs/tiny", "--dataset", "mnist"], "no file or folder at runs/tiny"),
        (["homeless"], "Pass --real IMAGES"),
        (["tiny", "--real", "missing"], "Nothing is at missing"),
        (["tiny", "--real", "pictures", "--split", "test"], "Received: --split"),
        (["missing.weights.h5"], "no weights file at missing.weights.h5"),
        (["letters.weights.h5"], "zoo evaluate NAME --weights letters.weights.h5"),
        (["tiny.weights.h5", "--weights", "letters.weights.h5"], "--weights goes with the name"),
        (["restoring"], "zoo train restoring"),
        (["pictures"], "Pass --dataset"),
        (["pictures", "--dataset", "mnist", "--weights", "tiny.weights.h5"], "images in pictures"),
        (["empty", "--dataset", "mnist"], "No readable picture"),
        (["tiny", "--weights", "letters.weights.h5"], "HDF5"),
    ],
)
def test_refuses_and_writes_nothing(data, weights, others, pictures, arguments, expected):
    Path("empty").mkdir()
    Path("letters.weights.h5").write_bytes(b"junk")
    output = [] if "-o" in arguments else ["-o", "scores.json"]
    assert expected in fail("evaluate", *arguments, *output)


@pytest.mark.filterwarnings("default:Only the moments")
def test_a_model_of_another_shape_is_refused(weights, monkeypatch):
    """By the classifier itself: the moments that ship spare the data."""
    monkeypatch.setattr(datasets, "load", load_nothing)
    assert "(N, 28, 28, 1)" in run("evaluate", "tiny", "--weights", weights, "-n", 4).stderr


@pytest.fixture
def restored(others, monkeypatch):
    """Weights of a model that restores; what it was scored on, and the scores that it gets."""
    from zoo.evaluation import restorers

    save_fresh_weights("restoring")
    calls = []
    keys = ["psnr", "ssim", "hole_l1", "exact_share", "frechet_distance", "images_per_second"]

    def evaluate_restorer(model, dataset, limit):
        calls.append((type(model).__name__, dataset, limit))
        scores = {"ours": dict.fromkeys(keys, 0.5), "telea": dict.fromkeys(keys, 0.25)}
        return {"split": "test", "images": limit, "masks": {"free_form": {}}, "free_form": scores}

    monkeypatch.setattr(restorers, "evaluate_restorer", evaluate_restorer)
    return calls


def test_a_model_that_restores_is_scored_by_what_it_restores(data, restored):
    record = records("restoring.weights.h5", "-n", 12)
    assert restored == [("InpaintingGAN", "mnist", 12)]
    assert list(record["records"]) == ["restoring"]
    assert record["records"]["restoring"]["free_form"]["ours"]["psnr"] == 0.5
    title, _, *rows = succeed("evaluate", "restoring.weights.h5", "-n", 12).splitlines()
    assert title.startswith("12 images of the split test")
    starts = [row.split()[:2] for row in rows]
    assert starts == [["free-form:", "restoring"], ["free-form:", "telea"]]


@pytest.mark.parametrize(
    "options", [["--features", "mnist"], ["--split", "test"], ["--memorization"]]
)
def test_options_that_restoring_has_no_use_for_are_refused(data, restored, options):
    error = fail("evaluate", "restoring.weights.h5", *options, "-o", "scores.json")
    assert "no --features, --split or --memorization" in error
    assert not restored


# ------------------------------------------------------- train --evaluate-every


def test_train_shows_the_scores_and_keeps_the_best_weights(data, tiny, here):
    result = run("train", "tiny", "--evaluate-every", 2, "--epochs", 3, "--out", "run")
    assert result.exit_code == 0, result.output
    epochs = [line for line in result.stderr.splitlines() if line.startswith("epoch")]
    assert ["frechet_distance" in line for line in epochs] == [False, True, True]
    files = [
        "best.weights.h5",
        "checkpoints",
        "history.csv",
        "samples",
        "tiny.json",
        "tiny.png",
        "tiny.weights.h5",
    ]
    assert sorted(os.listdir("run")) == files
    header, *rows = Path("run/history.csv").read_text().splitlines()
    column = header.split(",").index("frechet_distance")
    assert [bool(row.split(",")[column]) for row in rows] == [False, True, True]
    load_weights(zoo.load("tiny", weights=None), "run/best.weights.h5")


@pytest.fixture
def watches(monkeypatch):
    """The callbacks for evaluation of each call of `training.train`, which does nothing."""
    made = []

    def train(spec, images, out, callbacks, initial_weights, labels, **options):
        watching = [item for item in callbacks if isinstance(item, EvaluationCallback)]
        made.append((watching, callbacks))

    monkeypatch.setattr("zoo.training.run.train", train)
    return made


def test_train_evaluates_only_on_request(data, tiny, watches):
    Path("mine").mkdir()
    Path("mine/best.weights.h5").touch()  # an earlier run's, not to be taken for the new one's
    succeed("train", "tiny")
    succeed("train", "tiny", "--evaluate-every", 4, "--out", "mine", "--overwrite")
    assert not Path("mine/best.weights.h5").exists()
    (none, _), ((watch,), callbacks) = watches
    assert none == []
    # Before the progress, which shows the scores.
    assert callbacks[0] is watch
    assert watch.every == 4
    assert watch.best_weights == Path("mine/best.weights.h5")
    assert (watch.extractor.name, watch.reference.gaussian.count) == ("mnist", 40)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tiny", "--evaluate-every", "0"], "--evaluate-every=0"),
        (["tiny", "--evaluate-every", "1", "--data", "pictures"], "model's own data set"),
        (["homeless", "--evaluate-every", "1", "--data", "pictures"], "model's own data set"),
        (["restoring", "--evaluate-every", "1"], "zoo inpaint restoring"),
    ],
)
def test_train_refuses_before_an_earlier_run_is_removed(
    data, tiny, others, pictures, here, monkeypatch, arguments, expected
):
    monkeypatch.setattr("zoo.training.run.train", lambda *_: pytest.fail("training began"))
    Path("run").mkdir()
    earlier = ["best.weights.h5", f"{arguments[0]}.weights.h5"]
    for name in earlier:
        Path("run", name).touch()
    assert expected in fail("train", *arguments, "--out", "run", "--overwrite")
    assert sorted(os.listdir("run")) == sorted(earlier)


def test_train_without_anything_to_compare_with_removes_no_earlier_run(
    data, tiny, here, monkeypatch
):
    def load_training_images(name, split="train"):
        return load_photos(name, split) if split == "train" else load_nothing(name, split)

    monkeypatch.setattr(datasets, "load", load_training_images)
    Path("run").mkdir()
    Path("run/tiny.weights.h5").touch()
    options = ["--out", "run", "--overwrite", "--evaluate-every", 1]
    assert "mnist isn't here" in fail("train", "tiny", *options)
    assert os.listdir("run") == ["tiny.weights.h5"]
