"""References: features in the cache, moments in files."""

import hashlib
import os

import numpy as np
import pytest

from tests.evaluation.stand_ins import Extractor, load_nothing, load_photos, photos
from zoo import datasets
from zoo.errors import DatasetError
from zoo.evaluation.features import reference
from zoo.evaluation.features.reference import (
    cached_features,
    load_reference,
    read_statistics,
    reference_of,
    some_of,
    statistics_path,
    write_statistics,
)

pytestmark = pytest.mark.no_backend


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder that features are kept in."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A weights folder of one's own."""
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def written(own):
    """The moments of `photos(12)`, where those of a split of MNIST are looked for."""
    computed = reference_of(photos(12), Extractor())
    write_statistics(statistics_path(own, "mnist", "test", "mnist"), computed, Extractor())
    return computed


def assert_same_moments(one, other):
    assert one.gaussian.count == other.gaussian.count
    assert np.array_equal(one.gaussian.mean, other.gaussian.mean)
    assert np.array_equal(one.gaussian.covariance, other.gaussian.covariance)
    assert one.data_sha256 == other.data_sha256


def test_moments_are_those_of_all_features():
    images = photos(12)
    features, _ = Extractor().features(images)
    computed = reference_of(images, Extractor())
    assert computed.gaussian.count == 12
    np.testing.assert_allclose(computed.gaussian.mean, features.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(
        computed.gaussian.covariance, np.cov(features, rowvar=False), rtol=1e-5
    )
    assert np.array_equal(computed.features, features)
    assert computed.data_sha256 == hashlib.sha256(images.tobytes()).hexdigest()


def test_single_features_are_kept_of_some_only(monkeypatch):
    monkeypatch.setattr(reference, "COMPARED", 5)
    images = photos(12)
    computed = reference_of(images, Extractor())
    assert computed.gaussian.count == 12
    assert np.array_equal(computed.features, Extractor().features(images)[0][some_of(12)])


def test_some_are_drawn_from_all_of_a_set(monkeypatch):
    monkeypatch.setattr(reference, "COMPARED", 500)
    # Data sets come class by class: the first would be of one kind.
    ordered = np.repeat(np.arange(10), 100)
    chosen = some_of(1000)
    assert len(set(chosen)) == 500
    assert (np.diff(chosen) > 0).all()
    assert np.bincount(ordered[chosen]).min() > 30
    assert np.array_equal(some_of(1000), chosen)
    assert np.array_equal(some_of(7), np.arange(7))


def test_features_are_computed_once(cache):
    images, extractor = photos(6), Extractor()
    features, digest = cached_features(images, extractor)
    assert extractor.seen == 6
    again, same = cached_features(images.copy(), extractor)
    assert extractor.seen == 6
    assert np.array_equal(again, features)
    assert again.dtype == np.float32
    assert same == digest
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    "other", [Extractor("mnist", "b" * 64), Extractor("cifar10"), Extractor("c")]
)
def test_features_of_another_extractor_are_not_taken(other):
    cached_features(photos(6), Extractor())
    cached_features(photos(6), other)
    assert other.seen % 6 == 0
    assert other.seen > 0


def test_features_of_other_images_are_not_taken():
    extractor = Extractor()
    cached_features(photos(6), extractor)
    changed = photos(6)
    changed[5, 7, 7, 0] ^= 1
    for images in (changed, photos(6)[::-1], photos(5)):
        before = extractor.seen
        features, _ = cached_features(images, extractor)
        assert extractor.seen == before + len(images)
        assert np.array_equal(features, Extractor().features(images)[0])


def array(values, path):
    with open(path, "wb") as file:
        np.save(file, values)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 no archive"),
        lambda path: path.write_bytes(path.read_bytes().replace(b"}", b"(", 1)),
        lambda path: array(np.zeros((5, 4), "float32"), path),
        lambda path: array(np.zeros(6, "float32"), path),
        lambda path: array(np.zeros((6, 4), "float64"), path),
        lambda path: array(np.full((6, 4), np.nan, "float32"), path),
        lambda path: array(np.array([{}] * 6), path),
    ],
    ids=["cut", "empty", "zip", "header", "rows", "rank", "dtype", "nan", "pickle"],
)
def test_a_damaged_cache_is_computed_anew(cache, damage):
    images, extractor = photos(6), Extractor()
    features, _ = cached_features(images, extractor)
    (path,) = cache.iterdir()
    sound = path.read_bytes()
    damage(path)
    again, _ = cached_features(images, extractor)
    assert extractor.seen == 12
    assert np.array_equal(again, features)
    assert path.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_time_only(cache):
    cache.parent.mkdir()
    cache.write_text("a file where the folder would be")
    extractor = Extractor()
    for seen in (6, 12):
        features, _ = cached_features(photos(6), extractor)
        assert extractor.seen == seen
        assert np.array_equal(features, Extractor().features(photos(6))[0])


def test_the_split_asked_for_is_read(monkeypatch):
    asked = []
    monkeypatch.setattr(datasets, "load", lambda *key: asked.append(key) or load_photos(*key))
    loaded = load_reference("mnist", "test", Extractor())
    assert asked == [("mnist", "test")]
    assert_same_moments(loaded, reference_of(load_photos("mnist", "test")[0], Extractor()))


def test_what_is_written_is_read(written):
    read = read_statistics("mnist", "test", Extractor())
    assert_same_moments(read, written)
    assert read.features is None


def test_moments_that_came_along_stand_in_for_missing_images(written, monkeypatch):
    monkeypatch.setattr(datasets, "load", load_nothing)
    extractor = Extractor()
    with pytest.warns(UserWarning, match="Only the moments of mnist test are at hand"):
        loaded = load_reference("mnist", "test", extractor)
    assert_same_moments(loaded, written)
    assert loaded.features is None
    assert extractor.seen == 0


def test_images_at_hand_come_before_moments(written, monkeypatch):
    monkeypatch.setattr(datasets, "load", load_photos)
    loaded = load_reference("mnist", "test", Extractor())
    assert loaded.gaussian.count == 40
    assert loaded.features is not None


@pytest.mark.parametrize(
    ("dataset", "split", "extractor"),
    [
        ("mnist", "test", Extractor("mnist", "b" * 64)),
        ("mnist", "test", Extractor("letters")),
        ("mnist", "train", Extractor()),
        ("letters", "test", Extractor()),
    ],
)
def test_moments_of_something_else_are_no_help(written, monkeypatch, dataset, split, extractor):
    monkeypatch.setattr(datasets, "load", load_nothing)
    assert read_statistics(dataset, split, extractor) is None
    with pytest.raises(DatasetError, match="isn't here"):
        load_reference(dataset, split, extractor)


def test_moments_are_found_in_a_later_folder_too(own, cache):
    """Those of another extractor come first, and don't hide those asked for."""
    for folder, extractor in ((own, Extractor("mnist", "b" * 64)), (cache.parent, Extractor())):
        path = statistics_path(folder, "mnist", "test", "mnist")
        write_statistics(path, reference_of(photos(12), extractor), extractor)
    assert read_statistics("mnist", "test", Extractor()) is not None


@pytest.mark.parametrize("name", datasets.names())
def test_the_moments_that_ship_are_of_the_classifiers_that_ship(name):
    from zoo.evaluation import load_classifier

    info, classifier = datasets.info(name), load_classifier(name)
    read = read_statistics(name, info.splits[1], classifier)
    assert read.gaussian.count == info.sizes[1]
    assert read.gaussian.mean.shape == (classifier.feature_width,)
    assert np.linalg.eigvalsh(read.gaussian.covariance).min() > -1e-9


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_costs_time_only(cache):
    cache.mkdir(parents=True, mode=0o500)
    extractor = Extractor()
    cached_features(photos(6), extractor)
    assert extractor.seen == 6
