"""Commands that take long say what they are doing, on standard error alone."""

import json
import time

import pytest

from tests.cli.commands import register, run, save_fresh_weights
from tests.evaluation import stand_ins
from zoo import datasets
from zoo.cli import activity
from zoo.evaluation.features import extractors
from zoo.hub import loading

SLOW = 0.6
"""Seconds that each part takes, of which a line is written every third."""


def slowly(function):
    def call(*args, **kwargs):
        time.sleep(SLOW)
        return function(*args, **kwargs)

    return call


class Extractor(stand_ins.Extractor):
    """Takes its time for each part of the images."""

    features = slowly(stand_ins.Extractor.features)


@pytest.fixture
def slow(here, monkeypatch):
    def load_photos(name, split="train"):
        return stand_ins.load_photos(name, split, (28, 28, 1))

    monkeypatch.setattr(activity, "SECONDS", 0.2)
    monkeypatch.setattr(datasets, "load", slowly(load_photos))
    monkeypatch.setattr(extractors, "load_extractor", slowly(Extractor))
    monkeypatch.setattr(loading, "load", slowly(loading.load))
    register("tiny", dataset="mnist", image_shape=(28, 28, 1))
    return save_fresh_weights("tiny")


def test_evaluate(slow):
    result = run("evaluate", "tiny", "--weights", slow, "-n", 20, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"] == "tiny"
    for part in ("loading tiny (", "loading the features of mnist (", "scoring tiny"):
        assert part in result.stderr
    assert "scoring real training images (" in result.stderr


def test_evaluate_a_model_that_restores(here, monkeypatch):
    from zoo.evaluation import restorers

    monkeypatch.setattr(activity, "SECONDS", 0.2)
    register("restoring", "restores", "mnist")
    record = {"protocol": {}, "scores": {}}
    monkeypatch.setattr(restorers, "evaluate_restorer", slowly(lambda *_: record))
    weights = save_fresh_weights("restoring")
    result = run("evaluate", "restoring", "--weights", weights, "--json")
    assert json.loads(result.stdout)["records"] == {"restoring": record}
    assert "restoring images of mnist (" in result.stderr


def test_neighbors(slow):
    result = run("neighbors", "tiny", "--weights", slow, "-n", 2, "-k", 2)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("wrote tiny-neighbors.png")
    for part in (
        "loading tiny (",
        "loading mnist and its classifier (",
        "comparing 2 samples with",
    ):
        assert part in result.stderr
