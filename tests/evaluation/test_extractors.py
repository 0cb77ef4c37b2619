import pytest

from zoo import datasets
from zoo.errors import InvalidInputError
from zoo.evaluation.features import extractors, inception
from zoo.evaluation.features.extractors import load_extractor


def test_there_is_one_for_each_data_set_and_inception():
    assert sorted(extractors.names()) == sorted([*datasets.names(), "inception"])


def test_a_data_set_names_its_classifier():
    extractor = load_extractor("fashion_mnist")
    assert extractor.name == "fashion_mnist"
    assert extractor.image_shape == (28, 28, 1)
    assert extractor.identity == extractor.card["sha256"]
    assert len(extractor.identity) == 64
    assert extractor.identity != load_extractor("mnist").identity


def test_inception_is_loaded_under_its_name(monkeypatch):
    network = object()
    monkeypatch.setattr(inception, "load_inception", lambda: network)
    assert load_extractor("inception") is network


@pytest.mark.parametrize("name", ["letters", "Inception", "", None, ["mnist"]])
def test_unknown_names_are_refused_with_those_there_are(name):
    with pytest.raises(InvalidInputError, match=r"cifar10, .*mnist, .*inception.*Received"):
        load_extractor(name)
