"""Tiny models in place of those that the page loads."""

import pytest

from tests.tiny import build_tiny, set_weights
from zoo.demo.models import Models
from zoo.hub import loading

NAMES = ("dcgan_mnist", "gan_mnist_small", "cdcgan_mnist", "inpaint_cifar10", "inpaint_mnist")


@pytest.fixture(scope="session")
def tiny_models():
    return {}


@pytest.fixture
def loads(monkeypatch, tiny_models):
    """The names of the models that were loaded, in order."""
    names = []

    def load(name):
        names.append(name)
        if name not in tiny_models:
            tiny_models[name] = build_tiny(name)
            set_weights(tiny_models[name])
        return tiny_models[name]

    monkeypatch.setattr(loading, "load", load)
    return names


@pytest.fixture
def models(loads):
    return Models(NAMES)
