import keras
import numpy as np
import pytest

from tests.evaluation.stand_ins import load_nothing
from zoo import datasets
from zoo.errors import DatasetError, InvalidInputError
from zoo.evaluation import classification_accuracy_score
from zoo.evaluation.features import classifier

RATE = 0.05


def bars(labels, seed=0):
    """Noise, with a bright bar at the height that the class says."""
    images = np.random.default_rng(seed).integers(0, 60, (len(labels), 28, 28, 1), "uint8")
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 3] += 180
    return images


def labels_of(count, seed=0):
    return np.random.default_rng(seed).integers(0, 10, count)


def small_network(name, dtype="float32"):
    if name != "mnist":
        raise InvalidInputError(f"Received: {name!r}")
    inputs = keras.Input((28, 28, 1))
    features = keras.layers.Dense(16, "relu")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, [features, keras.layers.Dense(10)(features)])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A network that learns in a moment, and a hundred images for measuring."""
    measured = labels_of(100, seed=1)
    monkeypatch.setattr(classifier, "build_network", small_network)
    monkeypatch.setattr("zoo.evaluation.classification_score.RATE", RATE)
    monkeypatch.setattr(datasets, "load", lambda *_: (bars(measured, seed=1), measured))


def test_learns_from_images_of_the_classes_that_their_labels_say():
    labels = labels_of(640)
    assert classification_accuracy_score(bars(labels), labels, "mnist") > 0.9


def test_wrong_labels_teach_nothing():
    labels = labels_of(640)
    shuffled = np.random.default_rng(2).permutation(labels)
    assert classification_accuracy_score(bars(labels), shuffled, "mnist") < 0.4


def test_a_class_that_is_never_drawn_is_never_recognized():
    labels = labels_of(640) // 2 * 2
    accuracy = classification_accuracy_score(bars(labels), labels, "mnist")
    share = (labels_of(100, seed=1) % 2 == 0).mean()
    assert accuracy == pytest.approx(share, abs=0.1)


def test_the_seed_repeats_a_score():
    labels = labels_of(256)
    scores = [
        classification_accuracy_score(bars(labels), labels, "mnist", epochs=1, seed=seed)
        for seed in (3, 3)
    ]
    assert scores[0] == scores[1]
    assert isinstance(scores[0], float)


def test_reads_the_split_for_measuring(monkeypatch):
    asked = []

    def load(*key):
        asked.append(key)
        return bars([0, 1]), np.array([0, 1])

    monkeypatch.setattr(datasets, "load", load)
    classification_accuracy_score(bars(labels_of(128)), labels_of(128), "mnist", epochs=1)
    assert asked == [("mnist", "test")]


def test_missing_data_are_told_before_the_training(monkeypatch):
    monkeypatch.setattr(datasets, "load", load_nothing)
    monkeypatch.setattr(
        keras.Model, "train_on_batch", lambda *_, **__: pytest.fail("training began")
    )
    with pytest.raises(DatasetError, match="isn't here"):
        classification_accuracy_score(bars(labels_of(128)), labels_of(128), "mnist")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": np.zeros(127, int)}, r"128 images, labels int64 of shape \(127,\)"),
        ({"labels": np.zeros((128, 1), int)}, r"\(128, 1\)"),
        ({"labels": np.zeros(128)}, "float64"),
        ({"labels": np.full(128, 10)}, "from 0 to 9"),
        ({"labels": np.full(128, -1)}, "from 0 to 9"),
        ({"images": bars([0] * 127), "labels": np.zeros(127, int)}, "at least 128 images"),
        ({"images": bars([]), "labels": []}, "at least 128 images"),
        ({"images": bars([0] * 128) / 255}, "uint8 array"),
        ({"images": bars([0] * 128)[:, :14]}, r"\(N, 28, 28, 1\)"),
        ({"dataset": "letters"}, "letters"),
        ({"epochs": 0}, "epochs=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_refuses(changes, expected):
    arguments = {"images": bars([0] * 128), "labels": np.zeros(128, int), "dataset": "mnist"}
    with pytest.raises(InvalidInputError, match=expected):
        classification_accuracy_score(**{**arguments, **changes})
