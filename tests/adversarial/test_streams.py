"""`fit` on pictures that are read from disk: what arrays give, bit for bit."""

import warnings

import numpy as np
import pytest
from PIL import Image

import zoo
from tests.helpers import array
from zoo import datasets
from zoo.errors import InvalidInputError

pytest.importorskip("grain")

COUNT = 22
SHAPE = (8, 8, 1)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        path = tmp_path / "photos" / "ab"[index % 2] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, SHAPE[:2], "uint8")).save(path)
    return tmp_path / "photos"


def compiled():
    model = zoo.VanillaGAN(image_shape=SHAPE, latent_dim=3, hidden_units=(4,), seed=5)
    model.compile()
    return model


def weights_after(*data, **options):
    model = compiled()
    history = model.fit(*data, verbose=0, **options).history
    return [array(weight) for weight in model.weights], history


def assert_equal(first, second):
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert first[1] == second[1]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_stream_trains_as_its_array_does(folder, shuffle):
    options = {"batch_size": 8, "epochs": 2, "shuffle": shuffle}
    images = datasets.from_folder(folder, SHAPE)
    stream = datasets.stream(folder, SHAPE, labels=True)  # labels are dropped, as those of arrays
    assert_equal(
        weights_after(stream, validation_data=stream, **options),
        weights_after(images, validation_data=images, **options),
    )


def test_labels_come_along(folder):
    shape = (16, 16, 1)
    model = zoo.ConditionalDCGAN(image_shape=shape, classes=2, base_filters=2, latent_dim=3, seed=5)
    model.compile()
    model.fit(datasets.stream(folder, shape, labels=True), batch_size=11, verbose=0)
    with pytest.raises(InvalidInputError, match="labels"):
        model.fit(datasets.stream(folder, shape), batch_size=11, verbose=0)


def test_evaluation_reads_each_picture_once(folder):
    model, images = compiled(), datasets.from_folder(folder, SHAPE)
    stream = datasets.stream(folder, SHAPE)
    first, second = (
        model.evaluate(data, batch_size=COUNT, verbose=0, return_dict=True)
        for data in (images, stream)
    )
    assert first["real_accuracy"] == second["real_accuracy"]
    assert first.keys() == second.keys()


def test_each_epoch_ends_with_what_was_skipped(folder):
    (folder / "a" / "02.png").write_bytes(b"no picture")
    (folder / "b" / "05.png").write_bytes(b"no picture")
    stream = datasets.stream(folder, SHAPE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", datasets.SkippedImageWarning)
        compiled().fit(stream, batch_size=8, epochs=2, verbose=0)
    said = [str(w.message) for w in caught if w.category is datasets.SkippedImageWarning]
    assert [text[:40] for text in said] == [
        f"epoch {epoch}: skipped 2 of {COUNT} pictures, which"[:40] for epoch in (1, 2)
    ]
    assert "'a/02.png', 'b/05.png'" in said[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"y": np.zeros(COUNT)}, "brings its labels along"),
        ({"steps_per_epoch": 2}, "steps_per_epoch"),
    ],
    ids=["labels", "steps"],
)
def test_arguments_that_a_stream_has_no_use_for(folder, options, expected):
    with pytest.raises(InvalidInputError, match=expected):
        compiled().fit(datasets.stream(folder, SHAPE), verbose=0, **options)


def test_another_shape_is_refused_before_training(folder):
    with pytest.raises(InvalidInputError, match=r"shape"):
        compiled().fit(datasets.stream(folder, (4, 4, 1)), verbose=0)
