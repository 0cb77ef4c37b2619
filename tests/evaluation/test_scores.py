"""Records of scores: what they hold, depend on and omit."""

import json

import numpy as np
import pytest

from tests.evaluation.stand_ins import (
    ConditionalPainter,
    Extractor,
    Painter,
    load_nothing,
    load_photos,
    photos,
)
from zoo import datasets
from zoo.errors import DatasetError, InvalidInputError
from zoo.evaluation import evaluate, evaluate_training_images, scores
from zoo.evaluation.features.reference import reference_of, statistics_path, write_statistics

pytestmark = pytest.mark.no_backend

OF_FEATURES = {"kernel_distance", "kernel_distance_deviation"}
OF_FEATURES |= {"precision", "recall", "density", "coverage"}
OF_ALL = {"frechet_distance", "inception_score", "inception_score_deviation"}
OF_ALL |= {"closest_pair_distance"}
OF_CLASSES = {"class_shares", "rarest_class_share", "confident_share"}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A small MNIST, and a cache of the test's own."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "load", load_photos)


@pytest.fixture
def moments(tmp_path, monkeypatch):
    """No data, but their moments."""
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    path = statistics_path(tmp_path / "weights", "mnist", "test", "mnist")
    reference = reference_of(load_photos("mnist", "test")[0], Extractor())
    write_statistics(path, reference, Extractor())
    monkeypatch.setattr(datasets, "load", load_nothing)
    return reference


ONLY_MOMENTS = pytest.mark.filterwarnings("ignore:Only the moments of mnist test are at hand")


@pytest.mark.parametrize("option", ["truncation", "psi"])
def test_truncation_is_of_models(option):
    with pytest.raises(InvalidInputError, match=f"{option} with an array"):
        evaluate(photos(20, seed=0), "mnist", Extractor(), **{option: 0.5})
    with pytest.raises(InvalidInputError, match=f"{option}=0.0"):
        evaluate(Painter(), "mnist", Extractor(), **{option: 0.0})


def test_the_protocol_holds_all_that_a_score_depends_on():
    record = evaluate(Painter(), "mnist", Extractor(), count=30, seed=4)
    protocol = record["protocol"]
    assert (protocol["dataset"], protocol["split"]) == ("mnist", "test")
    assert (protocol["reference_images"], protocol["samples"]) == (40, 30)
    assert (protocol["features"], protocol["features_sha256"]) == ("mnist", "a" * 64)
    real = reference_of(load_photos("mnist", "test")[0], Extractor())
    assert protocol["reference_sha256"] == real.data_sha256
    assert (protocol["seed"], protocol["compared"]) == (4, 30)
    assert protocol["truncation"] is None
    assert protocol["precision"] == "float32"
    assert (protocol["kernel_subsets"], protocol["kernel_subset_size"]) == (100, 30)
    assert protocol["inception_splits"] == 1  # parts of three images would show three classes
    assert (protocol["neighbors"], protocol["density_neighbors"]) == (3, 5)
    other = evaluate(Painter(), "mnist", Extractor(), count=20, seed=5, split="train")
    changed = {key for key in protocol if protocol[key] != other["protocol"][key]}
    assert changed == {
        *("split", "reference_images", "reference_sha256", "samples", "seed", "compared"),
        "kernel_subset_size",
    }


def test_has_every_score():
    record = evaluate(Painter(), "mnist", Extractor(), count=30)
    assert set(record["scores"]) == OF_ALL | OF_FEATURES | OF_CLASSES
    record = evaluate(ConditionalPainter(), "mnist", Extractor(), count=30, memorized=True)
    expected = OF_ALL | OF_FEATURES | OF_CLASSES | {"label_agreement", "memorization"}
    assert set(record["scores"]) == expected


@pytest.mark.parametrize("source", [Painter(), ConditionalPainter(), photos(50, seed=9)])
def test_twice_the_same_call_gives_the_same_record(source):
    one, other = (
        evaluate(source, "mnist", Extractor(), count=30, seed=1, memorized=True) for _ in range(2)
    )
    assert one == other
    another = evaluate(source, "mnist", Extractor(), count=30, seed=2, memorized=True)
    assert another["scores"] != one["scores"]


def test_a_record_is_plain_values():
    record = evaluate(ConditionalPainter(), "mnist", Extractor(), count=30, memorized=True)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_real_images_score_best():
    real = load_photos("mnist", "test")[0]
    best = evaluate(real, "mnist", Extractor())["scores"]
    assert best["frechet_distance"] == pytest.approx(0.0, abs=1e-3)
    assert [best[key] for key in ("precision", "recall", "coverage")] == [1.0, 1.0, 1.0]
    worse = evaluate(real // 2, "mnist", Extractor())["scores"]
    assert worse["frechet_distance"] > 100
    assert worse["kernel_distance"] > best["kernel_distance"]
    assert worse["recall"] < 1.0


def test_counts_are_of_the_images_scored():
    seen = []
    record = evaluate(photos(50), "mnist", Extractor(), count=30, on_progress=seen.append)
    assert record["protocol"]["samples"] == 30
    assert seen == [30]
    assert evaluate(photos(50), "mnist", Extractor())["protocol"]["samples"] == 50


@pytest.mark.parametrize(("wrong", "expected"), [(np.inf, 1.0), (-np.inf, 0.0)])
def test_label_agreement_is_how_often_the_class_asked_for_is_drawn(wrong, expected):
    painter = ConditionalPainter(wrong)
    scores = evaluate(painter, "mnist", Extractor(), count=50)["scores"]
    assert scores["label_agreement"] == expected


def test_class_scores_are_of_the_data_sets_own_classifier_only():
    record = evaluate(ConditionalPainter(), "mnist", Extractor("inception"), count=30)
    assert set(record["scores"]) == OF_ALL | OF_FEATURES
    assert record["protocol"]["features"] == "inception"


@ONLY_MOMENTS
def test_scores_of_single_images_are_left_out_where_only_moments_are_known(moments):
    record = evaluate(Painter(), "mnist", Extractor(), count=30)
    assert set(record["scores"]) == OF_ALL | OF_CLASSES
    assert record["protocol"]["reference_images"] == 40
    assert record["protocol"]["reference_sha256"] == moments.data_sha256


@ONLY_MOMENTS
def test_moments_give_the_same_distance_as_images(moments, monkeypatch):
    without = evaluate(Painter(), "mnist", Extractor(), count=30)
    monkeypatch.setattr(datasets, "load", load_photos)
    with_images = evaluate(Painter(), "mnist", Extractor(), count=30)
    assert without["protocol"] == with_images["protocol"]
    for key in OF_ALL | OF_CLASSES:
        assert without["scores"][key] == with_images["scores"][key]


@ONLY_MOMENTS
def test_memorization_takes_images(moments):
    with pytest.raises(DatasetError, match="isn't here"):
        evaluate(Painter(), "mnist", Extractor(), count=30, memorized=True)


def test_copies_of_training_images_are_found():
    def memorization(source):
        record = evaluate(source, "mnist", Extractor(), memorized=True)
        return record["scores"]["memorization"]

    copies = memorization(load_photos("mnist", "train")[0])
    assert (copies["copied_share"], copies["median_distance"]) == (1.0, 0.0)
    fresh = memorization(photos(60, seed=7))
    assert fresh["copied_share"] < 0.2
    assert fresh["median_ratio"] > 0.3


def test_training_images_are_scored_against_the_split_for_measuring():
    record = evaluate_training_images("mnist", Extractor(), count=30)
    assert record["protocol"]["split"] == "test"
    assert (record["protocol"]["samples"], record["protocol"]["reference_images"]) == (30, 40)
    assert evaluate_training_images("mnist", Extractor(), count=30) == record
    same = evaluate_training_images("mnist", Extractor(), split="train")
    assert same["scores"]["frechet_distance"] == pytest.approx(0.0, abs=1e-3)


def test_the_data_sets_own_classifier_is_the_default(monkeypatch):
    asked = []
    monkeypatch.setattr(scores, "load_extractor", lambda n: asked.append(n) or Extractor(n))
    assert evaluate(Painter(), "mnist", count=30)["protocol"]["features"] == "mnist"
    record = evaluate(Painter(), "mnist", "cifar10", count=30)
    assert record["protocol"]["features"] == "cifar10"
    assert asked == ["mnist", "cifar10"]


@pytest.mark.parametrize(
    ("changes", "error", "expected"),
    [
        ({"dataset": "letters"}, DatasetError, "letters"),
        ({"split": "val"}, DatasetError, "train and test"),
        ({"features": "letters"}, InvalidInputError, "inception.*Received: 'letters'"),
        ({"count": 1}, InvalidInputError, "count=1"),
        ({"count": 2.5}, InvalidInputError, "count=2.5"),
        ({"seed": -1}, InvalidInputError, "seed=-1"),
        ({"seed": None}, InvalidInputError, "seed=None"),
        ({"source": photos(1)}, InvalidInputError, "at least 4 images. Received: 1"),
        ({"source": photos(0)}, InvalidInputError, "at least 4 images. Received: 0"),
    ],
)
def test_refuses(monkeypatch, changes, error, expected):
    def load(name, split):
        if split not in ("train", "test"):
            raise DatasetError(f"MNIST has the splits train and test. Received: {split!r}")
        return load_photos(name, split)

    monkeypatch.setattr(datasets, "load", load)
    arguments = {"source": Painter(), "dataset": "mnist", "features": Extractor(), "count": 30}
    with pytest.raises(error, match=expected):
        evaluate(**{**arguments, **changes})


def test_own_images_are_scored_against_as_a_data_set_is(data):
    real = load_photos("mnist", "test")[0]
    record = evaluate(Painter(), real, Extractor(), count=30)
    expected = evaluate(Painter(), "mnist", Extractor(), count=30)
    assert record["scores"].items() <= expected["scores"].items()
    assert record["protocol"]["reference_sha256"] == expected["protocol"]["reference_sha256"]
    with pytest.raises(InvalidInputError, match="split='test'"):
        evaluate(Painter(), real, Extractor(), count=30, split="test")
    with pytest.raises(InvalidInputError, match=r"at least 4 real images\. Received: 3"):
        evaluate(Painter(), real[:3], Extractor(), count=30)


def test_inception_scores_are_of_parts_that_can_show_all_classes(data):
    splits = [
        evaluate(photos(n), "mnist", Extractor())["protocol"]["inception_splits"]
        for n in (20, 350, 1200)
    ]
    assert splits == [1, 3, 10]
