"""The wrapper around torch-fidelity's network, on a stand-in for it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.errors import InvalidInputError, MissingDependencyError, WeightsNotFoundError
from zoo.evaluation.features.inception import Inception, load_inception

pytestmark = pytest.mark.no_backend

LIBRARY = "torch_fidelity.feature_extractor_inceptionv3"


class Tensor:
    """As much of a torch tensor as the wrapper needs."""

    def __init__(self, array):
        self.array = array

    def cpu(self):
        return self

    def numpy(self):
        return self.array


class Network:
    """Its features are the sums of an image's channels, its logits the first of them."""

    def __init__(self, name="inception", outputs=("2048", "logits_unbiased")):
        self.asked = name, outputs
        self.batches = []
        self.evaluating = False
        self.weights = {"b": np.ones(3, "float32"), "a": np.arange(4)}

    def __call__(self, tensor):
        images = tensor.array
        self.batches.append(images)
        features = np.zeros((len(images), 2048), "float32")
        features[:, :3] = images.sum(axis=(2, 3), dtype="float32")
        return Tensor(features), Tensor(features[:, :1008])

    def eval(self):
        self.evaluating = True
        return self

    def state_dict(self):
        return {name: Tensor(array) for name, array in self.weights.items()}


@pytest.fixture
def inception():
    return Inception(Network(), Tensor)


@pytest.fixture
def library(monkeypatch):
    """A stand-in for torch-fidelity, and for torch."""
    library = SimpleNamespace(FeatureExtractorInceptionV3=Network)
    monkeypatch.setitem(sys.modules, LIBRARY, library)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=Tensor))
    return library


def pictures(count=3, shape=(6, 5, 3)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), "uint8")


def test_the_network_is_given_channels_first(inception):
    images = pictures()
    features, probabilities = inception.features(images)
    (batch,) = inception.network.batches
    assert batch.dtype == np.uint8
    assert np.array_equal(batch, images.transpose(0, 3, 1, 2))
    assert (features.shape, probabilities.shape) == ((3, 2048), (3, 1008))
    assert features.dtype == probabilities.dtype == np.float32
    np.testing.assert_array_equal(features[:, :3], images.sum(axis=(1, 2)))


def test_probabilities_are_those_of_the_logits(inception):
    # Of logits as large as these, the exponentials alone would overflow.
    images = np.zeros((2, 1, 1, 3), "uint8")
    images[0, ..., 1] = 255
    images[1, ..., :2] = 255
    _, probabilities = inception.features(images)
    np.testing.assert_allclose(probabilities[0, :3], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(probabilities[1, :3], [0.5, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_a_gray_image_is_the_same_color_image(inception):
    gray = pictures(shape=(4, 4, 1))
    features, _ = inception.features(gray)
    again, _ = inception.features(np.repeat(gray, 3, axis=-1))
    assert np.array_equal(*inception.network.batches)
    assert np.array_equal(features, again)


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(500, [50, 50, 5]), (50, [50, 50, 5]), (40, [40, 40, 25])]
)
def test_batches_are_of_at_most_fifty(inception, batch_size, expected):
    images = pictures(105, (2, 2, 1))
    features, _ = inception.features(images, batch_size)
    assert [len(batch) for batch in inception.network.batches] == expected
    np.testing.assert_array_equal(features[:, 0], images.sum(axis=(1, 2, 3)))


def test_no_images_have_no_features(inception):
    features, probabilities = inception.features(pictures(0))
    assert (features.shape, probabilities.shape) == ((0, 2048), (0, 1008))
    assert inception.network.batches == []


@pytest.mark.parametrize(
    "images", [pictures() / 255, pictures()[0], pictures(shape=(4, 4, 4)), pictures()[..., 0]]
)
def test_refuses_other_images(inception, images):
    with pytest.raises(InvalidInputError, match=r"\(N, H, W, C\), C one of 1, 3"):
        inception.features(images)


def test_refuses_an_empty_batch(inception):
    with pytest.raises(InvalidInputError, match="batch_size"):
        inception.features(pictures(), batch_size=0)


def test_its_identity_is_that_of_its_weights(inception):
    before = inception.identity
    assert len(before) == 64
    assert Inception(Network(), Tensor).identity == before
    inception.network.weights["a"][2] += 1
    assert inception.identity != before


def test_loads_the_network_for_inference(library):
    inception = load_inception()
    assert inception.network.asked == ("inception", ["2048", "logits_unbiased"])
    assert inception.network.evaluating
    assert inception.features(pictures())[0].shape == (3, 2048)
    assert (inception.name, inception.image_shape) == ("inception", None)


def test_what_the_library_prints_stays_out_of_the_output(library, monkeypatch, capsys):
    def chatty(*arguments):
        print("Downloading")
        return Network(*arguments)

    library.FeatureExtractorInceptionV3 = chatty
    load_inception()
    assert capsys.readouterr() == ("", "Downloading\n")


@pytest.mark.parametrize("missing", [LIBRARY, "torch"])
def test_says_what_to_install(library, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependencyError, match=r"pip install keras-gan-zoo\[inception\]"):
        load_inception()


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("invalid hash")])
def test_a_failed_download_says_where_the_weights_belong(library, error):
    def fail(*_):
        raise error

    library.FeatureExtractorInceptionV3 = fail
    with pytest.raises(WeightsNotFoundError, match=f"{error}.*TORCH_HOME") as caught:
        load_inception()
    assert caught.value.__cause__ is error
